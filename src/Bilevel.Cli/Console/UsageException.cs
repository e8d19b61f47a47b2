namespace Bilevel.Cli;

/// <summary>The command line or a file it names cannot be used; the message says what, where, and what to do.</summary>
internal sealed class UsageException(string message, Exception? inner = null) : Exception(message, inner);
