namespace Bilevel.Cli;

/// <summary>Writes the one result file of a verb that has no run: whole or not at all.</summary>
internal static class ResultFile
{
    /// <summary>Writes DIR/NAME, making the folder where it is missing.</summary>
    /// <exception cref="UsageException">It cannot be written.</exception>
    public static void Write(string folder, string name, Action<TextWriter> write)
    {
        string path = Path.Combine(folder, name), fresh = path + ".new";
        try
        {
            Directory.CreateDirectory(folder);
            using (var writer = new StreamWriter(fresh) { NewLine = "\n" }) write(writer);
            File.Move(fresh, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{path} could not be written: {e.Message} Name another folder with --out.", e);
        }
    }
}
