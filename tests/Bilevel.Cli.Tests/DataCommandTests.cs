using System.Net;
using System.Net.Sockets;

namespace Bilevel.Cli.Tests;

public class DataCommandTests
{
    private static readonly string[] Names = ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"];

    [Fact]
    public void ListTellsNamesSizesAndAddresses()
    {
        var answer = Tool.Run("data", "list");
        Assert.Equal(0, answer.Code);
        Assert.StartsWith("mnist: Handwritten digits", answer.Out);
        Assert.Contains("  train-images-idx3-ubyte.gz   9,912,422 bytes\n", answer.Out);
        var set = Tool.Run("data", "list", "--json").Json.GetProperty("data_sets")[0];
        Assert.Equal("mnist", set.GetProperty("name").GetString());
        Assert.StartsWith("https://", set.GetProperty("address").GetString());
        Assert.Equal(Names, set.GetProperty("files").EnumerateArray().Select(f => f.GetProperty("name").GetString()).Order(StringComparer.Ordinal));
        Assert.All(set.GetProperty("files").EnumerateArray(), f => Assert.Matches("^[0-9a-f]{64}$", f.GetProperty("sha256").GetString()));
    }

    [Theory]
    [InlineData("Say what to do: list, get. 'bilevel data --help' shows what it takes, with examples.", "data")]
    [InlineData("There is no command 'gte'. Did you mean 'get'?", "data", "gte")]
    [InlineData("There is no data set 'minst'. Did you mean 'mnist'?", "data", "get", "minst")]
    [InlineData("'bilevel data get' has no option --form. Did you mean '--from'?", "data", "get", "mnist", "--form", "x")]
    [InlineData("--from takes the address of a folder on the web, such as https://ossci-datasets.s3.amazonaws.com/mnist/; it got 'ftp://a/b'.", "data", "get", "mnist", "--from", "ftp://a/b")]
    [InlineData("--from takes the address of a folder on the web, such as https://ossci-datasets.s3.amazonaws.com/mnist/; it got 'mnist'.", "data", "get", "mnist", "--from", "mnist")]
    [InlineData("--from takes the address of a folder on the web, such as https://ossci-datasets.s3.amazonaws.com/mnist/; it got 'http://a/?b'.", "data", "get", "mnist", "--from", "http://a/?b")]
    public void WrongInputIsOneLineAndExit2(string message, params string[] args)
    {
        var answer = Tool.Run(args);
        Assert.Equal((2, $"bilevel: {message}\n", ""), (answer.Code, answer.Error, answer.Out));
    }

    [Fact]
    public void ARefusedConnectionIsTold()
    {
        using var folder = new Folder();
        using var unused = new TcpListener(IPAddress.Loopback, 0);
        unused.Start();
        int port = ((IPEndPoint)unused.LocalEndpoint).Port;
        unused.Stop();
        var answer = Tool.Run("data", "get", "mnist", "--out", folder["mnist"], "--from", $"http://127.0.0.1:{port}/set");
        Assert.Equal(2, answer.Code);
        Assert.Matches($"^bilevel: http://127.0.0.1:{port}/set/t10k-labels-idx1-ubyte.gz cannot be reached: [^\n]+ Check the address and the connection, or name another address with --from or BILEVEL_DATA_URL.\n$", answer.Error);
        Assert.Empty(Directory.GetFiles(folder["mnist"]));
    }

    [Fact]
    public void AMissingFileIsToldWithoutThePassword()
    {
        using var folder = new Folder();
        using var server = new LoopbackServer((_, stream) => LoopbackServer.Head(stream, "404 Not Found", "Content-Length: 0"));
        var answer = Tool.Run("data", "get", "mnist", "--out", folder.Path, "--from", $"http://me:secret@127.0.0.1:{server.Address.Port}/");
        Assert.Equal((2, $"bilevel: There is no {server.Address}t10k-labels-idx1-ubyte.gz (404). Name the folder on the web that holds the file with --from or BILEVEL_DATA_URL.\n"), (answer.Code, answer.Error));
    }

