using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>Checks that every lift must pass.</summary>
internal static class LiftChecks
{
    public static DenseVector<double>[] Random(IReadOnlyList<int> lengths, int seed)
    {
        var random = new Random(seed);
        return [.. lengths.Select(n => new DenseVector<double>(Dense.Normal(random, n)))];
    }

    /// <summary>Compares the six rows with differences of the values of the penalty function, along random directions (bilevel minimax, section 2.10).</summary>
    public static void Rows(BilevelMinimaxProblem<DenseVector<double>> problem, IReadOnlyList<int> lengths, double rho = 7, int trials = 5)
    {
        for (int seed = 0; seed < trials; seed++)
        {
            var point = Random(lengths, seed);
            var penalty = new MinimaxPenalty<DenseVector<double>>(problem, point, values: true);
            penalty.Evaluate(rho);
            double[][] rows = [.. penalty.Rows.Select(r => r.ToDoubles())];
            for (int b = 0; b < BlockCount; b++)
            {
                if (lengths[b] == 0) continue;
                var direction = new DenseVector<double>(Dense.Normal(new Random(100 + seed), lengths[b]));
                double declared = direction.Dot(new DenseVector<double>(rows[b])) * (b is X1 or Y1 or Y2 ? 1 : -1);
                double Slope(double h)
                {
                    point[b].AddScaled(h, direction);
                    penalty.Evaluate(rho);
                    double ahead = penalty.Value(rho);
                    point[b].AddScaled(-2 * h, direction);
                    penalty.Evaluate(rho);
                    double behind = penalty.Value(rho);
                    point[b].AddScaled(h, direction);
                    return (ahead - behind) / (2 * h);
                }

                double measured = ((4 * Slope(5e-4)) - Slope(1e-3)) / 3;
                Assert.True(Math.Abs(measured - declared) <= 1e-7 * (1 + Math.Abs(measured) + rho), FormattableString.Invariant($"block {b}: {declared} against {measured}"));
            }
        }
    }

    /// <summary>How far (y1, y2) is from a saddle point: the length of a projected gradient step of length 1 by both players.</summary>
    public static double LowerStationarity(BilevelMinimaxProblem<DenseVector<double>> problem, IReadOnlyList<DenseVector<double>> point)
    {
        DenseVector<double> y1 = point[Y1].Copy(), y2 = point[Y2].Copy(), g1 = y1.ZerosLike(), g2 = y2.ZerosLike();
        new PreparedRequest<DenseVector<double>>(problem.Lower, [[point[X1], point[Y1], point[Y2]]], [new(Lower.Z1, 0, g1), new(Lower.Z2, 0, g2)]).Evaluate();
        double sign = problem.LowerSense == Sense.Minimise ? 1 : -1;
        y1.AddScaled(-sign, g1);
        y2.AddScaled(sign, g2);
        problem.Z1.Project(y1);
        if (y2.Length > 0) problem.Z2.Project(y2);
        y1.AddScaled(-1, point[Y1]);
        y2.AddScaled(-1, point[Y2]);
        return Math.Sqrt(y1.Dot(y1) + y2.Dot(y2));
    }
}
