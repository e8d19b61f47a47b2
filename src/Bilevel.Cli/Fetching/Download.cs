using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Bilevel.Cli;

/// <summary>How a download ended.</summary>
internal enum DownloadOutcome
{
    /// <summary>The file was there, whole and right.</summary>
    Kept,

    /// <summary>It was fetched from its beginning.</summary>
    Downloaded,

    /// <summary>It was fetched from where an earlier attempt had ended.</summary>
    Resumed,
}

/// <summary>
/// Fetches files of known length and checksum. What has arrived lies in NAME.part, from which the next attempt goes on;
/// NAME appears when it is whole and right.
/// </summary>
internal sealed class Download : IDisposable
{
    private const int BufferSize = 1 << 16;

    private readonly HttpClient client;
    private readonly Uri address;
    private readonly string folder;
    private EntityTagHeaderValue? version;
    private bool goesOn;

    /// <param name="address">The folder on the web; ends with a slash.</param>
    /// <param name="folder">The folder to fill; it exists.</param>
    public Download(Uri address, string folder)
    {
        (this.address, this.folder) = (address, folder);

        // Compressed files are kept as they are; what is asked of this machine needs no proxy.
        client = new HttpClient(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(15), AutomaticDecompression = DecompressionMethods.None, UseProxy = !address.IsLoopback }) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("bilevel", null));
    }

    /// <summary>Attempts in a row that bring nothing new before a file is given up.</summary>
    public int Attempts { get; init; } = 4;

    /// <summary>Pause after the first such attempt; it doubles with every one.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait for the next byte.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Told how many bytes of the file have arrived.</summary>
    public Action<RemoteFile, long>? Progress { get; init; }

    /// <summary>Told what a person should know while it goes on.</summary>
    public Action<string>? Note { get; init; }

    public void Dispose() => client.Dispose();

    /// <summary>Fetches a file where it is not there yet.</summary>
    /// <exception cref="UsageException">The address or the folder is wrong, or the disk is full.</exception>
    /// <exception cref="DownloadException">The file did not come, or not as it should be.</exception>
    /// <exception cref="OperationCanceledException">The token asked for it; what has arrived is kept.</exception>
    public async Task<DownloadOutcome> Fetch(RemoteFile file, CancellationToken cancellation)
    {
        string path = Path.Combine(folder, file.Name), part = path + ".part";
        version = null;
        if (OnDisk(path, () => File.Exists(path)))
        {
            if (OnDisk(path, () => IsRight(path, file))) return DownloadOutcome.Kept;
            throw new UsageException($"{path} is there and is not the file of the data set; nothing is written over it. Move it away, or name another folder with --out.");
        }

        goesOn = LengthOf(part) is > 0;
        await Complete(file, part, cancellation).ConfigureAwait(false);
        if (goesOn && !OnDisk(part, () => IsRight(part, file)))
        {
            // The old part may have been of another version.
            Note?.Invoke($"{part} has not the right checksum, so the file is fetched from its beginning.");
            goesOn = false;
            OnDisk(part, () => File.Delete(part));
            await Complete(file, part, cancellation).ConfigureAwait(false);
        }

        if (!OnDisk(part, () => IsRight(part, file)))
        {
            OnDisk(part, () => File.Delete(part));
            throw new DownloadException($"{Shown(file)} does not have the checksum of {file.Name}: it is damaged or another file. What arrived was removed. Repeat the command, or name another address with --from.");
        }

        OnDisk(path, () => File.Move(part, path));
        return goesOn ? DownloadOutcome.Resumed : DownloadOutcome.Downloaded;
    }

    // Attempts until the part is as long as the file.
    private async Task Complete(RemoteFile file, string part, CancellationToken cancellation)
    {
        if (LengthOf(part) > file.Length)
        {
            goesOn = false;
            OnDisk(part, () => File.Delete(part));
        }

        long most = LengthOf(part);
        for (int failures = 0; LengthOf(part) < file.Length;)
        {
            string why;
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            try
            {
                await Attempt(file, part, patience).ConfigureAwait(false);
                why = "it ended too early";
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                why = $"nothing came for {Numbers.Duration(Patience.TotalSeconds)}";
            }
            catch (HttpRequestException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData })
            {
                throw new UsageException($"{Shown(file)} cannot be reached: {ErrorText.Sentence(e.InnerException)} Check the address and the connection, or name another address with --from or {DataSet.AddressVariable}.", e);
            }
            catch (Exception e) when (e is HttpRequestException or HttpIOException or TransientException)
            {
                why = (e.InnerException ?? e).Message.TrimEnd('.');
            }

            long length = LengthOf(part);
            if (length >= file.Length) return;
            failures = length > most ? 1 : failures + 1;
            most = Math.Max(most, length);
            if (failures >= Attempts)
                throw new DownloadException($"{Shown(file)} could not be fetched: {why}. {Numbers.Count(length)} of {Numbers.Count(file.Length)} bytes are in {part}. Repeat the command to go on from there.");
            await Task.Delay(Pause * Math.Pow(2, failures - 1), cancellation).ConfigureAwait(false);
        }
    }

    private async Task Attempt(RemoteFile file, string part, CancellationTokenSource patience)
    {
        long offset = LengthOf(part);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, file.Name));
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        if (offset > 0)
        {
            request.Headers.Range = new RangeHeaderValue(offset, null);
            if (version is { IsWeak: false }) request.Headers.IfRange = new RangeConditionHeaderValue(version);
        }

        patience.CancelAfter(Patience);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            OnDisk(part, () => File.Delete(part));
            throw new TransientException("the server does not go on from where it ended");
        }

        CheckStatus(response.StatusCode, file);
        bool isRest = response.StatusCode == HttpStatusCode.PartialContent;
        var range = response.Content.Headers.ContentRange;
        if (isRest && range?.From != offset)
        {
            OnDisk(part, () => File.Delete(part));
            throw new TransientException("the server sent another part than it was asked for");
        }

        if ((isRest ? range!.Length : response.Content.Headers.ContentLength) is { } total && total != file.Length)
            throw new UsageException($"{Shown(file)} has {Numbers.Count(total)} bytes where {file.Name} has {Numbers.Count(file.Length)}: it is another file. Name another address with --from or {DataSet.AddressVariable}.");
        version = response.Headers.ETag;
        goesOn &= isRest;

        var body = await response.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
        await using var _ = body.ConfigureAwait(false);
        using var stream = OnDisk(part, () => new FileStream(part, isRest ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0));
        await Copy(body, stream, file, part, patience).ConfigureAwait(false);
    }

    private async Task Copy(Stream body, FileStream stream, RemoteFile file, string part, CancellationTokenSource patience)
    {
        var buffer = new byte[BufferSize];
        while (true)
        {
            patience.CancelAfter(Patience);
            int count;
            try
            {
                count = await body.ReadAsync(buffer, patience.Token).ConfigureAwait(false);
            }
            catch (IOException e)
            {
                throw new TransientException((e.InnerException ?? e).Message, e);
            }

            if (count == 0) break;
            long length = OnDisk(part, () =>
            {
                stream.Write(buffer, 0, count);
                return stream.Length;
            });
            Progress?.Invoke(file, length);
            if (length <= file.Length) continue;

            // A body without a length may go on for ever.
            OnDisk(part, () => stream.SetLength(0));
            throw new UsageException($"{Shown(file)} has more than the {Numbers.Count(file.Length)} bytes of {file.Name}: it is another file. Name another address with --from or {DataSet.AddressVariable}.");
        }

        OnDisk(part, () => stream.Flush(flushToDisk: true));
    }

    private void CheckStatus(HttpStatusCode status, RemoteFile file)
    {
        if (status is HttpStatusCode.OK or HttpStatusCode.PartialContent) return;
        string said = $"the server answers {Numbers.Plain((int)status)} ({status})";
        if ((int)status >= 500 || status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests) throw new TransientException(said);
        throw new UsageException(status == HttpStatusCode.NotFound
            ? $"There is no {Shown(file)} (404). Name the folder on the web that holds the file with --from or {DataSet.AddressVariable}."
            : $"{Shown(file)} cannot be fetched: {said}. Name another address with --from or {DataSet.AddressVariable}.");
    }

    // Without a user's name and password, which an address may hold.
    private string Shown(RemoteFile file) => new Uri(address, file.Name).GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.SafeUnescaped);

    private static bool IsRight(string path, RemoteFile file)
    {
        using var stream = File.OpenRead(path);
        return stream.Length == file.Length && Convert.ToHexStringLower(SHA256.HashData(stream)) == file.Sha256;
    }

    private static long LengthOf(string path) => OnDisk(path, () => new FileInfo(path) is { Exists: true } info ? info.Length : 0);

    private static void OnDisk(string path, Action work) => OnDisk(path, () =>
    {
        work();
        return 0;
    });

    // What fails here is the disk's fault, not the network's.
    private static T OnDisk<T>(string path, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{path} could not be written: {ErrorText.Sentence(e)} Make room or mend the folder and repeat the command, or name another folder with --out.", e);
        }
    }

    // Worth another attempt.
    private sealed class TransientException(string message, Exception? inner = null) : Exception(message, inner);
}

/// <summary>A file did not come over the network, or not as it should be; the message says what to do.</summary>
internal sealed class DownloadException(string message) : Exception(message);
