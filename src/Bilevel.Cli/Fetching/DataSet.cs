namespace Bilevel.Cli;

/// <summary>A file of a public data set.</summary>
/// <param name="Name">File name, on the server and here.</param>
/// <param name="Length">Number of bytes.</param>
/// <param name="Sha256">SHA-256 of the bytes, in lower-case hexadecimal digits.</param>
internal sealed record RemoteFile(string Name, long Length, string Sha256);

/// <summary>A public data set that tasks read.</summary>
/// <param name="Name">The name, as on the command line.</param>
/// <param name="Summary">What it is, in a sentence.</param>
/// <param name="Address">The folder on the web that is asked where the user names none.</param>
/// <param name="Use">A command that uses it, without the folder.</param>
/// <param name="Files">Its files.</param>
internal sealed record DataSet(string Name, string Summary, string Address, string Use, IReadOnlyList<RemoteFile> Files)
{
    /// <summary>The environment variable that names another folder on the web.</summary>
    public const string AddressVariable = "BILEVEL_DATA_URL";

    /// <summary>All data sets.</summary>
    public static IReadOnlyList<DataSet> All { get; } =
    [
        new(
            "mnist",
            "Handwritten digits by LeCun, Cortes and Burges: 60,000 images to train and 10,000 to test, 28x28 pixels.",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "bilevel run hyper-cleaning --data",
            [
                new("t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
                new("train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
                new("t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
                new("train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            ]),
    ];
}
