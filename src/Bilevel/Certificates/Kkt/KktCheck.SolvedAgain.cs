using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <content>What solving the lower level again shows: a contradiction to what is declared, or what is seen of a lower level of any shape.</content>
internal sealed partial class KktCheck<V>
{
    // The lower level solved again from both sides, by a solver of its own; a contradiction in words, or null.
    private string? SolveAgain()
    {
        var worst = Best(problem.Lower, [x1, y1, z2], Lower.Z2, -problem.LowerSign, problem.Z2, problem.Constants.LowerStrongConcavity, y2);
        var dual = Best(problem.Lower, [x1, z1, y2], Lower.Z1, problem.LowerSign, problem.Z1, problem.Constants.LowerStrongConvexity, y1);
        var leader = Best(problem.Upper, [x1, x2, y1, y2], X2, -problem.UpperSign, problem.X2, null, x2);
        double terms = problem.Z1.Value(y1) + problem.Z2.Value(y2);
        double gap = terms - worst.Value - dual.Value, bound = terms - worst.LowerBound - dual.LowerBound;
        int third = deciding.FindIndex(d => d.Number.Name == "gap_bound");
        deciding[third] = deciding[third] with { Seen = Math.Max(deciding[third].Seen, gap) };
        numbers.Add(new("gap_resolved", gap, "the gap attained where both one-sided lower problems were solved again: at most the true gap"));
        numbers.Add(new("gap_resolved_bound", bound, "upper bound of the gap from that solve"));

        double maximum = problem.X1.Value(x1) - leader.Value;
        double missed = maximum - penalised;
        numbers.Add(new("upper_gap", missed, "what f rises where x2 is solved again"));
        penalised = maximum;
        double slack = 2 * kkt.Rounding.Gap;
        if (gap > kkt.GapBound + slack)
            return FormattableString.Invariant($"the lower level is not convex-concave: solving it again attains a gap of {gap:G4}, above the bound {kkt.GapBound:G4} that convexity in z1 and concavity in z2 imply");
        if (missed > kkt.UpperExcess)
            return FormattableString.Invariant($"f is not concave in x2: it rises by {missed:G4}, more than the {kkt.UpperExcess:G4} that its gradient allows a concave function");
        return null;
    }

    // The best of the solutions from the point, from another known point and from a random one.
    private ConvexSolution<V> Best(IObjective<V> objective, V[] at, int block, double sign, IProximalTerm<V> term, double? modulus, V other)
    {
        var function = new BlockFunction<V>(objective, at, block, sign);
        List<V> starts = [at[block], other];
        if (at[block] is IFillable) starts.Add(KktSigns<V>.Feasible(term, at[block], 1, 7));
        ConvexSolution<V>? best = null;
        foreach (var start in starts.DistinctBy(s => s, ReferenceEqualityComparer.Instance))
        {
            var solution = ConvexSolver.Minimise(function, term, start, modulus, tolerance / 1000, settings.SolveSteps);
            best = best is null ? solution
                : (solution.Value < best.Value ? solution : best) with { LowerBound = Math.Max(solution.LowerBound, best.LowerBound) };
            if (at[block].Length == 0) break;
        }

        return best!;
    }

    // What can be seen of a lower level of any shape: how far z1 and z2 improve on the answer from many starts.
    private void Search()
    {
        if (y1 is not IFillable) return;
        double terms = problem.Z1.Value(y1) - problem.Z2.Value(y2);
        double at = (problem.LowerSign * kkt.LowerValue) - terms;
        double follower = double.PositiveInfinity, opponent = double.PositiveInfinity;
        BlockFunction<V> first = new(problem.Lower, [x1, y1, y2], Lower.Z1, problem.LowerSign), second = new(problem.Lower, [x1, y1, y2], Lower.Z2, -problem.LowerSign);
        for (int s = 0; s < settings.Starts; s++)
        {
            double share = s == 0 ? 0 : s % 2 == 0 ? 1 : 0.1;
            follower = Math.Min(follower, ConvexSolver.Minimise(first, problem.Z1, KktSigns<V>.Feasible(problem.Z1, y1, share, 40 + (ulong)s), null, 0, settings.SaddleSteps).Value);
            opponent = Math.Min(opponent, ConvexSolver.Minimise(second, problem.Z2, KktSigns<V>.Feasible(problem.Z2, y2, share, 60 + (ulong)s), null, 0, settings.SaddleSteps).Value);
        }

        string found = y2.Length == 0
            ? FormattableString.Invariant($"found a lower value that is better by {at + problem.Z1.Value(y1) - follower:G4} than at y1")
            : FormattableString.Invariant($"found that z1 alone can gain {at + problem.Z1.Value(y1) - follower:G4} and z2 alone {-at + problem.Z2.Value(y2) - opponent:G4}");
        evidence.Add(FormattableString.Invariant($"the best of {settings.Starts} starts {found}; this is not a proof"));
    }

    // B0 against the multipliers of the lower level solved again, from ones that obey it and to two accuracies, whose difference is about
    // the error of the first. Those of the point itself may be above it: they are approximate. In words, or null.
    private string? MultipliersContradict()
    {
        if (problem.LowerMultipliers is not { OptimalBound: { } least } lower || Touched is not null) return null;
        double over = lower.Sizes(y2).OverOptimal;
        if (!(over > 1 + Slack) || !double.IsFinite(over)) return null;
        var (start1, start2) = (y1, y2.Copy());
        start2.Scale(1 / over);
        problem.Z2.Project(start2);
        Span<double> seen = [0, 0];
        for (int k = 0; k < 2; k++)
        {
            double target = tolerance * (k == 0 ? 1e-4 : 1e-6);
            var solved = LowerSaddleSolver.Solve(problem, x1, start1, start2, target, 4 * settings.SaddleSteps);
            if (!(solved.Gap <= 10 * target)) return null;
            seen[k] = lower.Sizes(solved.Z2).OverOptimal;
            (start1, start2) = (solved.Z1, solved.Z2);
        }

        return Math.Min(seen[0], seen[1]) - Math.Abs(seen[1] - seen[0]) > 1 + Slack
            ? FormattableString.Invariant($"the declared {nameof(lower.OptimalBound)} {least:G4} is contradicted: the multipliers of the lower level solved again are {seen[1]:G4} times what it allows")
            : null;
    }
}
