namespace Bilevel.Cli;

/// <summary>What the system says of an error, as a part of the tool's messages.</summary>
internal static class ErrorText
{
    /// <summary>The first line, with a full stop: some messages go on over several lines, some end without one.</summary>
    public static string Sentence(Exception e)
    {
        string line = e.Message.Split('\n')[0].TrimEnd();
        return line.EndsWith('.') ? line : line + ".";
    }
}
