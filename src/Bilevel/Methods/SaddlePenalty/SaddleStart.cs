using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// The lower-level saddle start (bilevel minimax, section 7): averaged extragradient on min over z1, max over z2 of
/// g(x1, ., .) at fixed x1, until the computed primal-dual gap of the average is within the tolerance.
/// </summary>
internal sealed class SaddleStart<V>
    where V : class, IVector<V>
{
    // The gap of the average is asked at steps 1, 2, 4, ..., and at least every so many.
    private const int GapEvery = 50;

    private readonly BilevelMinimaxProblem<V> problem;
    private readonly V x1;
    private readonly V z1, z2, half1, half2, sum1, sum2, moved1, moved2;
    private readonly PreparedRequest<V> atPoint, atHalf, atAverage, atMoved;
    private readonly V g1, g2, h1, h2, a1, a2, m1, m2;
    private readonly V average1, average2;

    /// <summary>Prepares the requests.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x1">The upper variable, changed from outside.</param>
    /// <param name="like1">A vector like z1.</param>
    /// <param name="like2">A vector like z2.</param>
    public SaddleStart(BilevelMinimaxProblem<V> problem, V x1, V like1, V like2)
    {
        (this.problem, this.x1) = (problem, x1);
        (z1, half1, sum1, average1, moved1) = (like1.ZerosLike(), like1.ZerosLike(), like1.ZerosLike(), like1.ZerosLike(), like1.ZerosLike());
        (z2, half2, sum2, average2, moved2) = (like2.ZerosLike(), like2.ZerosLike(), like2.ZerosLike(), like2.ZerosLike(), like2.ZerosLike());
        (g1, h1, a1, m1) = (like1.ZerosLike(), like1.ZerosLike(), like1.ZerosLike(), like1.ZerosLike());
        (g2, h2, a2, m2) = (like2.ZerosLike(), like2.ZerosLike(), like2.ZerosLike(), like2.ZerosLike());
        PreparedRequest<V> At(V p, V q, V gp, V gq) => new(problem.Lower, [[x1, p, q]], [new(Lower.Z1, 0, gp), new(Lower.Z2, 0, gq)]);
        atPoint = At(z1, z2, g1, g2);
        atHalf = At(half1, half2, h1, h2);
        atAverage = At(average1, average2, a1, a2);
        atMoved = At(moved1, moved2, m1, m2);
    }

    /// <summary>Moves (y1, y2) to an approximate saddle point, unless its gap is within the tolerance already.</summary>
    /// <param name="y1">Start on entry, the lower minimiser on return.</param>
    /// <param name="y2">Start on entry, the lower maximiser on return.</param>
    /// <param name="tolerance">The gap to reach.</param>
    /// <param name="limit">Most steps.</param>
    public void Solve(V y1, V y2, double tolerance, int limit)
    {
        average1.CopyFrom(y1);
        average2.CopyFrom(y2);
        double smoothness = problem.Constants.LowerSmoothness ?? 1;
        if (AverageGap(1 / (Math.Sqrt(2) * Math.Max(smoothness, 1e-300))) <= tolerance) return;
        z1.CopyFrom(y1);
        z2.CopyFrom(y2);
        sum1.Scale(0);
        sum2.Scale(0);
        var steps = new StepSearch(problem.Constants.LowerSmoothness is { } known && known > 0 ? 1 / (Math.Sqrt(2) * known) : null);
        double weight = 0, best = double.PositiveInfinity;
        for (int k = 1; k <= limit; k++)
        {
            atPoint.Evaluate();
            double step;
            do
            {
                step = steps.Step;
                Move(half1, z1, g1, problem.Z1, -step);
                Move(half2, z2, g2, problem.Z2, step);
                atHalf.Evaluate();
            }
            while (!steps.Accept(Ratio()));
            Move(z1, z1, h1, problem.Z1, -step);
            Move(z2, z2, h2, problem.Z2, step);
            sum1.AddScaled(step, half1);
            sum2.AddScaled(step, half2);
            weight += step;
            if (k % GapEvery != 0 && (k & (k - 1)) != 0 && k < limit) continue;
            average1.CopyFrom(sum1);
            average1.Scale(1 / weight);
            average2.CopyFrom(sum2);
            average2.Scale(1 / weight);
            double gap = AverageGap(step);
            if (!(gap < best)) continue;
            best = gap;
            y1.CopyFrom(moved1);
            y2.CopyFrom(moved2);
            if (gap <= tolerance) return;
        }
    }

    // The computable gap bound (section 3.2 with rho = 1) after one proximal step from the average, which it moves.
    private double AverageGap(double step)
    {
        atAverage.Evaluate();
        Move(moved1, average1, a1, problem.Z1, -step);
        Move(moved2, average2, a2, problem.Z2, step);
        atMoved.Evaluate();

        // At one point (y1, y2) the two values of the bound cancel and the residuals remain.
        double sign = problem.LowerSign;
        return Excess(average1, moved1, a1, m1, sign / step, problem.Z1, problem.Constants.LowerStrongConvexity)
            + Excess(average2, moved2, a2, m2, -sign / step, problem.Z2, problem.Constants.LowerStrongConcavity);
    }

    private static double Excess(V from, V to, V gradient, V next, double overStep, IProximalTerm<V> term, double? modulus)
    {
        if (from.Length == 0) return 0;
        V residual = from;
        residual.AddScaled(-1, to);
        residual.Scale(overStep);
        residual.AddScaled(-1, gradient);
        residual.AddScaled(1, next);
        double norm = residual.Norm(), diameter = term.DiameterAt(from.Length);
        return norm == 0 ? 0 : double.IsFinite(diameter) ? norm * diameter : modulus > 0 ? norm * norm / (2 * modulus.Value) : norm;
    }

    // to = prox(from + step * gradient), along the player's own sense.
    private void Move(V to, V from, V gradient, IProximalTerm<V> term, double step)
    {
        if (to.Length == 0) return;
        if (!ReferenceEquals(to, from)) to.CopyFrom(from);
        to.AddScaled(problem.LowerSign * step, gradient);
        term.Prox(to, Math.Abs(step));
    }

    private double Ratio()
    {
        double moved = Distance(z1, half1, moved1) + Distance(z2, half2, moved2), changed = Distance(g1, h1, moved1) + Distance(g2, h2, moved2);
        return moved > 0 ? Math.Sqrt(changed / moved) : 0;
    }

    private static double Distance(V a, V b, V scratch)
    {
        scratch.CopyFrom(a);
        scratch.AddScaled(-1, b);
        return scratch.Dot(scratch);
    }
}
