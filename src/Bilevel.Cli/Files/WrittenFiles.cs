using System.Security.Cryptography;
using System.Text;

namespace Bilevel.Cli;

/// <summary>
/// Which files of a folder this tool wrote: a list beside them, locked while a command writes there. A file that is not
/// on it, or was changed since, belongs to somebody else.
/// </summary>
/// <remarks>
/// Lines are appended only, so that a kill leaves all but the last: owner, fingerprint (or - where the file is still
/// being written), name. The lock is the system's and ends with the process.
/// </remarks>
internal sealed class WrittenFiles : IDisposable
{
    public const string ListName = ".bilevel";
    private const string Title = "Files in this folder that the tool bilevel wrote, and may write over", Unfinished = "-", Gone = "removed";

    // What the system says of a file that another process has locked: Linux, macOS, Windows.
    private static readonly int[] Locked = [11, 35, unchecked((int)0x80070020)];

    private readonly string folder;
    private readonly FileStream list;
    private readonly Dictionary<string, (string Owner, string Fingerprint)> entries = [];

    private WrittenFiles(string folder, FileStream list)
    {
        (this.folder, this.list) = (folder, list);
        byte[] bytes = new byte[list.Length];
        list.ReadExactly(bytes);
        int whole = Array.LastIndexOf(bytes, (byte)'\n') + 1;
        string text = Encoding.UTF8.GetString(bytes);
        if (!text.StartsWith(Title, StringComparison.Ordinal) && !Title.StartsWith(text, StringComparison.Ordinal))
            throw new UsageException($"{list.Name} is there already and is not the tool's own list of files. Move it, or name another folder with --out.");

        // A line that was cut off by a kill says nothing.
        if (whole < list.Length) list.SetLength(whole);
        list.Position = whole;
        string[] lines = Encoding.UTF8.GetString(bytes, 0, whole).Split('\n');
        foreach (string line in lines.Skip(1))
        {
            if (line.Split(' ', 3) is [var owner, var fingerprint, var name]) entries[name] = (owner, fingerprint);
        }
    }

    /// <summary>Locks a folder that exists.</summary>
    /// <exception cref="UsageException">Another command writes there.</exception>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public static WrittenFiles Open(string folder)
    {
        string path = Path.Combine(folder, ListName);
        FileStream list;
        try
        {
            list = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException e) when (Locked.Contains(e.HResult))
        {
            throw new UsageException($"{folder} is in use by another run. Wait for its end, or name another folder with --out.", e);
        }

        try
        {
            return new WrittenFiles(folder, list);
        }
        catch
        {
            list.Dispose();
            throw;
        }
    }

    /// <summary>Refuses to write files that others wrote, and to touch what is read.</summary>
    /// <param name="names">Files to write.</param>
    /// <param name="owner">The verb whose earlier files will be removed; null for none.</param>
    /// <param name="inputs">Full paths of the files that are read.</param>
    /// <exception cref="UsageException">The message names the file.</exception>
    public void Refuse(IReadOnlyCollection<string> names, string? owner, IReadOnlyList<string> inputs)
    {
        var touched = names.Concat(owner is null ? [] : Of(owner)).ToHashSet();
        foreach (string input in inputs.Select(Resolved))
        {
            if (touched.FirstOrDefault(n => Resolved(In(n)) == input) is { } read)
                throw new UsageException($"{In(read)} is read by this command, which would write over it. Name another folder with --out.");
        }

        foreach (string name in names)
        {
            if (File.Exists(In(name)) && !IsOurs(name)) throw Foreign(name);
            if (File.Exists(In(name) + WholeFile.Fresh) && !entries.ContainsKey(name)) throw Foreign(name + WholeFile.Fresh);
        }
    }

    /// <summary>Whether the file is as this tool left it.</summary>
    public bool IsOurs(string name) =>
        entries.TryGetValue(name, out var entry) && entry.Owner != Gone && (entry.Fingerprint == Unfinished || entry.Fingerprint == FingerprintOf(In(name)));

    /// <summary>Notes that these files are about to be written.</summary>
    public void Begin(string owner, IEnumerable<string> names) => Note([.. names.Select(n => (owner, Unfinished, n))]);

    /// <summary>Notes the files as they are now, so that a later change by somebody else is seen.</summary>
    public void End(string owner, IEnumerable<string> names)
    {
        try
        {
            Note([.. names.Where(n => File.Exists(In(n))).Select(n => (owner, FingerprintOf(In(n)), n))]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // They stay noted as files that are being written.
        }
    }

    /// <summary>Removes what that verb left, but for the files named.</summary>
    public void Remove(string owner, IReadOnlyCollection<string> kept)
    {
        List<string> gone = [];
        foreach (string name in Of(owner).Except(kept))
        {
            File.Delete(In(name) + WholeFile.Fresh);
            if (File.Exists(In(name)) && !IsOurs(name)) continue;
            File.Delete(In(name));
            gone.Add(name);
        }

        Note([.. gone.Select(n => (Gone, Unfinished, n))]);
    }

    /// <summary>Gives the folder free; a list of nothing is taken away.</summary>
    public void Dispose()
    {
        bool isEmpty = list.CanRead && list.Length == 0;

        // Before the lock ends where the system allows it, so that nobody else's list is taken away.
        if (isEmpty) WholeFile.TryDelete(list.Name);
        list.Dispose();
        if (isEmpty && OperatingSystem.IsWindows()) WholeFile.TryDelete(list.Name);
    }

    private IEnumerable<string> Of(string owner) => entries.Where(e => e.Value.Owner == owner).Select(e => e.Key);

    private UsageException Foreign(string name) =>
        new($"{In(name)} would be written over, and no run of this tool wrote it as it is. Move it, or name another folder with --out.");

    private void Note(IReadOnlyList<(string Owner, string Fingerprint, string Name)> changes)
    {
        var news = changes.Where(c => !entries.TryGetValue(c.Name, out var known) || known != (c.Owner, c.Fingerprint)).ToList();
        if (news.Count == 0) return;
        long whole = list.Length;
        try
        {
            list.Write(Encoding.UTF8.GetBytes((whole == 0 ? Title + "\n" : "") + string.Concat(news.Select(c => $"{c.Owner} {c.Fingerprint} {c.Name}\n"))));
        }
        catch (IOException)
        {
            list.SetLength(whole);
            list.Position = whole;
            throw;
        }

        foreach (var (owner, fingerprint, name) in news) entries[name] = (owner, fingerprint);
    }

    /// <summary>The SHA-256 of a file.</summary>
    public static string FingerprintOf(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    // One file may be reached by several paths.
    private static string Resolved(string path)
    {
        try
        {
            string full = Path.GetFullPath(path);
            if (File.ResolveLinkTarget(full, returnFinalTarget: true) is { } target) full = target.FullName;
            return Path.GetDirectoryName(full) is { } parent && Directory.ResolveLinkTarget(parent, returnFinalTarget: true) is { } real
                ? Path.Combine(real.FullName, Path.GetFileName(full)) : full;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return path;
        }
    }

    private string In(string name) => Path.Combine(folder, name);
}
