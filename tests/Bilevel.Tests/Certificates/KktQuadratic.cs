using System.Numerics;

namespace Bilevel.Tests;

/// <summary>What a test does to an objective to make it lie.</summary>
internal sealed record Lie(Func<double, double>? Value = null, Func<int, double[], double[]>? Gradient = null);

/// <summary>
/// A random bilevel minimax problem of quadratics over boxes, simplices and balls with a known saddle point of the
/// penalty function: the linear terms are chosen so that every row there is minus a normal of the block's set.
/// g is convex in z1 and concave in z2, f concave in x2, and both are indefinite otherwise; g gets a term
/// sin(x) z besides.
/// </summary>
internal sealed class KktQuadratic
{
    private enum Kind { Box, Simplex, Ball, Point }

    private readonly Random random;
    private readonly Kind[] kinds;
    private readonly double[,] upper, lower;       // over the blocks (x1, x2, y1, y2) and (x1, z1, z2)
    private readonly double[] upperLinear, lowerLinear;
    private readonly double bend;

    /// <summary>Makes a problem.</summary>
    /// <param name="seed">Names it.</param>
    /// <param name="offset">How far y lies from z, as a share of the size of the sets: the gap grows like its square.</param>
    /// <param name="curvature1">Least curvature of g in z1, relative to its largest.</param>
    /// <param name="curvature2">Least curvature of -g in z2, relative to its largest.</param>
    /// <param name="scale">Size of the sets.</param>
    /// <param name="rho">rho; NaN for a random one.</param>
    /// <param name="boxes">Boxes only.</param>
    /// <param name="empty">Blocks of f's point that are left out: bit b for block b of (x1, x2, y1, y2).</param>
    /// <param name="points">Which sets are single points, by the same bits.</param>
    public KktQuadratic(int seed, double offset, double curvature1 = 0.1, double curvature2 = 0.1, double scale = 1, double rho = double.NaN, bool boxes = false, int empty = 0, int points = 0)
    {
        random = new Random(seed);
        Scale = scale;
        Sizes = [.. Enumerable.Range(0, 4).Select(b => (empty >> b & 1) == 1 ? 0 : random.Next(1, 5))];
        kinds = [.. Enumerable.Range(0, 4).Select(b => (points >> b & 1) == 1 ? Kind.Point : boxes ? Kind.Box : (Kind)random.Next(0, 3))];
        Rho = double.IsNaN(rho) ? Math.Pow(10, (3 * random.NextDouble()) + 0.5) : rho;
        double[][] y = [Inside(0), Inside(1), Inside(2), Inside(3)], z = [Near(2, y[2], offset), Near(3, y[3], offset)];
        Saddle = [y[0], y[1], y[2], y[3], z[0], z[1]];

        upper = Symmetric(Sizes);
        lower = Symmetric([Sizes[0], Sizes[2], Sizes[3]]);
        Put(upper, Sizes[0], Curved(Sizes[1], 0.1 * random.Next(0, 2)), -1);
        Put(lower, Sizes[0], Curved(Sizes[2], curvature1), 1);
        Put(lower, Sizes[0] + Sizes[2], Curved(Sizes[3], curvature2), -1);
        bend = Sizes[0] * Sizes[2] > 0 ? 0.3 : 0;
        upperLinear = new double[Sizes.Sum()];
        lowerLinear = new double[Sizes[0] + Sizes[2] + Sizes[3]];

        // g first: -g_z1(x1, z1, y2) and g_z2(x1, y1, z2) are normals; then f for the rows of x1, x2, y1, y2.
        double[][] first = [y[0], y[2], z[1]], second = [y[0], z[0], y[3]];
        Add(lowerLinear, Sizes[0], LowerGradient(second, 1), -1);
        Add(lowerLinear, Sizes[0], Normal(2, z[0]), -1);
        Add(lowerLinear, Sizes[0] + Sizes[2], LowerGradient(first, 2), -1);
        Add(lowerLinear, Sizes[0] + Sizes[2], Normal(3, z[1]), 1);
        int at = 0;
        for (int b = 0; b < 4; b++)
        {
            double[] row = UpperGradient([y[0], y[1], y[2], y[3]], b);
            double[] pull = b switch
            {
                0 => Dense.Sum(LowerGradient(first, 0), -1, LowerGradient(second, 0)),
                2 => LowerGradient(first, 1),
                3 => [.. LowerGradient(second, 2).Select(t => -t)],
                _ => new double[Sizes[1]],
            };
            Add(upperLinear, at, row, -1);
            Add(upperLinear, at, pull, -Rho);
            Add(upperLinear, at, Normal(b, y[b]), b == 1 ? 1 : -1);
            at += Sizes[b];
        }
    }

    public int[] Sizes { get; }

    public double Scale { get; }

    public double Rho { get; }

    /// <summary>The six blocks of the saddle point.</summary>
    public double[][] Saddle { get; }

    public Lie UpperLie { get; set; } = new();