    [Fact]
    public void DamagedBytesAreExit3()
    {
        using var folder = new Folder();
        using var server = new LoopbackServer((request, stream) => LoopbackServer.Serve(request, stream, new byte[4542]));
        var answer = Tool.Run("data", "get", "mnist", "--out", folder.Path, "--from", server.Address.AbsoluteUri);
        Assert.Equal(3, answer.Code);
        Assert.StartsWith($"bilevel: {server.Address}t10k-labels-idx1-ubyte.gz does not have the checksum", answer.Error);
        Assert.Single(answer.Error.TrimEnd().Split('\n'));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void AFileInPlaceOfTheFolderIsRefused()
    {
        using var folder = new Folder();
        File.WriteAllText(folder["file"], "");
        var answer = Tool.Run("data", "get", "mnist", "--out", folder["file"], "--from", "http://127.0.0.1:9/");
        Assert.Equal((2, $"bilevel: {folder["file"]} is a file; --out takes a folder.\n"), (answer.Code, answer.Error));
        Assert.Equal(2, Tool.Run("data", "get", "mnist", "--out", folder["file", "below"], "--from", "http://127.0.0.1:9/").Code);
    }

    [Fact]
    public void AFolderThatIsReadOnlyIsRefused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Uses the read-only file system of Linux.");
        var answer = Tool.Run("data", "get", "mnist", "--out", "/sys/bilevel-test", "--from", "http://127.0.0.1:9/");
        Assert.Equal(2, answer.Code);
        Assert.StartsWith("bilevel: The folder /sys/bilevel-test cannot be made: ", answer.Error);
        Assert.Single(answer.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public void TheRealFilesComeAndAreUsed()
    {
        string data = Environment.GetEnvironmentVariable("BILEVEL_DATA") ?? "";
        Assert.SkipWhen(data.Length == 0, "BILEVEL_DATA is not set: it names the folder that holds mnist/ with the four files of MNIST.");
        using var folder = new Folder();
        using var server = new LoopbackServer((request, stream) => LoopbackServer.Serve(request, stream, File.ReadAllBytes(Path.Combine(data, "mnist", Path.GetFileName(request.Path)))));
        StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        Assert.Equal(0, CommandLine.Run(["data", "get", "mnist", "--out", folder["m n"], "--from", server.Address.AbsoluteUri], TestHost.TestTasks.All, new Terminal(output, error, ErrorIsTerminal: true)));
        Assert.Equal(Names, Directory.GetFiles(folder["m n"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Contains("train-images-idx3-ubyte.gz   9,912,422 bytes   downloaded\n", output.ToString());
        Assert.EndsWith($"All files are in {folder["m n"]}, with the right checksums. To use them: bilevel run hyper-cleaning --data {ShellCommand.Quote(folder["m n"])}\n", output.ToString());
        Assert.Contains("\rtrain-images-idx3-ubyte.gz: 9,912,422 of 9,912,422 bytes (100%)", error.ToString());
        Assert.EndsWith(" \r", error.ToString());

        var again = Tool.Run("data", "get", "mnist", "--json", "--out", folder["m n"], "--from", server.Address.AbsoluteUri);
        Assert.Equal((0, ""), (again.Code, again.Error));
        Assert.Equal(["kept", "kept", "kept", "kept"], again.Json.GetProperty("files").EnumerateArray().Select(f => f.GetProperty("outcome").GetString()));
        Assert.Equal(4, server.Requests.Count);
        Assert.Equal(60_000, Tasks.IdxFile.LoadMnist(folder["m n"], train: true).Count);
    }

    [Fact]
    public void CtrlCKeepsThePartAndTheVariableNamesTheAddress()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Sends signals.");
        using var folder = new Folder();
        using var end = new ManualResetEventSlim();
        using var server = new LoopbackServer((_, stream) =>
        {
            LoopbackServer.Head(stream, "200 OK", "Content-Length: 4542");
            stream.Write(new byte[1000]);
            end.Wait(TimeSpan.FromSeconds(30));
        });
        var process = Tool.Start([new(DataSet.AddressVariable, server.Address.AbsoluteUri)], "data", "get", "mnist", "--out", folder["mnist"]);
        string part = folder["mnist", "t10k-labels-idx1-ubyte.gz.part"];
        Tool.WaitForFile(part);
        while (new FileInfo(part).Length < 1000) Thread.Sleep(5);
        Tool.Signal(process, "INT");
        var answer = Tool.Finish(process);
        end.Set();
        Assert.Equal(130, answer.Code);
        Assert.Equal("bilevel: Stopping; what has arrived is kept (once more: at once).\nbilevel: Interrupted; repeat the command to go on from there.\n", answer.Error);
        Assert.Equal([part], Directory.GetFiles(folder["mnist"]));
        Assert.Equal(1000, new FileInfo(part).Length);
    }
}
