namespace Bilevel;

/// <summary>The lower level solved again.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="Y">The minimiser found.</param>
/// <param name="Value">The objective there.</param>
/// <param name="GradientNorm">Norm of the gradient there, or of the gradient mapping where y is constrained.</param>
/// <param name="Steps">Number of steps.</param>
public sealed record LowerSolution<V>(V Y, double Value, double GradientNorm, int Steps)
    where V : class, IVector<V>;

/// <summary>
/// Solves a smooth problem in y alone, at fixed x, without any constant: limited-memory BFGS with a line search on
/// the derivative, or projected gradients with backtracking and momentum where y is constrained. It shares no code
/// with the methods, so that it can check them.
/// </summary>
public static class LowerLevelSolver
{
    private const int Memory = 12;

    // After how many steps, and then each time that many more, Newton steps are tried where the memory does not suffice.
    private const int Patience = 150;

    // Most products of a Newton step, and most Newton steps in a row.
    private const int NewtonProducts = 600, NewtonSteps = 4, NewtonTries = 4;

    /// <summary>Minimises objective(x, .) over the set from a start.</summary>
    /// <param name="objective">The objective over the blocks (x, y).</param>
    /// <param name="x">The upper variable, fixed.</param>
    /// <param name="start">Start; not changed.</param>
    /// <param name="set">The feasible set of y.</param>
    /// <param name="tolerance">Norm of the gradient (mapping) to stop at.</param>
    /// <param name="limit">Most steps.</param>
    public static LowerSolution<V> Solve<V>(IObjective<V> objective, V x, V start, IFeasibleSet<V> set, double tolerance, int limit = 2000)
        where V : class, IVector<V> =>
        set.IsWholeSpace ? QuasiNewton(objective, x, start, tolerance, limit) : Projected(objective, x, start, set, tolerance, limit);

    private static LowerSolution<V> QuasiNewton<V>(IObjective<V> objective, V x, V start, double tolerance, int limit)
        where V : class, IVector<V>
    {
        V y = start.Copy(), gradient = y.ZerosLike(), trial = y.Copy(), trialGradient = y.ZerosLike(), direction = y.ZerosLike();
        var atTrial = new PreparedRequest<V>(objective, [[x, trial]], [new(BilevelProblem.Y, 0, trialGradient)], values: true);
        var steps = new List<(V S, V G, double Inverse)>();
        (V S, V G)? spare = null;
        int memory = LimitedMemory<V>.Capacity(Memory, y.Length);
        double[] alpha = new double[memory];
        atTrial.Evaluate();
        double value = atTrial.Values[0];
        gradient.CopyFrom(trialGradient);
        double norm = gradient.Norm(), bestNorm = norm;
        V best = y.Copy(), lowestAt = y.Copy();
        double firstNorm = norm, lowestNorm = norm, bestValue = value, lowest = value, valueSize = Math.Abs(value);
        int k = 0, withoutGain = 0, nextNewton = Patience, tries = 0;
        for (; k < limit && norm > tolerance && double.IsFinite(norm) && withoutGain < 100; k++)
        {
            if (tries < NewtonTries && (k == nextNewton || withoutGain == 40))
            {
                // Near the minimiser, where the condition number is what is slow.
                nextNewton *= 2;
                tries++;
                if (Newton(objective, x, y, start, gradient, tolerance) is { } polished)
                {
                    y.CopyFrom(polished);
                    trial.CopyFrom(y);
                    atTrial.Evaluate();
                    (value, norm) = (atTrial.Values[0], trialGradient.Norm());
                    gradient.CopyFrom(trialGradient);
                    if (norm < bestNorm)
                    {
                        (bestNorm, bestValue) = (norm, value);
                        best.CopyFrom(y);
                    }

                    lowest = Math.Min(lowest, value);
                    if (!(norm > tolerance)) break;

                    // Newton steps end where rounding begins, as a rule.
                    tries++;
                    withoutGain = 80;
                }
            }

            Direction(direction, gradient, steps, alpha);
            double slope = gradient.Dot(direction);
            if (!(slope < 0))
            {
                steps.Clear();
                direction.CopyFrom(gradient);
                direction.Scale(-1);
                slope = -norm * norm;
            }

            // A step on the sign of the derivative; values guard against a hump, beyond what their rounding may show.
            valueSize = Math.Max(valueSize, Math.Abs(value));
            double low = 0, high = double.PositiveInfinity, lowSlope = slope, highSlope = 0;
            double step = steps.Count == 0 ? Math.Min(1, 1 / norm) : 1;
            for (int probe = 0; probe < (withoutGain < 50 ? 40 : 12); probe++)
            {
                trial.CopyFrom(y);
                trial.AddScaled(step, direction);
                atTrial.Evaluate();
                double here = trialGradient.Dot(direction);
                bool tooFar = !double.IsFinite(here) || !(atTrial.Values[0] <= value + (1e-10 * valueSize) + 1e-300);
                if (!tooFar && Math.Abs(here) <= 0.5 * Math.Abs(slope)) break;
                if (tooFar || here > 0) (high, highSlope) = (step, tooFar ? double.NaN : here);
                else (low, lowSlope) = (step, here);
                double secant = low + ((high - low) * (-lowSlope / (highSlope - lowSlope)));
                double margin = 0.1 * (high - low);
                if (margin < 1e-9 * high) break;
                step = double.IsPositiveInfinity(high) ? 2 * step
                    : secant > low + margin && secant < high - margin ? secant
                    : (low + high) / 2;
            }

            var (s, g) = spare ?? (y.ZerosLike(), y.ZerosLike());
            spare = (s, g);
            s.CopyFrom(trial);
            s.AddScaled(-1, y);
            g.CopyFrom(trialGradient);
            g.AddScaled(-1, gradient);
            double curvature = s.Dot(g);
            y.CopyFrom(trial);
            gradient.CopyFrom(trialGradient);
            value = atTrial.Values[0];
            norm = gradient.Norm();
            if (curvature > 1e-16 * s.Norm() * g.Norm())
            {
                // The vectors of the oldest pair serve the next.
                spare = null;
                if (steps.Count == memory)
                {
                    spare = (steps[0].S, steps[0].G);
                    steps.RemoveAt(0);
                }

                steps.Add((s, g, 1 / curvature));
            }

            // On an ill-conditioned function the gradient may grow for long while the value falls.
            bool gained = norm < 0.999 * bestNorm || value < lowest - (1e-14 * valueSize);
            if (value < lowest)
            {
                (lowest, lowestNorm) = (value, norm);
                lowestAt.CopyFrom(y);
            }

            withoutGain = gained ? 0 : withoutGain + 1;
            if (norm >= bestNorm) continue;
            (bestNorm, bestValue) = (norm, value);
            best.CopyFrom(y);
        }

        // At a kink the gradient does not vanish, and says nothing of where the least value is.
        return bestNorm > Math.Max(tolerance, 0.1 * firstNorm) && lowest < bestValue - (1e-10 * valueSize)
            ? new LowerSolution<V>(lowestAt, lowest, lowestNorm, k)
            : new LowerSolution<V>(best, bestValue, bestNorm, k);
    }

