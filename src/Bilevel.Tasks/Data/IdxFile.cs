using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;

namespace Bilevel.Tasks;

/// <summary>
/// Reads the idx files in which MNIST and its relatives are distributed, plain or compressed with gzip
/// (told apart by the first bytes, not by the name).
/// </summary>
internal static class IdxFile
{
    private const uint ImagesMagic = 0x00000803;
    private const uint LabelsMagic = 0x00000801;

    // Deflate cannot expand by more than about 1032 to 1, so a compressed file bounds its own content.
    private const long MaxInflation = 1032;

    private const int FirstBlock = 1 << 16;

    /// <summary>Reads a file of images and the file of their labels.</summary>
    /// <param name="imagesPath">An idx file of unsigned bytes with three dimensions: images, rows, columns.</param>
    /// <param name="labelsPath">An idx file of unsigned bytes with one dimension: as many labels, each 0 to 255.</param>
    /// <returns>The images with their labels, in the order of the files; at least one.</returns>
    /// <exception cref="ArgumentNullException">A path is null.</exception>
    /// <exception cref="InputException">
    /// A file is missing, unreadable, truncated, corrupt, of another kind, empty of images or followed by other data;
    /// the two files disagree in number; or the pixels would not fit into one array (about 2 GB).
    /// </exception>
    public static ImageSet ReadImages(string imagesPath, string labelsPath)
    {
        ArgumentNullException.ThrowIfNull(imagesPath);
        ArgumentNullException.ThrowIfNull(labelsPath);

        // Labels first: they are small, so a mistake there costs no time.
        byte[] labels = ReadLabels(labelsPath);
        byte[] pixels = Read(imagesPath, ImagesMagic, dimensions: 3, out uint[] shape);
        if (shape[0] != labels.Length)
        {
            throw new InputException(Text(
                $"{imagesPath}: holds {shape[0]} images, but {labelsPath} holds {labels.Length} labels. Use the two files of the same set (both train or both t10k)."));
        }

        // The product of the shape is the length of an array and no factor is zero, so each factor fits an int.
        return new ImageSet(pixels, labels, (int)shape[1], (int)shape[2]);
    }

    /// <summary>Reads a file of images that has no file of labels; the labels are 0.</summary>
    internal static ImageSet ReadUnlabelledImages(string imagesPath)
    {
        byte[] pixels = Read(imagesPath, ImagesMagic, dimensions: 3, out uint[] shape);
        return new ImageSet(pixels, new byte[shape[0]], (int)shape[1], (int)shape[2]);
    }

    /// <summary>Reads a file of labels.</summary>
    /// <param name="labelsPath">An idx file of unsigned bytes with one dimension.</param>
    /// <returns>The labels, in the order of the file; at least one.</returns>
    /// <exception cref="ArgumentNullException">The path is null.</exception>
    /// <exception cref="InputException">
    /// The file is missing, unreadable, truncated, corrupt, of another kind, empty of labels or followed by other data.
    /// </exception>
    public static byte[] ReadLabels(string labelsPath)
    {
        ArgumentNullException.ThrowIfNull(labelsPath);
        return Read(labelsPath, LabelsMagic, dimensions: 1, out _);
    }

