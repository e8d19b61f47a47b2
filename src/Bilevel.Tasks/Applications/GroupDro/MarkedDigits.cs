using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>
/// Images of digits with a mark that goes with the class in training and tells nothing in validation and test. A group
/// is a class (with more than two classes: those at even or odd places of the list) with or without the mark.
/// </summary>
internal sealed class MarkedDigits
{
    private readonly GroupDroSettings settings;
    private readonly byte[] digits;
    private readonly string[] names;

    /// <summary>Reads the settings.</summary>
    /// <exception cref="SettingException">The list of classes is none.</exception>
    public MarkedDigits(GroupDroSettings settings)
    {
        this.settings = settings;
        string[] listed = settings.Classes == "all" ? [.. Enumerable.Range(0, ImageSet.Classes).Select(d => d.ToString(CultureInfo.InvariantCulture))] : settings.Classes.Split(',', StringSplitOptions.TrimEntries);
        digits = new byte[listed.Length];
        for (int i = 0; i < listed.Length; i++)
        {
            if (!byte.TryParse(listed[i], NumberStyles.None, CultureInfo.InvariantCulture, out digits[i]))
                throw new SettingException($"classes = '{settings.Classes}' is no list of digits. Give two or more, such as 4,9, or all.");
        }

        if (digits.Length < 2 || digits.Distinct().Count() < digits.Length)
            throw new SettingException($"classes = '{settings.Classes}' must name two or more different digits, such as 4,9, or all.");
        names = [.. digits.Select(d => d.ToString(CultureInfo.InvariantCulture))];
    }

    /// <summary>Share of ten classes of images that are among the classes.</summary>
    public double Share => Math.Min(1, digits.Length / (double)ImageSet.Classes);

    /// <summary>The names of the groups: even places unmarked and marked, odd places unmarked and marked.</summary>
    public IReadOnlyList<string> GroupNames
    {
        get
        {
            string[] sides = [.. new[] { 0, 1 }.Select(side => string.Join(' ', names.Where((_, c) => c % 2 == side)))];
            string[] marks = settings.Mark == MarkKind.Corner ? ["no mark", "mark"] : ["first colour", "second colour"];
            return [.. sides.SelectMany(side => marks.Select(mark => $"{side}, {mark}"))];
        }
    }

    /// <summary>Which images of a set show one of the classes, in random order.</summary>
    public int[] Choose(ImageSet images, ulong key) => [.. RandomOrder.Of(images.Count, key).Where(i => digits.Contains(images.Labels.Span[i]))];

    /// <summary>Marks chosen images.</summary>
    /// <param name="images">The set.</param>
    /// <param name="chosen">Which of its images.</param>
    /// <param name="agreement">Share whose mark agrees with the class.</param>
    /// <param name="noise">Share whose class is replaced by another, which the mark then goes with.</param>
    /// <param name="source">Where they come from, for messages.</param>
    /// <param name="key">Names the draws.</param>
    /// <exception cref="InputException">The images cannot be shrunk so.</exception>
    public GroupPart Mark(ImageSet images, ReadOnlySpan<int> chosen, double agreement, double noise, string source, ulong key)
    {
        int shrink = settings.Shrink;
        if (images.Height % shrink != 0 || images.Width % shrink != 0)
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{source}: images of {images.Height}x{images.Width} pixels cannot be cut into squares of {shrink}. Choose another shrink."));
        bool colour = settings.Mark == MarkKind.Colour;
        int height = images.Height / shrink, channel = images.Width / shrink, width = colour ? 2 * channel : channel;
        byte[] pixels = new byte[checked(chosen.Length * height * width)];
        byte[] image = new byte[images.Height * images.Width];
        int[] labels = new int[chosen.Length], groups = new int[chosen.Length];
        for (int i = 0; i < chosen.Length; i++)
        {
            int label = Array.IndexOf(digits, images.Labels.Span[chosen[i]]);
            ulong at = 3 * (ulong)i;
            if (RandomBits.Uniform(key, at) < noise) label = (label + 1 + (int)Math.BigMul(RandomBits.At(key, at + 1), (ulong)(digits.Length - 1), out ulong _)) % digits.Length;
            bool odd = label % 2 == 1, marked = RandomBits.Uniform(key, at + 2) < agreement ? odd : !odd;
            images.Image(chosen[i]).CopyTo(image);
            if (marked && !colour)
            {
                for (int row = 0; row < Math.Min(settings.MarkSize, images.Height); row++) image.AsSpan(row * images.Width, Math.Min(settings.MarkSize, images.Width)).Fill(byte.MaxValue);
            }

            Average(image, images.Width, shrink, pixels.AsSpan(i * height * width, height * width), width, colour && marked ? channel : 0, channel);
            (labels[i], groups[i]) = (label, (odd ? 2 : 0) + (marked ? 1 : 0));
        }

        var set = new ImageSet(pixels, new byte[chosen.Length], height, width);
        return new GroupPart(DataPart.All(new LabelledData(new ImageTable(set), labels, names, source)
        {
            Images = set,
            Encoding = TableEncoding.OfImages(height, width),
            Places = chosen.ToArray(),
        }), groups);
    }

    // Means of squares of pixels, rounded, into columns [first, first + count) of the target.
    private static void Average(ReadOnlySpan<byte> image, int imageWidth, int side, Span<byte> target, int width, int first, int count)
    {
        for (int row = 0; row < target.Length / width; row++)
        {
            for (int column = 0; column < count; column++)
            {
                int sum = side * side / 2;
                for (int r = 0; r < side; r++)
                {
                    foreach (byte pixel in image.Slice((((row * side) + r) * imageWidth) + (column * side), side)) sum += pixel;
                }

                target[(row * width) + first + column] = (byte)(sum / (side * side));
            }
        }
    }
}
