namespace Bilevel.Cli;

/// <summary>Files that appear whole or not at all.</summary>
internal static class WholeFile
{
    /// <summary>What the name of a file ends with until it is whole.</summary>
    public const string Fresh = ".new";

    /// <summary>Writes a text file beside its place and moves it there, lines ended by a line feed.</summary>
    /// <exception cref="IOException">It could not be written; the file that was there is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">The same, for lack of permission.</exception>
    public static void Replace(string path, Action<TextWriter> write)
    {
        string fresh = path + Fresh;
        try
        {
            using (var writer = new StreamWriter(fresh) { NewLine = "\n" }) write(writer);
            File.Move(fresh, path, overwrite: true);
        }
        catch
        {
            TryDelete(fresh);
            throw;
        }
    }

    /// <summary>Writes DIR/NAME for a verb that has no run, making the folder where it is missing.</summary>
    /// <param name="folder">DIR.</param>
    /// <param name="name">NAME.</param>
    /// <param name="write">Writes the text.</param>
    /// <param name="verb">The verb.</param>
    /// <param name="inputs">Full paths of the files that it read.</param>
    /// <exception cref="UsageException">It cannot be written, or is somebody else's file.</exception>
    public static void Write(string folder, string name, Action<TextWriter> write, string verb, IReadOnlyList<string> inputs)
    {
        try
        {
            Directory.CreateDirectory(folder);
            using var files = WrittenFiles.Open(folder);
            files.Refuse([name], null, inputs);
            files.Begin(verb, [name]);
            Replace(Path.Combine(folder, name), write);
            files.End(verb, [name]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{Path.Combine(folder, name)} could not be written: {ErrorText.Sentence(e)} Name another folder with --out.", e);
        }
    }

    /// <summary>Deletes a file where that is possible.</summary>
    public static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            // Something failed already; that is the error to tell.
        }
    }

    /// <summary>A file could not be written.</summary>
    public static UsageException Unwritable(string path, Exception e) =>
        new($"{path} could not be written: {ErrorText.Sentence(e)} Make room or mend the folder, then repeat the command; with --resume it goes on from the last checkpoint, where there is one.", e);
}