    // Newton steps with products from differences of gradients, as long as each at least halves the gradient; null where the first does not.
    private static V? Newton<V>(IObjective<V> objective, V x, V from, V start, V slope, double tolerance)
        where V : class, IVector<V>
    {
        V y = from.Copy(), gradient = slope.Copy(), ahead = y.ZerosLike(), behind = y.ZerosLike(), image = y.ZerosLike(), trial = y.ZerosLike(), trialGradient = y.ZerosLike();
        var difference = new PreparedRequest<V>(objective, [[x, ahead], [x, behind]], [new(BilevelProblem.Y, Output.Combined, image)], [1, -1]);
        var atTrial = new PreparedRequest<V>(objective, [[x, trial]], [new(BilevelProblem.Y, 0, trialGradient)]);
        trial.CopyFrom(y);
        trial.AddScaled(-1, start);
        double size = Math.Max(y.Norm(), trial.Norm()), length = (size > 0 ? size : 1) * Math.Cbrt(Precision.Of(y)), norm = gradient.Norm();
        bool any = false;
        for (int k = 0; k < NewtonSteps && norm > tolerance; k++)
        {
            gradient.Scale(-1);
            var step = ConjugateResiduals.Solve(Product, gradient, Math.Max(0.1 * tolerance, 1e-3 * norm), Math.Min(NewtonProducts, (6 * y.Length) + 20));
            trial.CopyFrom(y);
            trial.AddScaled(1, step);
            atTrial.Evaluate();
            double next = trialGradient.Norm();
            if (!(next <= norm / 2)) break;
            any = true;
            norm = next;
            y.CopyFrom(trial);
            gradient.CopyFrom(trialGradient);
        }

        return any ? y : null;

        V Product(V v)
        {
            double h = length / v.Norm();
            ahead.CopyFrom(y);
            ahead.AddScaled(h, v);
            behind.CopyFrom(y);
            behind.AddScaled(-h, v);
            difference.Evaluate();
            image.Scale(1 / (2 * h));
            return image;
        }
    }

    // The two-loop recursion.
    private static void Direction<V>(V direction, V gradient, List<(V S, V G, double Inverse)> steps, double[] alpha)
        where V : class, IVector<V>
    {
        direction.CopyFrom(gradient);
        direction.Scale(-1);
        if (steps.Count == 0) return;
        for (int i = steps.Count - 1; i >= 0; i--)
        {
            alpha[i] = steps[i].Inverse * steps[i].S.Dot(direction);
            direction.AddScaled(-alpha[i], steps[i].G);
        }

        var (_, lastG, lastInverse) = steps[^1];
        direction.Scale(1 / (lastInverse * lastG.Dot(lastG)));
        for (int i = 0; i < steps.Count; i++)
        {
            double beta = steps[i].Inverse * steps[i].G.Dot(direction);
            direction.AddScaled(alpha[i] - beta, steps[i].S);
        }
    }

    private static LowerSolution<V> Projected<V>(IObjective<V> objective, V x, V start, IFeasibleSet<V> set, double tolerance, int limit)
        where V : class, IVector<V>
    {
        var steps = new AcceleratedProximalGradient<V>(new BlockFunction<V>(objective, [x, start], BilevelProblem.Y, 1), set, start);
        V best = steps.Next.Copy();
        double bestMapping = double.PositiveInfinity, bestValue = double.NaN;
        int k = 0, withoutGain = 0;
        for (; k < 20 * limit && bestMapping > tolerance && withoutGain < 400; k++)
        {
            steps.Step();

            // A move lost in rounding says nothing; a longer step would only be cut by the next turn.
            double mapping = steps.Smoothness * Math.Max(steps.Length, steps.IsLost ? Precision.Of(best) * steps.Size : 0);
            withoutGain = mapping < 0.999 * bestMapping ? 0 : withoutGain + 1;
            if (mapping < bestMapping || k == 0)
            {
                (bestMapping, bestValue) = (mapping, steps.Value);
                best.CopyFrom(steps.Next);
            }

            steps.Push();
        }

        return new LowerSolution<V>(best, bestValue, bestMapping, k);
    }
}
