using System.Globalization;
using System.Runtime.CompilerServices;

namespace Bilevel.Tasks;

/// <summary>
/// Draws images that look like handwritten digits, so that experiments and tests run where MNIST is not at hand.
/// The images have the size, the grey levels and the layout of MNIST, and are about as hard for a linear classifier.
/// </summary>
/// <remarks>
/// <para>
/// Every image is drawn from a random stream of its own, keyed by the seed and the index of the image. The result
/// depends on neither the number of images asked for nor the number of threads.
/// </para>
/// <para>
/// Only additions, multiplications, divisions, square roots and floors are used, which IEEE 754 fixes to the bit,
/// so every machine draws the same bytes. Do not add calls such as <see cref="Math.Sin"/> or <see cref="Math.Exp"/>.
/// </para>
/// </remarks>
public static class SyntheticDigits
{
    /// <summary>Rows and columns of each image, in pixels.</summary>
    public const int Size = 28;

    private const int Pixels = Size * Size;

    // The longest side of a digit, as in MNIST, and the steps that each span between two pen points is cut into.
    private const double Box = 20;
    private const int Steps = 6;

    // Enough images per work item that handing it out costs nothing next to drawing it.
    private const int Block = 128;

    // How the ways of writing are spread. The values were chosen by measuring: a linear softmax classifier trained
    // on 5,000 images is right on about nine of ten others, as on MNIST.
    private const double PointJitter = 0.06;
    private const double WarpSpread = 0.085;
    private const double TurnSpread = 0.17;
    private const double SlantMean = 0.13;
    private const double SlantSpread = 0.24;
    private const double CentreSpread = 0.55;

