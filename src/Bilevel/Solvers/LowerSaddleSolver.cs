using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>A saddle point of the lower level at a fixed x1.</summary>
/// <param name="Z1">The player's part.</param>
/// <param name="Z2">The opponent's part.</param>
/// <param name="Gap">Upper bound of its primal-dual gap.</param>
internal sealed record LowerSaddle<V>(V Z1, V Z2, double Gap)
    where V : class, IVector<V>;

/// <summary>
/// Solves the lower level anew by the extragradient method with backtracking and computed gaps (bilevel minimax,
/// section 7). The gap of every half point follows from its residual without further gradients; the average, which
/// is what converges in theory, is measured at the end. Where one of the two is absent, by accelerated gradients.
/// </summary>
internal static class LowerSaddleSolver
{
    /// <summary>Solves at x1 from a start.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x1">The upper minimiser, fixed.</param>
    /// <param name="start1">Start of z1; not changed.</param>
    /// <param name="start2">Start of z2; not changed.</param>
    /// <param name="target">Gap to stop at.</param>
    /// <param name="limit">Most steps, of two evaluations each.</param>
    /// <param name="reach">Where nothing bounds the gap, the distance to take in place of a diameter; infinite for none.</param>
    public static LowerSaddle<V> Solve<V>(BilevelMinimaxProblem<V> problem, V x1, V start1, V start2, double target, int limit, double reach = double.PositiveInfinity)
        where V : class, IVector<V>
    {
        if (start2.Length == 0 && (double.IsFinite(problem.Z1.DiameterAt(start1.Length)) || problem.Constants.LowerStrongConvexity > 0))
        {
            var player = ConvexSolver.Minimise(new BlockFunction<V>(problem.Lower, [x1, start1, start2], Lower.Z1, problem.LowerSign), problem.Z1, start1, problem.Constants.LowerStrongConvexity, target, 2 * limit);
            return new LowerSaddle<V>(player.Point, start2.Copy(), player.Value - player.LowerBound);
        }

        if (start1.Length == 0 && (double.IsFinite(problem.Z2.DiameterAt(start2.Length)) || problem.Constants.LowerStrongConcavity > 0))
        {
            var opponent = ConvexSolver.Minimise(new BlockFunction<V>(problem.Lower, [x1, start1, start2], Lower.Z2, -problem.LowerSign), problem.Z2, start2, problem.Constants.LowerStrongConcavity, target, 2 * limit);
            return new LowerSaddle<V>(start1.Copy(), opponent.Point, opponent.Value - opponent.LowerBound);
        }

        V[] z = [start1.Copy(), start2.Copy()], half = [start1.Copy(), start2.Copy()], average = [start1.ZerosLike(), start2.ZerosLike()], best = [start1.Copy(), start2.Copy()];
        IProximalTerm<V>[] terms = [problem.Z1, problem.Z2];
        double?[] moduli = [problem.Constants.LowerStrongConvexity, problem.Constants.LowerStrongConcavity];
        for (int i = 0; i < 2; i++) terms[i].Project(z[i]);
        V[] atZ = [z[0].ZerosLike(), z[1].ZerosLike()], atHalf = [z[0].ZerosLike(), z[1].ZerosLike()];
        var rowsZ = new PreparedRequest<V>(problem.Lower, [[x1, z[0], z[1]]], [new(Lower.Z1, 0, atZ[0]), new(Lower.Z2, 0, atZ[1])]);
        var rowsHalf = new PreparedRequest<V>(problem.Lower, [[x1, half[0], half[1]]], [new(Lower.Z1, 0, atHalf[0]), new(Lower.Z2, 0, atHalf[1])]);
        double[] signs = [problem.LowerSign, -problem.LowerSign];
        double step = 0, weight = 0, bestGap = double.PositiveInfinity;
        for (int k = 0; k < limit && bestGap > target; k++)
        {
            Evaluate(rowsZ, atZ);
            if (k == 0) step = FirstStep();
            double moved, turned;
            while (true)
            {
                (moved, turned) = (0, 0);
                for (int i = 0; i < 2; i++)
                {
                    Move(half[i], z[i], step, atZ[i], terms[i]);
                }

                Evaluate(rowsHalf, atHalf);
                for (int i = 0; i < 2; i++)
                {
                    (double m, double t) = (SquaredDistance(half[i], z[i]), SquaredDistance(atHalf[i], atZ[i]));
                    (moved, turned) = (moved + m, turned + t);
                }

                // A move lost in rounding says nothing of the step.
                double lost = 8 * Precision.Of(z[0]) * (z[0].Norm() + z[1].Norm());
                if (step * step * turned <= 0.49 * moved || !(step > 1e-200) || moved <= lost * lost) break;
                step *= 0.5;
            }

            // (z - half)/t - F(z) + F(half), an element of the operator at the half point
            double gap = 0;
            for (int i = 0; i < 2; i++)
            {
                if (z[i].Length == 0) continue;
                var residual = z[i].Copy();
                residual.AddScaled(-1, half[i]);
                residual.Scale(1 / step);
                residual.AddScaled(-1, atZ[i]);
                residual.AddScaled(1, atHalf[i]);
                double rounding = 8 * Precision.Of(z[i]) * ((z[i].Norm() / step) + atZ[i].Norm());
                double diameter = terms[i].DiameterAt(z[i].Length);
                gap += GapBound.Excess(residual.Norm() + rounding, double.IsInfinity(diameter) && !(moduli[i] > 0) ? reach : diameter, moduli[i]);
                average[i].AddScaled(step, half[i]);
            }

            weight += step;
            if (gap < bestGap)
            {
                bestGap = gap;
                for (int i = 0; i < 2; i++) best[i].CopyFrom(half[i]);
            }

            if (!double.IsFinite(gap) || !(moved > 0)) break;
            for (int i = 0; i < 2; i++) Move(z[i], z[i], step, atHalf[i], terms[i]);
            step *= 1.05;
        }

        if (bestGap <= target || !(weight > 0) || double.IsFinite(reach)) return new LowerSaddle<V>(best[0], best[1], bestGap);
        foreach (var part in average) part.Scale(1 / weight);
        double averageGap = Gap(problem, x1, average[0], average[1], target, limit);
        return averageGap < bestGap ? new LowerSaddle<V>(average[0], average[1], averageGap) : new LowerSaddle<V>(best[0], best[1], bestGap);

        // Long in the units of the problem; it is halved until it fits.
        double FirstStep()
        {
            double row = Math.Sqrt(atZ.Sum(v => v.Dot(v))), size = 1;
            for (int i = 0; i < 2; i++)
            {
                double diameter = terms[i].DiameterAt(z[i].Length);
                size = Math.Max(size, Math.Max(z[i].Norm(), double.IsFinite(diameter) ? diameter : 0));
            }

            double first = 1e3 * size / row;
            return row > 0 && double.IsFinite(first) ? Math.Max(first, 1e3) : 1e3;
        }

        void Evaluate(PreparedRequest<V> request, V[] rows)
        {
            request.Evaluate();
            for (int i = 0; i < 2; i++) rows[i].Scale(signs[i]);
        }
    }

