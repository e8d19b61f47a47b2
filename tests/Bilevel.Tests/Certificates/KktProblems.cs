using System.Numerics;

namespace Bilevel.Tests;

/// <summary>An objective over blocks from two functions of arrays.</summary>
internal sealed class ArrayObjective<T>(Func<double[][], double> value, Func<double[][], int, double[]> gradient) : PointObjective<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    protected override double Value(ReadOnlySpan<DenseVector<T>> point, Sample sample) => value(Arrays(point));

    protected override void Gradient(ReadOnlySpan<DenseVector<T>> point, int block, Sample sample, DenseVector<T> result)
    {
        double[] g = gradient(Arrays(point), block);
        result.Fill(i => g[i]);
    }

    private static double[][] Arrays(ReadOnlySpan<DenseVector<T>> point)
    {
        var arrays = new double[point.Length][];
        for (int b = 0; b < arrays.Length; b++) arrays[b] = point[b].ToDoubles();
        return arrays;
    }
}

/// <summary>The analytic test problems of the specification (bilevel minimax, section 14), for the certificate alone.</summary>
internal static class KktProblems
{
    public static DenseVector<double>[] Point(double[] x1, double[] x2, double[] y1, double[] y2) => BilevelMinimaxProblem.Start(Vectors.Of(x1), Vectors.Of(x2), Vectors.Of(y1), Vectors.Of(y2));

    public static BilevelMinimaxProblem<DenseVector<double>> T1() => new(
        new ArrayObjective<double>(
            b => (Math.Pow(b[2][0] - 1, 2) / 2) + (Math.Pow(b[3][0] + 0.5, 2) / 2) + (b[1][0] * (b[2][0] + b[0][0])) - (b[1][0] * b[1][0] / 2) + (b[0][0] * b[0][0] / 10),
            (b, k) => [k switch { 0 => b[1][0] + (b[0][0] / 5), 1 => b[2][0] + b[0][0] - b[1][0], 2 => b[2][0] - 1 + b[1][0], _ => b[3][0] + 0.5 }]),
        new ArrayObjective<double>(
            b => (b[1][0] * b[1][0] / 2) + (b[1][0] * b[2][0]) - (b[2][0] * b[2][0] / 2) + (b[0][0] * b[1][0]),
            (b, k) => [k switch { 0 => b[1][0], 1 => b[1][0] + b[2][0] + b[0][0], _ => b[1][0] - b[2][0] }]))
    {
        X1 = new Box<double>(-3, 3, 1),
        X2 = new Box<double>(-2, 2, 1),
        Z1 = new Box<double>(-4, 4, 1),
        Z2 = new Box<double>(-4, 4, 1),
        Constants = new() { UpperSmoothness = 1.8417, LowerSmoothness = 1.8794 },
    };

    public static BilevelMinimaxProblem<DenseVector<double>> T2() => new(
        new ArrayObjective<double>(
            b => ((Math.Pow(b[2][0] - 1, 2) + Math.Pow(b[2][1] + 1, 2)) / 2) + (Math.Pow(b[0][0] - 1.5, 2) / 4) + (b[1][0] * (b[0][0] - 1) / 2) + (b[3][0] / 4),
            (b, k) => k switch { 0 => [((b[0][0] - 1.5) / 2) + (b[1][0] / 2)], 1 => [(b[0][0] - 1) / 2], 2 => [b[2][0] - 1, b[2][1] + 1], _ => [0.25] }),
        new ArrayObjective<double>(
            b => b[2][0] * (b[1][0] + b[1][1] - b[0][0]),
            (b, k) => k switch { 0 => [-b[2][0]], 1 => [b[2][0], b[2][0]], _ => [b[1][0] + b[1][1] - b[0][0]] }))
    {
        X1 = new Box<double>(-2, 2, 1),
        X2 = new Box<double>(-1, 1, 1),
        Z1 = new Box<double>(-3, 3, 2),
        Z2 = new Box<double>(-1, 1, 1),
        Constants = new() { UpperSmoothness = 1, LowerSmoothness = Math.Sqrt(3) },
    };

