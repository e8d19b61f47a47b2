namespace Bilevel.Cli;

/// <summary>A command line that can be pasted into a shell.</summary>
internal static class ShellCommand
{
    private const string Harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";

    public static string Of(IEnumerable<string> arguments) => string.Join(' ', arguments.Prepend("bilevel").Select(Quote));

    /// <summary>The command that repeats a run from its beginning.</summary>
    public static string Repeating(IEnumerable<string> arguments) => Of(arguments.Where(a => a is not "--resume"));

    /// <summary>The command that continues a run.</summary>
    public static string Resuming(IEnumerable<string> arguments) => Of(arguments.Where(a => a is not ("--overwrite" or "--resume")).Append("--resume"));

    public static string Quote(string argument)
    {
        if (argument.Length > 0 && argument.All(Harmless.Contains)) return argument;
        return OperatingSystem.IsWindows()
            ? $"\"{argument.Replace("\"", "\\\"", StringComparison.Ordinal)}\""
            : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }
}
