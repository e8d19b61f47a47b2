namespace Bilevel;

/// <content>Kinks of F, where the bounds that hold the follower's answer change next to x.</content>
internal sealed partial class HypergradientCheck<V>
{
    // A combination so many times smaller than the hypergradient tells a kink, though it may not be within the tolerance.
    private const double Telling = 0.1;

    // The follower is solved to this share of what it moves along, since it is to be known which of its bounds are active.
    private const double LowerShare = 1e-4;

    // How near to x a kink must be for x to count as stationary, and to be told of, as shares of x.
    private const double Near = 1e-6, Around = 1e-4;

    private const string KinkAdvice = " F has a kink near x, where the bounds that hold the follower's answer change: there no hypergradient need be small, and running longer will not help.";

    // The certificate of a stationary point at a kink; null where there is none, though what was seen is then in the numbers.
    private Certificate? AtKink()
    {
        if (quick || problem.LowerSet.IsWholeSpace || !problem.UpperSet.IsWholeSpace || x is not IFillable || Missing().Count > 0) return null;
        var search = new KinkSearch<V>(x, Hypergradient);
        double own = found?.Gradient.Norm() ?? double.PositiveInfinity;
        Kink<V>? near = search.Find(tolerance, Near, tolerance / 2, !isHidden);
        bool isNear = near?.Norm <= Telling * own;
        if ((isNear ? near : search.Find(tolerance, Around, Telling * own, !isHidden)) is not { } kink || !(kink.Norm <= Telling * own)) return null;
        double bound = kink.Norm + kink.Error;
        numbers.Add(new("kink_combination", kink.Norm, FormattableString.Invariant($"norm of a convex combination of hypergradients within {kink.Radius:G3} of x")));
        numbers.Add(new("kink_bound", bound, "upper bound on that norm"));
        numbers.Add(new("kink_radius", kink.Radius, "how far from x they were taken"));
        if (!isNear || !(bound <= tolerance)) return null;

        // Each of them stands on gradients of its own, on other faces than those at x.
        foreach (var at in kink.Points)
        {
            var there = Beside(at);
            there.isAudited = true;
            var seen = there.Run();
            if (seen.Verdict == Verdict.NotCheckable) return Contradicted(there.signs.LastOrDefault() ?? seen.Summary);
            if (there.isHidden) return null;
        }

        evidence.Add("This is no bound on the hypergradient at x: F has a kink next to it, where the bounds that hold the follower's answer change.");
        return Conclude(Verdict.Certified, FormattableString.Invariant($"Certified as a stationary point at a kink of F: a convex combination of hypergradients within {kink.Radius:G3} of x is at most {bound:G3} in norm, within the tolerance {tolerance:G3}, under the declared constants."));
    }

    private (V Gradient, double Error)? Hypergradient(V at)
    {
        var there = Beside(at);
        there.Run();
        return there.found;
    }

    private HypergradientCheck<V> Beside(V at) =>
        new(settings, problem, at, fresh.Y, tolerance, double.NaN, quick: true) { lowerTarget = LowerShare * constants.LowerCoupling!.Value * Step(at, x).Norm() };
}
