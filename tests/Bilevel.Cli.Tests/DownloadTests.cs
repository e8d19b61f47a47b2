using System.Security.Cryptography;
using static Bilevel.Cli.Tests.LoopbackServer;

namespace Bilevel.Cli.Tests;

public class DownloadTests
{
    private static readonly byte[] Content = [.. Enumerable.Range(0, 200_000).Select(i => (byte)RandomBits.At(1, (ulong)i))];
    private static readonly RemoteFile File1 = new("a.gz", Content.Length, Convert.ToHexStringLower(SHA256.HashData(Content)));

    [Fact]
    public async Task AFileComesWhole()
    {
        using var folder = new Folder();
        using var server = new LoopbackServer((request, stream) => Serve(request, stream, Content));
        long arrived = 0;
        Assert.Equal(DownloadOutcome.Downloaded, await Fetch(server, folder, progress: n => arrived = n));
        AssertWhole(folder);
        Assert.Equal(Content.Length, arrived);
        Assert.Equal(("/a.gz", null), (Assert.Single(server.Requests).Path, server.Requests[0].From));
    }

    [Fact]
    public async Task ACutConnectionGoesOnWhereItEnded()
    {
        using var folder = new Folder();
        int cut = 0;
        using var server = new LoopbackServer((request, stream) =>
        {
            if (cut++ > 0)
            {
                Serve(request, stream, Content);
                return;
            }

            Head(stream, "200 OK", $"Content-Length: {Content.Length}", "ETag: \"v1\"");
            stream.Write(Content.AsSpan(0, 70_000));
        });
        Assert.Equal(DownloadOutcome.Downloaded, await Fetch(server, folder));
        AssertWhole(folder);
        Assert.Equal([null, 70_000], server.Requests.Select(r => r.From));
        Assert.Equal("\"v1\"", server.Requests[1].Headers["if-range"]);
    }

    [Fact]
    public async Task ManyCutsAreNoFailureWhileBytesCome()
    {
        using var folder = new Folder();
        using var server = new LoopbackServer((request, stream) =>
        {
            int from = request.From ?? 0;
            Head(stream, from > 0 ? "206 Partial Content" : "200 OK", $"Content-Length: {Content.Length - from}", $"Content-Range: bytes {from}-{Content.Length - 1}/{Content.Length}");
            stream.Write(Content.AsSpan(from, Math.Min(20_000, Content.Length - from)));
        });
        Assert.Equal(DownloadOutcome.Downloaded, await Fetch(server, folder));
        AssertWhole(folder);
        Assert.Equal(10, server.Requests.Count);
    }

    [Fact]
    public async Task APartOfAnEarlierAttemptIsUsed()
    {
        using var folder = new Folder();
        await File.WriteAllBytesAsync(folder["a.gz.part"], Content[..150_000], TestContext.Current.CancellationToken);
        using var server = new LoopbackServer((request, stream) => Serve(request, stream, Content));
        Assert.Equal(DownloadOutcome.Resumed, await Fetch(server, folder));
        AssertWhole(folder);
        Assert.Equal(150_000, Assert.Single(server.Requests).From);
    }