    public Lie LowerLie { get; set; } = new();

    public Sense UpperSense { get; init; }

    public Sense LowerSense { get; init; }

    public MinimaxConstants Constants { get; set; } = new();

    /// <summary>Lipschitz constants that hold.</summary>
    public MinimaxConstants TrueConstants => new() { UpperSmoothness = Dense.SpectralNorm(upper) + 1e-9, LowerSmoothness = Dense.SpectralNorm(lower) + (2 * bend * (1 + Scale)) };

    public DenseVector<T>[] Point<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => [.. Saddle.Select(Vector<T>)];

    public static DenseVector<T> Vector<T>(double[] components)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => new([.. components.Select(T.CreateTruncating)]);

    public BilevelMinimaxProblem<DenseVector<T>> Problem<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double up = UpperSense == Sense.Minimise ? 1 : -1, low = LowerSense == Sense.Minimise ? 1 : -1;
        return new(
            new ArrayObjective<T>(b => Value(UpperLie, up * UpperValue(b)), (b, k) => Gradient(UpperLie, k, UpperGradient(b, k), up)),
            new ArrayObjective<T>(b => Value(LowerLie, low * LowerValue(b)), (b, k) => Gradient(LowerLie, k, LowerGradient(b, k), low)))
        {
            UpperSense = UpperSense,
            LowerSense = LowerSense,
            X1 = Set<T>(0),
            X2 = Set<T>(1),
            Z1 = Set<T>(2),
            Z2 = Set<T>(3),
            Constants = Constants,
        };
    }

    public double LowerValue(double[][] b) => Form(lower, lowerLinear, b) + (bend > 0 ? bend * Math.Sin(b[0][0]) * b[1][0] : 0);

    public double UpperValue(double[][] b) => Form(upper, upperLinear, b);

    public double[] LowerGradient(double[][] b, int block)
    {
        double[] gradient = FormGradient(lower, lowerLinear, b, block);
        if (bend > 0 && block == 0) gradient[0] += bend * Math.Cos(b[0][0]) * b[1][0];
        if (bend > 0 && block == 1) gradient[0] += bend * Math.Sin(b[0][0]);
        return gradient;
    }

    public double[] UpperGradient(double[][] b, int block) => FormGradient(upper, upperLinear, b, block);

    /// <summary>The primal-dual gap at (x1; y1, y2): the largest found by projected gradients and at corners, so at most the true one and close to it.</summary>
    public double Gap(double[] x1, double[] y1, double[] y2)
    {
        double worst = Best(3, y2, t => LowerValue([x1, y1, t]), t => LowerGradient([x1, y1, t], 2), 1);
        double dual = Best(2, y1, t => -LowerValue([x1, t, y2]), t => [.. LowerGradient([x1, t, y2], 1).Select(v => -v)], 1);
        return worst + dual;
    }

    /// <summary>The distance of 0 from the subdifferential of P at a point of boxes: components at a bound count only where they push inside.</summary>
    /// <param name="u">The six blocks.</param>
    /// <param name="ofUpper">Constants added to the gradients of f in its blocks.</param>
    /// <param name="ofLower">Constants added to the gradients of g in its blocks.</param>
    public (double W, double V) BoxResiduals(double[][] u, double[][]? ofUpper = null, double[][]? ofLower = null)
    {
        double[][] first = [u[0], u[2], u[5]], second = [u[0], u[4], u[3]], all = [u[0], u[1], u[2], u[3]];
        double[] Upper(int k) => ofUpper is null ? UpperGradient(all, k) : Dense.Sum(UpperGradient(all, k), 1, ofUpper[k]);
        double[] Of(double[][] at, int k) => ofLower is null ? LowerGradient(at, k) : Dense.Sum(LowerGradient(at, k), 1, ofLower[k]);
        double[][] rows =
        [
            Dense.Sum(Upper(0), Rho, Dense.Sum(Of(first, 0), -1, Of(second, 0))),
            [.. Upper(1).Select(t => -t)],
            Dense.Sum(Upper(2), Rho, Of(first, 1)),
            Dense.Sum(Upper(3), -Rho, Of(second, 2)),
            [.. Of(second, 1).Select(t => Rho * t)],
            [.. Of(first, 2).Select(t => -Rho * t)],
        ];
        double[] squares = [.. rows.Select((row, b) => row.Select((t, i) =>
            kinds[b > 3 ? b - 2 : b] == Kind.Point || (u[b][i] <= -Scale && t > 0) || (u[b][i] >= Scale && t < 0) ? 0 : t * t).Sum())];
        return (Math.Sqrt(squares[0] + squares[2] + squares[3]), Math.Sqrt(squares[1] + squares[4] + squares[5]));
    }

    public IProximalTerm<DenseVector<T>> Set<T>(int b)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => kinds[b] switch
        {
            Kind.Box => new Box<T>(-Scale, Scale, Sizes[b]),
            Kind.Simplex => Sizes[b] == 0 ? new Box<T>(-Scale, Scale, 0) : new Simplex<T>(Scale, Sizes[b]),
            Kind.Ball => new Ball<T>(Scale),
            _ => new Box<T>(0.25 * Scale, 0.25 * Scale, Sizes[b]),
        };

    private double Best(int b, double[] start, Func<double[], double> value, Func<double[], double[]> gradient, double sign)
    {
        int n = start.Length;
        if (n == 0) return value(start);
        var set = Set<double>(b);
        double best = double.NegativeInfinity, step = 0.5 / (Dense.SpectralNorm(lower) + 1e-12);
        for (int corner = 0; corner < 3; corner++)
        {
            double[] t = [.. Enumerable.Range(0, n).Select(i => corner == 0 ? start[i] : 3 * Scale * ((corner + i) % 2 == 0 ? 1 : -1))];
            var v = Vector<double>(t);
            set.Project(v);
            t = v.ToDoubles();
            double[] ahead = t;
            for (int k = 0; k < 400; k++)
            {
                var moved = Vector<double>(Dense.Sum(ahead, sign * step, gradient(ahead)));
                set.Project(moved);
                double[] next = moved.ToDoubles();
                ahead = Dense.Sum(next, k / (k + 3.0), Dense.Sum(next, -1, t));
                t = next;
            }

            best = Math.Max(best, Math.Max(value(t), corner == 0 ? value(start) : double.NegativeInfinity));
        }

        return best;
    }

    private static double Value(Lie lie, double value) => lie.Value?.Invoke(value) ?? value;

    private static double[] Gradient(Lie lie, int block, double[] gradient, double sign)
    {
        double[] signed = [.. gradient.Select(t => sign * t)];
        return lie.Gradient?.Invoke(block, signed) ?? signed;
    }

    private double[] Inside(int b) => Feasible(b, Dense.Normal(random, Sizes[b]), 0.7);

    private double[] Near(int b, double[] y, double offset) => Feasible(b, Dense.Sum([.. y.Select(t => t / Scale)], offset, Dense.Normal(random, Sizes[b])), 1);

    private double[] Feasible(int b, double[] direction, double share)
    {
        var v = Vector<double>([.. direction.Select(t => share * Scale * t)]);
        if (v.Length > 0) Set<double>(b).Project(v);
        return v.ToDoubles();
    }

    // A normal of the set at a point of it, zero inside.
    private double[] Normal(int b, double[] p)
    {
        double size = random.NextDouble();
        switch (kinds[b])
        {
            case Kind.Box: return [.. p.Select(t => t >= Scale ? size : t <= -Scale ? -size : 0)];
            case Kind.Simplex: return [.. p.Select(t => t <= 0 ? (0.5 * size) - 1 : 0.5 * size)];
            case Kind.Ball: return Dense.Norm(p) >= Scale * (1 - 1e-14) ? [.. p.Select(t => size * t / Scale)] : new double[p.Length];
            default: return Dense.Normal(random, p.Length);
        }
    }

    private double[,] Symmetric(int[] sizes)
    {
        int n = sizes.Sum();
        var a = Dense.NormalMatrix(random, n, n);
        return Dense.Matrix(n, n, (i, j) => (a[i, j] + a[j, i]) / 2);
    }

    // Positive semidefinite but for its least eigenvalue.
    private double[,] Curved(int n, double least)
    {
        if (n == 0) return new double[0, 0];
        double[] eigenvalues = [.. Enumerable.Range(0, n).Select(i => i == 0 ? least : random.Next(0, 4) == 0 ? 0 : random.NextDouble() + Math.Max(least, 0))];
        return Dense.Symmetric(random, eigenvalues);
    }

    private static void Put(double[,] into, int at, double[,] block, double sign)
    {
        int n = block.GetLength(0);
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++) into[at + i, at + j] = sign * (block[i, j] + block[j, i]) / 2;
        }
    }

    private static void Add(double[] into, int at, double[] what, double factor)
    {
        for (int i = 0; i < what.Length; i++) into[at + i] += factor * what[i];
    }

    private static double Form(double[,] matrix, double[] linear, double[][] blocks)
    {
        double[] u = [.. blocks.SelectMany(b => b)];
        double sum = 0;
        for (int i = 0; i < u.Length; i++)
        {
            double row = 0;
            for (int j = 0; j < u.Length; j++) row += matrix[i, j] * u[j];
            sum += u[i] * ((row / 2) + linear[i]);
        }

        return sum;
    }

    private static double[] FormGradient(double[,] matrix, double[] linear, double[][] blocks, int block)
    {
        double[] u = [.. blocks.SelectMany(b => b)];
        int at = blocks.Take(block).Sum(b => b.Length);
        var gradient = new double[blocks[block].Length];
        for (int i = 0; i < gradient.Length; i++)
        {
            double row = linear[at + i];
            for (int j = 0; j < u.Length; j++) row += matrix[at + i, j] * u[j];
            gradient[i] = row;
        }

        return gradient;
    }
}