    // Pen paths by class, one string per style: the points a pen passes, as x,y with 0..100 across and down.
    // The path is smooth through a point unless "!" marks it as a corner; "/" lifts the pen.
    private static readonly Template[][] Templates = Parse(
    [
        // 0: closed oval; overlapping ends; started inside with a hook; narrow; left open at the top
        [
            "52,3 27,20 17,52 28,84 52,97 76,82 85,50 77,18 54,3",
            "62,10 44,4 23,24 17,56 30,88 54,96 77,80 83,48 72,18 50,7 38,14",
            "66,20 58,6 34,12 20,40 22,76 46,97 72,84 82,52 74,18 56,5",
            "52,3 33,22 27,52 34,84 50,97 67,82 73,50 68,18 52,3",
            "40,8 22,30 18,62 32,90 56,96 78,78 84,44 76,18 60,6",
        ],

        // 1: plain or slightly bent stroke, as most people write it; with a flag; with a flag and a foot
        [
            "50,3 50,50 50,97",
            "50,3 50,50 50,97",
            "53,3 50,50 47,97",
            "48,3 53,50 50,97",
            "52,3 47,50 50,97",
            "30,26 42,16 52,3! 52,50 52,97",
            "32,22 52,3! 52,50 52,94 / 28,95 52,94 78,95",
        ],

        // 2: straight foot; loop at the foot; wavy foot; low and wide; square-headed
        [
            "20,26 34,8 58,4 76,20 70,46 45,72 18,94! 50,92 84,94",
            "20,24 38,7 62,7 76,24 68,50 44,78 22,92 14,82 26,74 48,86 70,95 88,86",
            "24,18 48,4 72,14 74,38 52,66 20,90! 40,82 62,92 86,84",
            "12,30 30,14 56,14 70,32 56,58 32,78 10,90! 40,86 70,88 94,84",
            "22,10 50,5 74,9 78,28 60,50 38,70 22,93! 52,93 82,91",
        ],

        // 3: corner in the middle; rounded with a small loop; flat top; weak middle; big lower bow
        [
            "20,16 44,4 72,14 70,34 42,47! 72,56 80,78 54,97 18,86",
            "22,14 48,3 72,15 64,38 44,48 46,53 68,56 78,76 52,97 18,88",
            "20,6 48,6 76,6! 58,26 44,42! 74,52 78,78 50,96 18,84",
            "26,10 54,4 72,18 60,42 52,49 66,58 74,76 54,95 24,92",
            "32,12 52,4 66,14 58,30 40,38! 72,44 84,68 62,94 16,92",
        ],

        // 4: open; closed in one stroke; open with a long bar; open with a short stem; stem ending low
        [
            "26,6 20,34 24,52 50,56 82,50 / 76,5 71,50 68,97",
            "66,97 66,50 66,4! 40,34 14,64! 50,65 90,63",
            "30,8 22,34 16,56! 52,54 92,50 / 68,12 63,54 58,97",
            "32,4 26,24 18,50! 46,54 86,46 / 68,20 60,60 56,97",
            "22,14 22,38 30,54 54,54 74,42 / 78,4 75,40 72,70 66,97",
        ],

        // 5: bar drawn last; one stroke; S-shaped; short bar; wide belly
        [
            "30,9 28,26 26,44! 52,40 76,58 72,84 46,97 18,88 / 30,9 54,8 82,6",
            "82,6 58,6 34,8! 30,26 28,44! 54,38 80,58 70,88 42,97 16,86",
            "80,8 48,8 30,24 38,42 62,54 76,72 60,94 20,92",
            "42,6 36,26 30,46! 56,46 70,64 60,88 34,97 14,90 / 42,7 60,9 78,4",
            "72,10 52,8 34,12! 30,28 30,44! 62,44 84,66 66,92 26,94",
        ],

        // 6: round back; straight back; small loop; leaning and wide; long tail
        [
            "68,5 42,20 23,54 28,86 52,97 74,84 72,62 50,54 30,66 25,78",
            "36,3 26,36 22,74 42,97 72,86 74,62 48,56 24,76",
            "58,3 38,26 26,60 32,90 52,97 66,84 60,70 42,70 28,84",
            "80,10 48,18 22,48 20,82 50,95 82,80 76,58 48,56 24,72",
            "54,3 36,20 24,50 26,80 46,96 66,86 70,70 54,62 34,70 28,84",
        ],

        // 7: plain; with a bar; with a serif on the left; round shoulder; steep
        [
            "16,10 48,9 82,8! 64,46 44,97",
            "18,10 50,8 82,8! 64,46 46,97 / 34,52 56,50 78,48",
            "16,26 20,10! 50,10 82,9! 66,40 56,70 52,97",
            "14,16 40,7 70,8 80,20 68,50 56,76 50,97",
            "28,14 50,12 72,8! 68,50 64,97",
        ],

        // 8: one S-shaped stroke closed on itself; two rings; small head; open head; slanted
        [
            "72,16 52,4 30,14 34,36 60,54 76,76 54,97 28,84 34,60 58,42 74,24 66,8",
            "50,47 30,34 32,12 52,3 72,14 70,36 50,47 28,62 24,84 50,97 76,84 72,62 50,47",
            "62,10 48,4 38,16 44,32 66,52 78,78 52,97 24,80 36,54 58,34 66,18 58,6",
            "78,8 50,8 28,22 42,42 66,60 74,82 50,97 30,82 42,60 66,36 82,12",
            "70,10 52,6 40,22 50,42 62,60 60,84 40,97 26,84 34,62 56,42 72,24 72,12",
        ],

        // 9: straight stem; curved tail; leaning; small head; open head close to a 4
        [
            "74,20 54,5 28,18 28,44 54,50 74,28 76,12! 72,50 68,97",
            "72,16 48,5 26,22 34,46 60,46 74,22! 76,54 62,88 38,97 20,90",
            "68,12 44,12 30,32 44,46 66,32 74,10! 64,52 48,97",
            "70,14 56,5 38,16 42,36 62,34 72,14! 70,54 66,97",
            "70,10 40,12 24,32 34,50 58,46 74,22 76,10! 72,58 70,97",
        ],
    ]);

    // The longest path decides how much room drawing needs.
    private static readonly int MaxPoints = Templates.Max(styles => styles.Max(style => style.Points.Length));

    /// <summary>Draws labelled digits.</summary>
    /// <param name="count">How many images, from 0 to about 2.7 million (their bytes must fit into one array).</param>
    /// <param name="seed">
    /// Chooses the images. Equal seeds give equal images to the bit, and a smaller set is the beginning of a
    /// larger one; different seeds give unrelated images.
    /// </param>
    /// <returns>
    /// <paramref name="count"/> images of 28x28 pixels; the label of each is drawn uniformly from 0 to 9, independently.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or too large.</exception>
    public static ImageSet Generate(int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Array.MaxLength / Pixels);

        byte[] pixels = new byte[count * Pixels];
        byte[] labels = new byte[count];

