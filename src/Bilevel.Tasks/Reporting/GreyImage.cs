namespace Bilevel.Tasks;

/// <summary>A small grey image with a caption.</summary>
public sealed record GreyImage
{
    /// <summary>Wraps pixels without copying them.</summary>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="pixels">height * width bytes, row-major from the top left; 0 is background and 255 is full ink, as in <see cref="ImageSet"/>.</param>
    /// <param name="caption">What to know of it; lines ended by a line feed.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="height"/> or <paramref name="width"/> is below 1.</exception>
    /// <exception cref="ArgumentException">The number of pixels is not height * width.</exception>
    public GreyImage(int height, int width, ReadOnlyMemory<byte> pixels, string caption)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (pixels.Length != (long)height * width) throw new ArgumentException(FormattableString.Invariant($"An image of {height}x{width} pixels needs {(long)height * width} bytes, but {pixels.Length} were given."), nameof(pixels));
        (Height, Width, Pixels, Caption) = (height, width, pixels, caption);
    }

    /// <summary>Rows, in pixels.</summary>
    public int Height { get; }

    /// <summary>Columns, in pixels.</summary>
    public int Width { get; }

    /// <summary>Height * Width bytes, row-major from the top left; 0 is background and 255 is full ink.</summary>
    public ReadOnlyMemory<byte> Pixels { get; }

    /// <summary>What to know of it; lines ended by a line feed.</summary>
    public string Caption { get; }

    /// <summary>An image of a set.</summary>
    /// <param name="images">The set.</param>
    /// <param name="index">The image, from 0.</param>
    /// <param name="caption">What to know of it.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is not the index of an image.</exception>
    public static GreyImage Of(ImageSet images, int index, string caption)
    {
        int size = images.Image(index).Length;
        return new(images.Height, images.Width, images.Pixels.Slice(index * size, size), caption);
    }
}
