using System.Diagnostics;

namespace Bilevel.Cli.Tests;

/// <summary>A disk of a few kilobytes, in memory, that goes away with the test; tests that cannot have one are skipped.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly Folder place = new();

    public SmallDisk(int kilobytes)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "Mounts a disk, which Linux lets root do.");
        bool isMounted = Call("mount", "-t", "tmpfs", "-o", FormattableString.Invariant($"size={kilobytes}k"), "tmpfs", place.Path);
        if (!isMounted) place.Dispose();
        Assert.SkipUnless(isMounted, "This machine does not let root mount a disk.");
    }

    public string Path => place.Path;

    public string this[params string[] names] => place[names];

    public string Read(params string[] names) => place.Read(names);

    /// <summary>Every file below, without its folder.</summary>
    public IEnumerable<string> Names => Directory.EnumerateFiles(Path, "*", SearchOption.AllDirectories).Select(f => System.IO.Path.GetFileName(f)!);

    /// <summary>Fills the disk but for so many kilobytes.</summary>
    public void Fill(int left)
    {
        using var ballast = new FileStream(this["ballast"], FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true) ballast.Write(new byte[4096]);
        }
        catch (IOException)
        {
            ballast.SetLength(ballast.Length - (left * 1024));
        }
    }

    public void MakeRoom() => File.Delete(this["ballast"]);

    public void ForbidWriting() => Assert.True(Call("mount", "-o", "remount,ro", Path), "The disk could not be made read-only.");

    public void Dispose()
    {
        Call("umount", "-l", Path);
        place.Dispose();
    }

    private static bool Call(string program, params string[] args)
    {
        using var process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
