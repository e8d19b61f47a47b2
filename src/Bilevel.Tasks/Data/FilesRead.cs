namespace Bilevel.Tasks;

/// <summary>The files that the readers of this library open while some work is done: what a task was built from, whatever its settings.</summary>
public static class FilesRead
{
    private static readonly AsyncLocal<List<string>?> Current = new();
    private static readonly AsyncLocal<CancellationToken> Wish = new();

    /// <summary>Whether reading is to be given up.</summary>
    internal static CancellationToken Cancellation => Wish.Value;

    /// <summary>Does some work and tells which files were opened, each by its full path once, in the order of opening.</summary>
    /// <typeparam name="T">What the work gives.</typeparam>
    /// <param name="work">The work.</param>
    /// <param name="cancellation">Ends the reading of files, with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="OperationCanceledException">It was asked for.</exception>
    public static (T Result, IReadOnlyList<string> Paths) During<T>(Func<T> work, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(work);
        List<string> paths = [];
        var (outer, outerWish) = (Current.Value, Wish.Value);
        (Current.Value, Wish.Value) = (paths, cancellation);
        try
        {
            return (work(), paths);
        }
        finally
        {
            (Current.Value, Wish.Value) = (outer, outerWish);
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
