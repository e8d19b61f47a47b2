namespace Bilevel.Tasks;

/// <summary>The files that the readers of this library open while some work is done: what a task was built from, whatever its settings.</summary>
public static class FilesRead
{
    private static readonly AsyncLocal<List<string>?> Current = new();

    /// <summary>Does some work and tells which files were opened, each by its full path once, in the order of opening.</summary>
    /// <typeparam name="T">What the work gives.</typeparam>
    /// <param name="work">The work.</param>
    public static (T Result, IReadOnlyList<string> Paths) During<T>(Func<T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        List<string> paths = [];
        var outer = Current.Value;
        Current.Value = paths;
        try
        {
            return (work(), paths);
        }
        finally
        {
            Current.Value = outer;
        }
    }

    internal static void Add(string path)
    {
        if (Current.Value is not { } paths) return;
        string full = Path.GetFullPath(path);
        lock (paths)
        {
            if (!paths.Contains(full)) paths.Add(full);
        }
    }
}