    [Theory]
    [InlineData(100, 1)]
    [InlineData(200_000, 1)]
    [InlineData(200_001, 0)]
    public async Task APartOfAnotherVersionIsThrownAway(int length, int notes)
    {
        using var folder = new Folder();
        await File.WriteAllBytesAsync(folder["a.gz.part"], new byte[length], TestContext.Current.CancellationToken);
        using var server = new LoopbackServer((request, stream) => Serve(request, stream, Content));
        var told = new List<string>();
        Assert.Equal(DownloadOutcome.Downloaded, await Fetch(server, folder, note: told.Add));
        AssertWhole(folder);
        Assert.Null(server.Requests[^1].From);
        Assert.Equal(notes, told.Count(t => t.Contains("has not the right checksum, so the file is fetched from its beginning", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task AServerWithoutRangesBeginsAnew()
    {
        using var folder = new Folder();
        await File.WriteAllBytesAsync(folder["a.gz.part"], Content[..150_000], TestContext.Current.CancellationToken);
        using var server = new LoopbackServer((_, stream) =>
        {
            Head(stream, "200 OK", $"Content-Length: {Content.Length}");
            stream.Write(Content);
        });
        Assert.Equal(DownloadOutcome.Downloaded, await Fetch(server, folder));
        AssertWhole(folder);
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData("416 Range Not Satisfiable", "Content-Length: 0")]
    [InlineData("206 Partial Content", "Content-Range: bytes 7-9/200000")]
    public async Task AServerThatDoesNotGoOnIsAskedForAll(string status, string header)
    {
        using var folder = new Folder();
        await File.WriteAllBytesAsync(folder["a.gz.part"], Content[..150_000], TestContext.Current.CancellationToken);
        using var server = new LoopbackServer((request, stream) =>
        {
            if (request.From is null) Serve(request, stream, Content);
            else Head(stream, status, header);
        });
        await Fetch(server, folder);
        AssertWhole(folder);
        Assert.Equal([150_000, null], server.Requests.Select(r => r.From));
    }

    [Fact]
    public async Task DamagedBytesAreRemoved()
    {
        using var folder = new Folder();
        byte[] damaged = [.. Content];
        damaged[777] ^= 1;
        using var server = new LoopbackServer((request, stream) => Serve(request, stream, damaged));
        var error = await Assert.ThrowsAsync<DownloadException>(() => Fetch(server, folder));
        Assert.StartsWith($"{server.Address}a.gz does not have the checksum of a.gz: it is damaged or another file. What arrived was removed.", error.Message);
        Assert.Empty(Directory.GetFiles(folder.Path));
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData("404 Not Found", "There is no {0}a.gz (404). Name the folder on the web that holds the file with --from or BILEVEL_DATA_URL.")]
    [InlineData("403 Forbidden", "{0}a.gz cannot be fetched: the server answers 403 (Forbidden). Name another address with --from or BILEVEL_DATA_URL.")]
    public async Task ARefusalIsToldAtOnce(string status, string message)
    {
        using var folder = new Folder();
        using var server = new LoopbackServer((_, stream) => Head(stream, status, "Content-Length: 0"));
        var error = await Assert.ThrowsAsync<UsageException>(() => Fetch(server, folder));
        Assert.Equal(string.Format(System.Globalization.CultureInfo.InvariantCulture, message, server.Address), error.Message);
        Assert.Single(server.Requests);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task AServerInTroubleIsAskedAgainAFewTimes()
    {
        using var folder = new Folder();
        int asked = 0;
        using var recovers = new LoopbackServer((request, stream) =>
        {
            if (++asked < 4) Head(stream, "503 Service Unavailable", "Content-Length: 0");
            else Serve(request, stream, Content);
        });
        Assert.Equal(DownloadOutcome.Downloaded, await Fetch(recovers, folder));
        AssertWhole(folder);

        using var other = new Folder();
        using var stays = new LoopbackServer((_, stream) => Head(stream, "503 Service Unavailable", "Content-Length: 0"));
        var error = await Assert.ThrowsAsync<DownloadException>(() => Fetch(stays, other));
        Assert.Contains("could not be fetched: the server answers 503 (ServiceUnavailable). 0 of 200,000 bytes are in", error.Message);
        Assert.Equal(4, stays.Requests.Count);
    }

    [Fact]
    public async Task ASilentServerIsGivenUpAndThePartStays()
    {
        using var folder = new Folder();
        using var end = new ManualResetEventSlim();
        using var server = new LoopbackServer((request, stream) =>
        {
            if (request.From is null)
            {
                Head(stream, "200 OK", $"Content-Length: {Content.Length}");
                stream.Write(Content.AsSpan(0, 50_000));
            }

            end.Wait(TimeSpan.FromSeconds(20));
        });
        var error = await Assert.ThrowsAsync<DownloadException>(() => Fetch(server, folder, patience: TimeSpan.FromSeconds(0.9)));
        end.Set();
        Assert.Contains("nothing came for 900 ms. 50,000 of 200,000 bytes are in", error.Message);
        Assert.Equal(Content[..50_000], await File.ReadAllBytesAsync(folder["a.gz.part"], TestContext.Current.CancellationToken));
        Assert.False(File.Exists(folder["a.gz"]));
    }

    [Fact]
    public async Task ASlowServerIsWaitedFor()
    {
        using var folder = new Folder();
        using var server = new LoopbackServer((_, stream) =>
        {
            Head(stream, "200 OK", $"Content-Length: {Content.Length}");
            for (int i = 0; i < 8; i++)
            {
                stream.Write(Content.AsSpan(i * 25_000, 25_000));
                Thread.Sleep(100);
            }
        });

        // Longer in all than the patience, which is for silence.
        Assert.Equal(DownloadOutcome.Downloaded, await Fetch(server, folder, patience: TimeSpan.FromSeconds(0.6)));
        AssertWhole(folder);
    }

    [Theory]
    [InlineData("Content-Length: 200001", "a.gz has 200,001 bytes where a.gz has 200,000: it is another file.")]
    [InlineData("X-Nothing: 1", "a.gz has more than the 200,000 bytes of a.gz: it is another file.")]
    public async Task AFileOfAnotherLengthIsRefused(string header, string message)
    {
        using var folder = new Folder();
        using var server = new LoopbackServer((_, stream) =>
        {
            Head(stream, "200 OK", header);
            stream.Write(Content);
            stream.Write(new byte[1]);
        });
        Assert.Contains(message, (await Assert.ThrowsAsync<UsageException>(() => Fetch(server, folder))).Message);
        Assert.False(File.Exists(folder["a.gz"]));
        Assert.True(!File.Exists(folder["a.gz.part"]) || new FileInfo(folder["a.gz.part"]).Length == 0);
    }

    [Fact]
    public async Task ARedirectIsFollowed()
    {
        using var folder = new Folder();
        using var server = new LoopbackServer((request, stream) =>
        {
            if (request.Path == "/a.gz") Head(stream, "302 Found", "Location: /elsewhere/b", "Content-Length: 0");
            else Serve(request, stream, Content);
        });
        await File.WriteAllBytesAsync(folder["a.gz.part"], Content[..1000], TestContext.Current.CancellationToken);
        Assert.Equal(DownloadOutcome.Resumed, await Fetch(server, folder));
        AssertWhole(folder);
        Assert.Equal([("/a.gz", 1000), ("/elsewhere/b", 1000)], server.Requests.Select(r => (r.Path, r.From ?? 0)));
    }

    [Fact]
    public async Task AFileThatIsThereIsKeptAndAnotherIsNotWrittenOver()
    {
        using var folder = new Folder();
        using var server = new LoopbackServer((request, stream) => Serve(request, stream, Content));
        await Fetch(server, folder);
        Assert.Equal(DownloadOutcome.Kept, await Fetch(server, folder));
        Assert.Single(server.Requests);

        await File.WriteAllTextAsync(folder["a.gz"], "other", TestContext.Current.CancellationToken);
        var refused = await Assert.ThrowsAsync<UsageException>(() => Fetch(server, folder));
        Assert.Equal($"{folder["a.gz"]} is there and is not the file of the data set; nothing is written over it. Move it away, or name another folder with --out.", refused.Message);
        Assert.Equal("other", folder.Read("a.gz"));
    }

    [Fact]
    public async Task CancellationKeepsWhatHasArrived()
    {
        using var folder = new Folder();
        using var cancellation = new CancellationTokenSource();
        using var server = new LoopbackServer((_, stream) =>
        {
            Head(stream, "200 OK", $"Content-Length: {Content.Length}");
            stream.Write(Content.AsSpan(0, 30_000));
            cancellation.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(20));
        });
        using var download = Of(server.Address, folder, progress: n =>
        {
            if (n == 30_000) cancellation.Cancel();
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => download.Fetch(File1, cancellation.Token));
        Assert.Equal(Content[..30_000], await File.ReadAllBytesAsync(folder["a.gz.part"], TestContext.Current.CancellationToken));
        Assert.False(File.Exists(folder["a.gz"]));
    }

    private static void AssertWhole(Folder folder)
    {
        Assert.Equal(Content, File.ReadAllBytes(folder["a.gz"]));
        Assert.Equal([folder["a.gz"]], Directory.GetFiles(folder.Path));
    }

    private static async Task<DownloadOutcome> Fetch(LoopbackServer server, Folder folder, Action<long>? progress = null, Action<string>? note = null, TimeSpan? patience = null)
    {
        using var download = Of(server.Address, folder, progress, note, patience);
        return await download.Fetch(File1, TestContext.Current.CancellationToken);
    }

    private static Download Of(Uri address, Folder folder, Action<long>? progress = null, Action<string>? note = null, TimeSpan? patience = null) => new(address, folder.Path)
    {
        Pause = TimeSpan.FromMilliseconds(1),
        Patience = patience ?? TimeSpan.FromSeconds(10),
        Progress = (_, n) => progress?.Invoke(n),
        Note = note,
    };
}