        // Mixing the seed first keeps the streams of neighbouring seeds apart.
        ulong key = SplitMix64.Mix(seed ^ 0x5d1c_0f3a_9b27_e684UL);
        int blocks = (count + Block - 1) / Block;
        Parallel.For(0, blocks, block =>
        {
            int end = Math.Min(count, (block + 1) * Block);
            for (int i = block * Block; i < end; i++)
                labels[i] = Draw(new SplitMix64(SplitMix64.Mix(key + (ulong)i * SplitMix64.Golden)), pixels.AsSpan(i * Pixels, Pixels));
        });
        return new ImageSet(pixels, labels, Size, Size);
    }

    private static byte Draw(SplitMix64 random, Span<byte> image)
    {
        int label = random.Next(ImageSet.Classes);
        Template[] styles = Templates[label];
        Template style = styles[random.Next(styles.Length)];

        Span<Dot> path = stackalloc Dot[MaxPoints * Steps];
        int dots = Trace(style, ref random, path);
        path = path[..dots];
        double radius = 0.95 + 1.25 * random.Unit() * (0.3 + 0.7 * random.Unit());
        Deform(path, ref random);
        Place(path, radius, ref random);
        Ink(path, radius, ref random, image);
        return (byte)label;
    }

    // Shakes the points of the style and joins them by cubic pieces. Result in [-1, 1] across and down.
    private static int Trace(Template style, ref SplitMix64 random, Span<Dot> path)
    {
        PenPoint[] points = style.Points;
        Span<double> xs = stackalloc double[points.Length];
        Span<double> ys = stackalloc double[points.Length];
        Span<double> press = stackalloc double[points.Length];
        double shake = PointJitter * (0.4 + 1.2 * random.Unit());
        for (int i = 0; i < points.Length; i++)
        {
            xs[i] = points[i].X + shake * random.Normal();
            ys[i] = points[i].Y + shake * random.Normal();
            press[i] = 1 + 0.13 * random.Normal();
        }

        // Now and then the pen skips: drop a few steps somewhere inside the path.
        int skipFrom = random.Unit() < 0.07 ? random.Next(points.Length * Steps) : int.MaxValue - 8;
        int skipTo = skipFrom + 3;

        int count = 0;
        int made = 0;
        bool down = false;
        for (int i = 0; i < points.Length; i++)
        {
            if (points[i].Starts)
            {
                path[count++] = new Dot(xs[i], ys[i], press[i], Joined: false);
                down = true;
            }

            if (i + 1 == points.Length || points[i + 1].Starts)
                continue;

            bool freeStart = points[i].Starts || points[i].Corner;
            bool freeEnd = points[i + 1].Corner || i + 2 == points.Length || points[i + 2].Starts;
            (double startX, double startY) = Slope(xs, ys, i, freeStart, freeEnd, atStart: true);
            (double endX, double endY) = Slope(xs, ys, i, freeStart, freeEnd, atStart: false);
            for (int step = 1; step <= Steps; step++)
            {
                double t = step / (double)Steps;
                double u = 1 - t;
                // The cubic Hermite piece with the slopes at both ends.
                double h0 = u * u * (1 + 2 * t);
                double h1 = t * t * (3 - 2 * t);
                double g0 = t * u * u;
                double g1 = -t * t * u;
                bool skipped = made >= skipFrom && made < skipTo;
                made++;
                if (skipped)
                {
                    down = false;
                    continue;
                }

                path[count++] = new Dot(
                    h0 * xs[i] + h1 * xs[i + 1] + g0 * startX + g1 * endX,
                    h0 * ys[i] + h1 * ys[i + 1] + g0 * startY + g1 * endY,
                    u * press[i] + t * press[i + 1],
                    down);
                down = true;
            }
        }

        return count;
    }

    // The slope of the curve at one end of span i, for a parameter running over the span from 0 to 1. At an inner
    // point it is that of the parabola through the point and its neighbours, with distances as parameter, which
    // keeps unevenly spaced points from making loops. At a free end (corner or end of a stroke) the piece bends
    // no more than its other end asks for.
    private static (double X, double Y) Slope(
        ReadOnlySpan<double> xs, ReadOnlySpan<double> ys, int i, bool freeStart, bool freeEnd, bool atStart)
    {
        double chordX = xs[i + 1] - xs[i];
        double chordY = ys[i + 1] - ys[i];
        if (freeStart && freeEnd)
            return (chordX, chordY);
        if (atStart ? freeStart : freeEnd)
        {
            (double otherX, double otherY) = Slope(xs, ys, i, freeStart, freeEnd, !atStart);
            return (1.5 * chordX - 0.5 * otherX, 1.5 * chordY - 0.5 * otherY);
        }

        int before = atStart ? i - 1 : i;
        double firstX = xs[before + 1] - xs[before];
        double firstY = ys[before + 1] - ys[before];
        double secondX = xs[before + 2] - xs[before + 1];
        double secondY = ys[before + 2] - ys[before + 1];
        double first = Math.Sqrt(firstX * firstX + firstY * firstY) + 1e-6;
        double second = Math.Sqrt(secondX * secondX + secondY * secondY) + 1e-6;
        double span = atStart ? second : first;
        double firstWeight = span * second / (first * (first + second));
        double secondWeight = span * first / (second * (first + second));
        return (firstWeight * firstX + secondWeight * secondX, firstWeight * firstY + secondWeight * secondY);
    }

    // Bends the path smoothly, then slants, stretches and turns it.
    private static void Deform(Span<Dot> path, ref SplitMix64 random)
    {
        Span<double> bend = stackalloc double[14];
        for (int i = 0; i < bend.Length; i++)
            bend[i] = WarpSpread * random.Normal();

        double slant = SlantMean + SlantSpread * random.Normal();
        double stretch = 0.72 + 0.5 * random.Unit();

        // (c, s) lies on the unit circle for every t; t is half the angle for small angles.
        double t = 0.5 * TurnSpread * random.Normal();
        double c = (1 - t * t) / (1 + t * t);
        double s = 2 * t / (1 + t * t);
        foreach (ref Dot dot in path)
        {
            double x = dot.X;
            double y = dot.Y;
            double xx = x * x;
            double yy = y * y;
            double bentX = x + bend[0] * xx + bend[1] * x * y + bend[2] * yy
                + bend[3] * xx * x + bend[4] * xx * y + bend[5] * x * yy + bend[6] * yy * y;
            double bentY = y + bend[7] * xx + bend[8] * x * y + bend[9] * yy
                + bend[10] * xx * x + bend[11] * xx * y + bend[12] * x * yy + bend[13] * yy * y;
            bentX = stretch * (bentX - slant * bentY);
            dot.X = c * bentX - s * bentY;
            dot.Y = s * bentX + c * bentY;
        }
    }

    // Fits the path into the box and puts its centre of mass in the middle of the image, as MNIST does, then
    // moves it a little.
    private static void Place(Span<Dot> path, double radius, ref SplitMix64 random)
    {
        double left = path[0].X, right = left, top = path[0].Y, bottom = top;
        foreach (Dot dot in path)
        {
            left = Math.Min(left, dot.X);
            right = Math.Max(right, dot.X);
            top = Math.Min(top, dot.Y);
            bottom = Math.Max(bottom, dot.Y);
        }

        double side = Math.Max(Math.Max(right - left, bottom - top), 1e-3);
        double scale = (Box - 2 * radius) * (0.94 + 0.1 * random.Unit()) / side;
        double massX = 0, massY = 0, mass = 0;
        for (int i = 1; i < path.Length; i++)
        {
            Dot a = path[i - 1];
            Dot b = path[i];
            if (!b.Joined)
                continue;
            double dx = b.X - a.X;
            double dy = b.Y - a.Y;
            double weight = Math.Sqrt(dx * dx + dy * dy) * (a.Press + b.Press) + 1e-9;
            massX += weight * (a.X + b.X) / 2;
            massY += weight * (a.Y + b.Y) / 2;
            mass += weight;
        }

        // Pixel centres have whole coordinates, so the middle of the image is 13.5.
        double moveX = (Size - 1) / 2.0 + CentreSpread * random.Normal() - scale * massX / mass;
        double moveY = (Size - 1) / 2.0 + CentreSpread * random.Normal() - scale * massY / mass;
        foreach (ref Dot dot in path)
        {
            dot.X = scale * dot.X + moveX;
            dot.Y = scale * dot.Y + moveY;
        }
    }

    private static void Ink(ReadOnlySpan<Dot> path, double radius, ref SplitMix64 random, Span<byte> image)
    {
        // How far each pixel lies inside the stroke, in pixels; outside by a pixel or more counts the same.
        Span<double> depth = stackalloc double[Pixels];
        double soft = 0.55 + 0.35 * random.Unit();
        depth.Fill(-soft);
        for (int i = 1; i < path.Length; i++)
        {
            if (!path[i].Joined)
                continue;
            Dot a = path[i - 1];
            Dot b = path[i];
            double dx = b.X - a.X;
            double dy = b.Y - a.Y;
            double inverse = 1 / (dx * dx + dy * dy + 1e-12);
            double startRadius = radius * Pressure(a.Press);
            double endRadius = radius * Pressure(b.Press);
            double reach = Math.Max(startRadius, endRadius) + soft;
            int left = Clip(Math.Min(a.X, b.X) - reach);
            int right = Clip(Math.Max(a.X, b.X) + reach + 1);
            int top = Clip(Math.Min(a.Y, b.Y) - reach);
            int bottom = Clip(Math.Max(a.Y, b.Y) + reach + 1);
            for (int y = top; y <= bottom; y++)
            {
                for (int x = left; x <= right; x++)
                {
                    double px = x - a.X;
                    double py = y - a.Y;
                    double t = Math.Clamp((px * dx + py * dy) * inverse, 0, 1);
                    double ex = px - t * dx;
                    double ey = py - t * dy;
                    double inside = startRadius + t * (endRadius - startRadius) - Math.Sqrt(ex * ex + ey * ey);
                    ref double deepest = ref depth[y * Size + x];
                    if (inside > deepest)
                        deepest = inside;
                }
            }
        }

        double level = 244 + 11 * random.Unit();
        double grain = 0.22 * random.Unit();
        for (int i = 0; i < Pixels; i++)
        {
            if (depth[i] <= -soft)
                continue;
            double t = Math.Min(1, (depth[i] + soft) / (2 * soft));
            double ink = level * t * t * (3 - 2 * t) * (1 - grain * random.Unit() * random.Unit());
            image[i] = (byte)Math.Floor(ink + 0.5);
        }
    }

    private static double Pressure(double press) => Math.Clamp(press, 0.6, 1.4);

    private static int Clip(double coordinate) => (int)Math.Floor(Math.Clamp(coordinate, 0, Size - 1));

    private static Template[][] Parse(string[][] styles) =>
        Array.ConvertAll(styles, ofClass => Array.ConvertAll(ofClass, Parse));

    private static Template Parse(string style)
    {
        List<PenPoint> points = [];
        bool starts = true;
        foreach (string word in style.Split(' '))
        {
            if (word == "/")
            {
                starts = true;
                continue;
            }

            string[] pair = word.TrimEnd('!').Split(',');
            double x = int.Parse(pair[0], CultureInfo.InvariantCulture) / 50.0 - 1;
            double y = int.Parse(pair[1], CultureInfo.InvariantCulture) / 50.0 - 1;
            points.Add(new PenPoint(x, y, word.EndsWith('!'), starts));
            starts = false;
        }

        return new Template([.. points]);
    }

    private sealed record Template(PenPoint[] Points);

    private readonly record struct PenPoint(double X, double Y, bool Corner, bool Starts);

    // A point of the drawn path; Joined says whether ink runs to it from the one before.
    private record struct Dot(double X, double Y, double Press, bool Joined);

    // The generator of Steele, Lea and Flood (2014): a counter stepping by the golden ratio, and a mixing function.
    private struct SplitMix64(ulong state)
    {
        public const ulong Golden = 0x9e37_79b9_7f4a_7c15UL;

        private ulong _state = state;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static ulong Mix(ulong z)
        {
            z = (z ^ (z >> 30)) * 0xbf58_476d_1ce4_e5b9UL;
            z = (z ^ (z >> 27)) * 0x94d0_49bb_1331_11ebUL;
            return z ^ (z >> 31);
        }

        public ulong Next() => Mix(_state += Golden);

        // From 0 to bound - 1; the bias of order bound / 2^64 does not matter here.
        public int Next(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

        // From 0 (included) to 1 (excluded).
        public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

        // Close to normal with mean 0 and deviation 1, and never beyond 3.5: the sum of four uniform numbers.
        // Without logarithms, whose last bit differs between machines.
        public double Normal() => (Unit() + Unit() + Unit() + Unit() - 2) * 1.7320508075688772;
    }
}