    /// <summary>T3 with the multiplier in [0, bound].</summary>
    public static BilevelMinimaxProblem<DenseVector<double>> T3(double centre, double bound = 5.25, Sense sense = Sense.Minimise, double optimal = 4.25)
    {
        double s = sense == Sense.Minimise ? 1 : -1;
        double Phi(double[][] b) => s * (Math.Pow(b[1][0] - 2, 2) + Math.Pow(b[1][1] - 1, 2)) / 2;
        double C(double[][] b) => b[1][0] + b[1][1] - b[0][0];
        var multipliers = new BoxMultipliers(bound, 1)
        {
            Objective = new ArrayObjective<double>(Phi, (_, _) => throw new NotSupportedException()),
            Constraints = new ArrayObjective<double>(b => b[2][0] * C(b), (b, k) => k == 2 ? [C(b)] : throw new NotSupportedException()),
            OptimalBound = optimal,
        };
        return new(
            new ArrayObjective<double>(
                b => ((Math.Pow(b[2][0] - 1, 2) + Math.Pow(b[2][1] - 1, 2)) / 2) + (Math.Pow(b[0][0] - centre, 2) / 4),
                (b, k) => k switch { 0 => [(b[0][0] - centre) / 2], 2 => [b[2][0] - 1, b[2][1] - 1], _ => new double[b[k].Length] }),
            new ArrayObjective<double>(
                b => Phi(b) + (s * b[2][0] * C(b)),
                (b, k) => k switch { 0 => [-s * b[2][0]], 1 => [s * (b[1][0] - 2 + b[2][0]), s * (b[1][1] - 1 + b[2][0])], _ => [s * C(b)] }))
        {
            X1 = new Box<double>(0, 4, 1),
            Z1 = new Box<double>(-5, 5, 2),
            Z2 = multipliers.Set,
            LowerSense = sense,
            LowerMultipliers = multipliers,
            Constants = new() { UpperSmoothness = 1, LowerSmoothness = 2.1701 },
        };
    }

    public static BilevelMinimaxProblem<DenseVector<double>> T4()
    {
        static double L1(double z) => (z - 1) * (z - 1) / 2;
        static double L2(double z) => (z + 1) * (z + 1);
        return new(
            new ArrayObjective<double>(
                b => (b[1][0] * Math.Pow(b[2][0] - 0.5, 2) / 2) + (b[1][1] * Math.Pow(b[2][0] + 1, 2) / 2),
                (b, k) => k switch { 1 => [Math.Pow(b[2][0] - 0.5, 2) / 2, Math.Pow(b[2][0] + 1, 2) / 2], 2 => [(b[1][0] * (b[2][0] - 0.5)) + (b[1][1] * (b[2][0] + 1))], _ => new double[b[k].Length] }),
            new ArrayObjective<double>(
                b => (b[2][0] * L1(b[1][0])) + (b[2][1] * L2(b[1][0])) - (b[0][0] / 2 * (Math.Pow(b[2][0] - 0.5, 2) + Math.Pow(b[2][1] - 0.5, 2))),
                (b, k) => k switch
                {
                    0 => [-(Math.Pow(b[2][0] - 0.5, 2) + Math.Pow(b[2][1] - 0.5, 2)) / 2],
                    1 => [(b[2][0] * (b[1][0] - 1)) + (2 * b[2][1] * (b[1][0] + 1))],
                    _ => [L1(b[1][0]) - (b[0][0] * (b[2][0] - 0.5)), L2(b[1][0]) - (b[0][0] * (b[2][1] - 0.5))],
                }))
        {
            X1 = new Box<double>(0.5, 4, 1),
            X2 = new Simplex<double>(1, 2),
            Z1 = new Box<double>(-2, 2, 1),
            Z2 = new Simplex<double>(1, 2),
            Constants = new() { UpperSmoothness = 3.5, LowerSmoothness = 8 },
        };
    }

    /// <summary>A point near a saddle of the penalty function: many optimistic gradient steps of one fixed length.</summary>
    public static DenseVector<double>[] Solve(BilevelMinimaxProblem<DenseVector<double>> problem, DenseVector<double>[] start, double rho, int steps)
    {
        var run = Ogda.Reference(1 / rho, problem.Constants).Start(problem, start, 0);
        for (int k = 0; k < steps; k++) run.Step();
        return run.Point.ToArray();
    }

    private sealed class BoxMultipliers(double bound, int length) : Multipliers<DenseVector<double>>
    {
        public override IFeasibleSet<DenseVector<double>> Set { get; } = new Box<double>(0, bound, length);

        public override double Bound => bound;

        public override string? Touched(DenseVector<double> multipliers) => multipliers.ToDoubles().Max() >= TouchedShare * bound ? $"a multiplier touches its bound {bound}" : null;

        public override double Violation(DenseVector<double> values) => values.ToDoubles().Sum(v => Math.Max(v, 0));

        public override Multipliers<DenseVector<double>> Doubled(int doublings) => new BoxMultipliers(bound * Math.Pow(2, doublings), length) { Objective = Objective, Constraints = Constraints, OptimalBound = OptimalBound };
    }
}
