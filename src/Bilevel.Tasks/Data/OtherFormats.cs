namespace Bilevel.Tasks;

/// <summary>Names formats that are not read, by the first bytes of a file, with what to do instead.</summary>
internal static class OtherFormats
{
    /// <summary>As many bytes are looked at.</summary>
    public const int Bytes = 64;

    private const string AsCsv = "Export the table as CSV";

    private static readonly (byte[] Start, string What, string Advice)[] Known =
    [
        ([0xfd, .. "7zXZ"u8, 0], "compressed with xz", "Unpack it (unxz), or compress it with gzip or bzip2"),
        ([0x28, 0xb5, 0x2f, 0xfd], "compressed with Zstandard", "Unpack it (unzstd), or compress it with gzip or bzip2"),
        ([0x04, 0x22, 0x4d, 0x18], "compressed with LZ4", "Unpack it (unlz4), or compress it with gzip or bzip2"),
        ([.. "7z"u8, 0xbc, 0xaf, 0x27, 0x1c], "a 7z archive", "Unpack it"),
        ([.. "Rar!"u8], "a rar archive", "Unpack it"),
        ([.. "PK"u8, 3, 4], "a zip archive or an Excel or OpenDocument spreadsheet", "Unpack the archive, or export the table as CSV"),
        ([.. "PK"u8, 5, 6], "an empty zip archive", "Use another file"),
        ([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], "an old Excel file or another document of Microsoft Office", AsCsv),
        ([.. "PAR1"u8], "a Parquet file", "Export the table as CSV, with pandas: pandas.read_parquet(FILE).to_csv('data.csv', index=False)"),
        ([.. "ARROW1"u8], "an Arrow or Feather file", "Export the table as CSV, with pandas: pandas.read_feather(FILE).to_csv('data.csv', index=False)"),
        ([.. "FEA1"u8], "a Feather file", "Export the table as CSV, with pandas: pandas.read_feather(FILE).to_csv('data.csv', index=False)"),
        ([.. "ORC"u8], "an ORC file", AsCsv),
        ([.. "Obj"u8, 1], "an Avro file", AsCsv),
        ([0x89, .. "HDF"u8], "an HDF5 file", AsCsv),
        ([0x93, .. "NUMPY"u8], "an array of NumPy", "Save it with numpy.savetxt, separated by commas and with the labels as a column"),
        ([.. "SQLite format 3"u8], "a SQLite database", AsCsv),
        ([.. "MATLAB 5.0"u8], "a MATLAB file", AsCsv),
        ([.. "RDX"u8], "a data file of R", "Write the table with write.csv"),
        ([.. "%PDF"u8], "a PDF document", AsCsv),
        ([0x89, .. "PNG"u8], "an image", "Give a table, or images as idx files"),
        ([0xff, 0xd8, 0xff], "an image", "Give a table, or images as idx files"),
        ([.. "version https://git-lfs"u8], "a pointer of Git LFS, not the data", "Fetch the data with 'git lfs pull'"),
        ([.. "<!DOCTYPE"u8], "a web page", "Download the data itself"),
        ([.. "<!doctype"u8], "a web page", "Download the data itself"),
        ([.. "<html"u8], "a web page", "Download the data itself"),
        ([.. "<?xml"u8], "an XML file", AsCsv),
        ([.. "{\""u8], "a JSON file", AsCsv),
        ([.. "[{"u8], "a JSON file", AsCsv),
        ([.. "[["u8], "a JSON file", AsCsv),
    ];

    /// <summary>What a file is and what to do; null where nothing is recognised.</summary>
    /// <param name="start">Its first bytes.</param>
    public static (string What, string Advice)? Of(ReadOnlySpan<byte> start)
    {
        foreach (var (begin, what, advice) in Known)
        {
            if (start.StartsWith(begin)) return (what, advice);
        }

        // Pickles of protocol 2 and later.
        return start is [0x80, >= 2 and <= 5, ..] ? ("a pickle of Python", AsCsv) : null;
    }
}
