using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>
/// A set of grey images of one size, each with a class label from 0 to 255.
/// Immutable, and safe to read from several threads.
/// </summary>
public sealed class ImageSet
{
    /// <summary>The number of classes of a set of digits, 0 to 9; other sets may have up to 256.</summary>
    public const int Classes = 10;

    /// <summary>Wraps pixels and labels without copying them; the caller must not change them afterwards.</summary>
    /// <param name="pixels">
    /// <c>Count * height * width</c> bytes, image after image, each row-major from the top left;
    /// 0 is background and 255 is full ink.
    /// </param>
    /// <param name="labels">One byte per image; its length sets <see cref="Count"/>. May be empty.</param>
    /// <param name="height">Rows per image, in pixels, at least 1.</param>
    /// <param name="width">Columns per image, in pixels, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="height"/> or <paramref name="width"/> is below 1.</exception>
    /// <exception cref="ArgumentException">
    /// The number of pixels is not <c>labels.Length * height * width</c>.
    /// </exception>
    public ImageSet(ReadOnlyMemory<byte> pixels, ReadOnlyMemory<byte> labels, int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);

        // Int128: three factors near 2^31 overflow a long.
        Int128 expected = (Int128)labels.Length * height * width;
        if (pixels.Length != expected)
        {
            throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{labels.Length} images of {height}x{width} pixels need {expected} bytes, but {pixels.Length} were given."),
                nameof(pixels));
        }

        Pixels = pixels;
        Labels = labels;
        Height = height;
        Width = width;
    }

    /// <summary>The number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>Rows per image, in pixels.</summary>
    public int Height { get; }

    /// <summary>Columns per image, in pixels.</summary>
    public int Width { get; }

    /// <summary>
    /// All pixels, <c>Count * Height * Width</c> bytes: image after image, each row-major from the top left;
    /// 0 is background and 255 is full ink.
    /// </summary>
    public ReadOnlyMemory<byte> Pixels { get; }

    /// <summary>The class of each image, <see cref="Count"/> bytes.</summary>
    public ReadOnlyMemory<byte> Labels { get; }

    /// <summary>The pixels of one image.</summary>
    /// <param name="index">The image, from 0 to <c>Count - 1</c>.</param>
    /// <returns><c>Height * Width</c> bytes, row-major from the top left. A view, not a copy.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is not the index of an image.</exception>
    public ReadOnlySpan<byte> Image(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);

        // The product fits: the constructor matched it with the length of one block of memory.
        int size = Height * Width;
        return Pixels.Span.Slice(index * size, size);
    }
}