    /// <summary>
    /// Loads the training or the test part of MNIST, or of a set distributed in the same form, from a folder
    /// that holds it under the usual names: <c>train-images-idx3-ubyte</c> and <c>train-labels-idx1-ubyte</c>,
    /// or <c>t10k-...</c>, each with or without <c>.gz</c>, and with <c>-</c> or <c>.</c> before <c>idx</c>.
    /// </summary>
    /// <param name="folder">The folder of the files.</param>
    /// <param name="train">True for the training part (<c>train-</c>), false for the test part (<c>t10k-</c>).</param>
    /// <returns>The images, all of one size, with their labels, 0 to 9.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="folder"/> is null.</exception>
    /// <exception cref="InputException">
    /// The folder or a file is missing, a label is above 9, the images of the test part have another
    /// size than those of the training part, or a file cannot be used for a reason that
    /// <see cref="ReadImages"/> lists.
    /// </exception>
    public static ImageSet LoadMnist(string folder, bool train)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!Directory.Exists(folder))
            throw new InputException($"{Name(folder)}: no such folder. Give the folder that holds the MNIST files.");

        (string imagesPath, string labelsPath) = PathsIn(folder, train);
        ImageSet set = ReadImages(imagesPath, labelsPath);
        int bad = set.Labels.Span.IndexOfAnyExceptInRange((byte)0, (byte)(ImageSet.Classes - 1));
        if (bad >= 0)
        {
            throw new InputException(Text(
                $"{labelsPath}: label {bad} (counting from 0) is {set.Labels.Span[bad]}, above 9. Only sets with the classes 0 to 9 can be used here; if this should be one, download the file again."));
        }

        if (!train && Found(folder, "train-images", "idx3-ubyte") is { } trainPath) CheckSameSize(trainPath, imagesPath, set);
        return set;
    }

    /// <summary>The two files of a part of a set in a folder.</summary>
    /// <exception cref="InputException">The folder or a file is missing.</exception>
    internal static (string Images, string Labels) PathsIn(string folder, bool train)
    {
        string part = train ? "train" : "t10k";
        return (Find(folder, part + "-images", "idx3-ubyte"), Find(folder, part + "-labels", "idx1-ubyte"));
    }

    // Only the header of the training part is read.
    private static void CheckSameSize(string trainPath, string testPath, ImageSet test)
    {
        using Stream content = InputFile.OnDisk(trainPath).Open();
        Span<byte> header = stackalloc byte[HeaderSize(3)];
        if (content.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length) return;
        uint height = BinaryPrimitives.ReadUInt32BigEndian(header[8..]), width = BinaryPrimitives.ReadUInt32BigEndian(header[12..]);
        if (height == test.Height && width == test.Width) return;
        throw new InputException(Text(
            $"{testPath}: its images are {test.Height}x{test.Width} pixels, but those of {trainPath} are {height}x{width}. Use the files of one set."));
    }

    private static string Find(string folder, string stem, string kind) => Found(folder, stem, kind) ?? throw new InputException(
        $"{folder}: none of the files {string.Join(", ", Names(stem, kind))} is there. Put one of them into the folder, or give another folder.");

    private static string? Found(string folder, string stem, string kind) =>
        Names(stem, kind).Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static string[] Names(string stem, string kind) =>
        [$"{stem}-{kind}.gz", $"{stem}-{kind}", $"{stem}.{kind}.gz", $"{stem}.{kind}"];

    private static byte[] Read(string path, uint magic, int dimensions, out uint[] shape)
    {
        try
        {
            if (!File.Exists(path))
            {
                throw new InputException(Directory.Exists(path)
                    ? $"{path}: is a folder. Give the path of an idx file."
                    : $"{Name(path)}: no such file. Check the path.");
            }

            // No buffer of its own: reads are large, and the trailer is read from the end.
            FilesRead.Add(path);
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            long length = file.Length;
            Span<byte> start = stackalloc byte[2];
            bool compressed = file.ReadAtLeast(start, 2, throwOnEndOfStream: false) == 2 && start[0] == 0x1f && start[1] == 0x8b;
            file.Position = 0;
            if (!compressed)
                return ReadContent(file, path, magic, dimensions, length, exact: true, out shape);

            // Read the trailer before the content: GZipStream stops at the end of the gzip data and says
            // nothing about bytes behind it, but then the size stored last in the file is not the true one.
            Span<byte> trailer = stackalloc byte[4];
            file.Position = Math.Max(0, length - trailer.Length);
            file.ReadAtLeast(trailer, trailer.Length, throwOnEndOfStream: false);
            file.Position = 0;
            uint storedSize = BinaryPrimitives.ReadUInt32LittleEndian(trailer);

            using GZipStream content = new(file, CompressionMode.Decompress, leaveOpen: true);
            byte[] data = ReadContent(content, path, magic, dimensions, length * MaxInflation, exact: false, out shape);
            if (storedSize != (uint)(HeaderSize(dimensions) + (long)data.Length))
            {
                throw new InputException(
                    $"{path}: other bytes follow the gzip data, or it has several parts. Download the file again, or decompress it and use the plain file.");
            }

            return data;
        }
        catch (InvalidDataException error)
        {
            throw new InputException($"{path}: is damaged or cut off inside its gzip data ({error.Message.TrimEnd('.')}). Download the file again.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new InputException($"{path}: cannot be read ({error.Message.TrimEnd('.')}). Check that it is a readable file.", error);
        }
    }

    /// <param name="content">The decompressed idx data.</param>
    /// <param name="path">The file, for messages.</param>
    /// <param name="magic">The first four bytes that the file must have.</param>
    /// <param name="dimensions">How many sizes the header holds.</param>
    /// <param name="limit">The most bytes that <paramref name="content"/> can hold.</param>
    /// <param name="exact">Whether <paramref name="limit"/> is the true length.</param>
    /// <param name="shape">The sizes in the header.</param>
    private static byte[] ReadContent(
        Stream content, string path, uint magic, int dimensions, long limit, bool exact, out uint[] shape)
    {
        string what = magic == ImagesMagic ? "images" : "labels";
        Span<byte> header = stackalloc byte[HeaderSize(dimensions)];
        int headerRead = content.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        if (headerRead >= 4)
        {
            uint found = BinaryPrimitives.ReadUInt32BigEndian(header);
            if (found != magic)
            {
                string advice = found is ImagesMagic or LabelsMagic
                    ? $"It is a file of {(found == ImagesMagic ? "images" : "labels")}: the two paths may be swapped."
                    : "It is not such an idx file; check the path, or download the file again.";
                throw new InputException(Text(
                    $"{path}: starts with 0x{found:X8}, but an idx file of {what} in unsigned bytes starts with 0x{magic:X8}. {advice}"));
            }
        }

        if (headerRead < header.Length)
        {
            throw new InputException(Text(
                $"{path}: ends after {headerRead} bytes, inside the header of {header.Length}. The file is cut off; download it again."));
        }

        shape = new uint[dimensions];
        Int128 claimed = 1;
        for (int i = 0; i < dimensions; i++)
        {
            shape[i] = BinaryPrimitives.ReadUInt32BigEndian(header[(4 + 4 * i)..]);
            claimed *= shape[i];
        }

        string sizes = string.Join(" x ", shape.Select(size => size.ToString(CultureInfo.InvariantCulture)));
        if (claimed == 0)
            throw new InputException($"{path}: its header says {sizes} bytes, so it holds no {what}. Use another file.");

        // These two come before any allocation, for a damaged header can claim anything.
        long most = limit - header.Length;
        if (claimed > most)
        {
            throw new InputException(Text(
                $"{path}: its header says {sizes} bytes of {what}, but the file holds {(exact ? "only" : "at most")} {Math.Max(0, most)}. The file is cut off or damaged; download it again."));
        }

        if (claimed > Array.MaxLength)
        {
            throw new InputException(Text(
                $"{path}: its header says {sizes} bytes of {what}, more than the {Array.MaxLength} that one array can hold. Use a smaller set."));
        }

        if (exact && claimed < most)
            throw Trailing(path, sizes, what);

        // The length of compressed content is not known, so the array grows with what truly arrives.
        int total = (int)claimed;
        byte[] data = new byte[exact ? total : Math.Min(total, FirstBlock)];
        int filled = 0;
        while (true)
        {
            filled += content.ReadAtLeast(data.AsSpan(filled), data.Length - filled, throwOnEndOfStream: false);
            if (filled < data.Length)
            {
                throw new InputException(Text(
                    $"{path}: its header says {sizes} bytes of {what}, but the data end after {filled}. The file is cut off; download it again."));
            }

            if (filled == total)
                break;
            Array.Resize(ref data, (int)Math.Min(total, 2L * data.Length));
        }

        // This read also makes GZipStream reach the end and compare its checksum.
        Span<byte> more = stackalloc byte[1];
        if (content.Read(more) != 0)
            throw Trailing(path, sizes, what);
        return data;
    }

    private static InputException Trailing(string path, string sizes, string what) => new(
        $"{path}: goes on after the {sizes} bytes of {what} that its header says. The file is damaged or of another kind; download it again.");

    private static int HeaderSize(int dimensions) => 4 + 4 * dimensions;

    private static string Name(string path) => path.Length == 0 ? "(empty path)" : path;

    private static string Text(FormattableString message) => message.ToString(CultureInfo.InvariantCulture);
}