    /// <summary>An upper bound of the gap of a point, by solving both one-sided problems.</summary>
    public static double Gap<V>(BilevelMinimaxProblem<V> problem, V x1, V z1, V z2, double target, int limit)
        where V : class, IVector<V>
    {
        var worst = ConvexSolver.Minimise(new BlockFunction<V>(problem.Lower, [x1, z1, z2], Lower.Z2, -problem.LowerSign), problem.Z2, z2, problem.Constants.LowerStrongConcavity, target / 4, limit);
        var dual = ConvexSolver.Minimise(new BlockFunction<V>(problem.Lower, [x1, z1, z2], Lower.Z1, problem.LowerSign), problem.Z1, z1, problem.Constants.LowerStrongConvexity, target / 4, limit);
        return problem.Z1.Value(z1) - worst.LowerBound - dual.LowerBound + problem.Z2.Value(z2);
    }

    private static void Move<V>(V result, V from, double step, V row, IProximalTerm<V> term)
        where V : class, IVector<V>
    {
        if (result.Length == 0) return;
        if (!ReferenceEquals(result, from)) result.CopyFrom(from);
        result.AddScaled(-step, row);
        term.Prox(result, step);
    }

    private static double SquaredDistance<V>(V a, V b)
        where V : class, IVector<V>
    {
        var difference = a.Copy();
        difference.AddScaled(-1, b);
        return difference.Dot(difference);
    }
}
