using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Bilevel.Cli.Tests;

/// <summary>What a client asked for.</summary>
internal sealed record Request(string Path, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>The first byte that it wants; null where it wants all.</summary>
    public int? From => Headers.TryGetValue("range", out string? range) ? int.Parse(range["bytes=".Length..^1], System.Globalization.CultureInfo.InvariantCulture) : null;
}

/// <summary>A web server of this machine only, whose every answer the test writes byte by byte; the connection ends with the answer.</summary>
internal sealed class LoopbackServer : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly Action<Request, Stream> answer;
    private readonly List<Request> requests = [];

    public LoopbackServer(Action<Request, Stream> answer)
    {
        this.answer = answer;
        listener.Start();
        _ = Accept();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/");

    public IReadOnlyList<Request> Requests
    {
        get
        {
            lock (requests) return [.. requests];
        }
    }

    public static void Head(Stream stream, string status, params string[] headers) =>
        stream.Write(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nConnection: close\r\n{string.Concat(headers.Select(h => h + "\r\n"))}\r\n"));

    /// <summary>A server that keeps the rules: all of the content, or the rest that is asked for.</summary>
    public static void Serve(Request request, Stream stream, byte[] content)
    {
        int from = request.From ?? 0;
        if (from >= content.Length) Head(stream, "416 Range Not Satisfiable", "Content-Length: 0");
        else if (request.From is null) Head(stream, "200 OK", $"Content-Length: {content.Length}", "ETag: \"v1\"");
        else Head(stream, "206 Partial Content", $"Content-Length: {content.Length - from}", $"Content-Range: bytes {from}-{content.Length - 1}/{content.Length}", "ETag: \"v1\"");
        stream.Write(content.AsSpan(Math.Min(from, content.Length)));
    }

    public void Dispose() => listener.Dispose();

    private async Task Accept()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await listener.AcceptTcpClientAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }

            _ = Task.Run(() => Answer(client));
        }
    }

    private void Answer(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                var request = Read(stream);
                lock (requests) requests.Add(request);
                answer(request, stream);
            }
            catch (IOException)
            {
                // The client left.
            }
        }
    }

    private static Request Read(NetworkStream stream)
    {
        var text = new StringBuilder();
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && stream.ReadByte() is >= 0 and var next) text.Append((char)next);
        string[] lines = text.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        return new Request(lines[0].Split(' ')[1], lines.Skip(1).Select(l => l.Split(": ", 2)).ToDictionary(h => h[0].ToLowerInvariant(), h => h[1]));
    }
}
