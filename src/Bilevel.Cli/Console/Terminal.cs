namespace Bilevel.Cli;

/// <summary>Where the tool writes.</summary>
/// <param name="Out">Results.</param>
/// <param name="Error">Errors, progress, hints.</param>
/// <param name="ErrorIsTerminal">Whether a person watches <paramref name="Error"/>, so that progress makes sense.</param>
internal sealed record Terminal(TextWriter Out, TextWriter Error, bool ErrorIsTerminal);
