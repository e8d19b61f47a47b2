namespace Bilevel;

/// <summary>
/// Several copies of the lower variable at the same x, copy i minimising sigma_i f(x, .) + g(x, .) over Y
/// (sigma_i = 1/lambda_i, or 0 for g alone, or negative), by gradient steps 1/(Lg1 + |sigma_i| Lf1) or Nesterov's
/// accelerated ones. All copies are asked for in one request per objective, on one sample, unless they are to be independent.
/// Where Lg1 and Lf1 are only estimates, the smoothness follows the curvature that the steps meet: see <see cref="MetCurvature{V}"/>.
/// </summary>
internal sealed class Followers<V>
    where V : class, IVector<V>
{
    // Rounding ends all progress: give up when the gradients have not shrunk for this many steps.
    private const int Patience = 100;

    // Gradients so many times above the first ones did not get there by momentum.
    private const double GrowthFactor = 1e3;

    private readonly IFeasibleSet<V> set;
    private LocalConstants constants;
    private readonly V[] copies;         // the iterates
    private readonly V[] ahead;          // the extrapolated points, where gradients are taken
    private readonly V[] g, f;           // g_y and f_y there
    private readonly V before;           // an iterate before its step
    private readonly double[] sigma;
    private readonly double[] norms;     // of the gradient (mapping) of sigma f + g
    private readonly double[] theta;     // Nesterov's t_k, where mu is only estimated
    private readonly PreparedRequest<V>[] lower, upper;
    private readonly int[] slots;        // position of copy i among those with sigma_i other than 0
    private readonly MetCurvature<V>[]? met;

    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable that the copies answer to.</param>
    /// <param name="copies">The copies, changed in place.</param>
    /// <param name="sigma">sigma_i; may be changed between solves through <see cref="SetSigma"/>, except to or from 0.</param>
    /// <param name="constants">Constants of the lower level.</param>
    /// <param name="independent">Asks for every copy on its own, so that samples may differ.</param>
    /// <param name="adaptive">Whether steps that come from estimated constants may become shorter; steps that were asked for are kept.</param>
    public Followers(BilevelProblem<V> problem, V x, V[] copies, double[] sigma, LocalConstants constants, bool independent = false, bool adaptive = true)
    {
        (this.copies, this.sigma, this.constants, set) = (copies, sigma, constants, problem.LowerSet);
        ahead = [.. copies.Select(c => c.Copy())];
        g = [.. copies.Select(c => c.ZerosLike())];
        before = copies[0].ZerosLike();
        norms = new double[copies.Length];
        theta = new double[copies.Length];
        int[] penalised = [.. Enumerable.Range(0, copies.Length).Where(i => sigma[i] != 0)];
        slots = [.. Enumerable.Range(0, copies.Length).Select(i => Array.IndexOf(penalised, i))];
        f = [.. penalised.Select(_ => copies[0].ZerosLike())];
        met = constants.SmoothnessKnown || !adaptive ? null : [.. copies.Select(c => new MetCurvature<V>(c))];
        lower = Requests(problem.Lower, ahead, g);
        upper = Requests(problem.Upper, [.. penalised.Select(i => ahead[i])], f);

        PreparedRequest<V>[] Requests(IObjective<V> objective, V[] at, V[] results) => at.Length == 0 ? []
            : independent ? [.. at.Select((a, i) => new PreparedRequest<V>(objective, [[x, a]], [new(BilevelProblem.Y, 0, results[i])], values: met is not null))]
            : [new(objective, [.. at.Select(a => new[] { x, a })], [.. results.Select((r, i) => new Output<V>(BilevelProblem.Y, i, r))], values: met is not null)];
    }

    /// <summary>Changes the constants, to those that a checkpoint brings.</summary>
    public void SetConstants(LocalConstants value) => constants = value;

    /// <summary>Changes sigma_i.</summary>
    public void SetSigma(int i, double value) => sigma[i] = value;

    /// <summary>The norms of the gradients (of the gradient mappings, where Y is a set) of sigma_i f + g before the last step.</summary>
    public ReadOnlySpan<double> Norms => norms;

    /// <summary>A modulus no larger than any curvature of g that the steps met; infinite where they met none, or where the constants are declared.</summary>
    public double LeastCurvature
    {
        get
        {
            double least = double.PositiveInfinity;
            for (int i = 0; i < met?.Length; i++)
            {
                if (sigma[i] == 0) least = Math.Min(least, met[i].Least);
            }

            return least;
        }
    }

    /// <summary>Whether the last solve ended at its limit with gradients larger than those that it began with: its steps are too long.</summary>
    public bool HasGrown { get; private set; }

    /// <summary>Whether the last solve ended because its gradients no longer fell.</summary>
    public bool EndedByRounding { get; private set; }

    /// <summary>Saves or loads what the steps have learned of the curvature.</summary>
    public void Transfer(IArchive archive)
    {
        for (int i = 0; i < met?.Length; i++) met[i].Transfer(archive);
    }

    /// <summary>The smoothness Lg1 + |sigma| Lf1 of sigma f + g, the inverse of a safe step.</summary>
    public double Smoothness(double sigma) => constants.LowerSmoothness + (Math.Abs(sigma) * constants.UpperSmoothness);

    /// <summary>Takes a fixed number of steps on every copy.</summary>
    /// <param name="steps">Number of steps.</param>
    /// <param name="accelerated">Nesterov's momentum, started anew.</param>
    /// <param name="shares">Step lengths as shares of 1/(Lg1 + |sigma_i| Lf1).</param>
    /// <param name="samples">Where the samples of the gradients come from; null for exact gradients.</param>
    /// <param name="batch">Size of a sample; 0 for exact gradients.</param>
    public void Steps(int steps, bool accelerated, ReadOnlySpan<double> shares, SampleStream? samples = null, int batch = 0)
    {
        Begin();
        for (int t = 0; t < steps; t++) Step(accelerated, shares, samples, batch);
        CheckLast(shares, samples, batch);
    }

    /// <summary>Steps until the gradient of copy i is at most tolerance i for every i, or the limit is reached, or rounding ends all progress.</summary>
    /// <returns>Number of steps taken.</returns>
    public int Solve(ReadOnlySpan<double> tolerances, int limit, bool accelerated, ReadOnlySpan<double> shares)
    {
        Begin();
        double best = double.PositiveInfinity, first = double.NaN;
        int bestAt = 0;
        (HasGrown, EndedByRounding) = (false, false);
        for (int t = 1; t <= limit; t++)
        {
            Step(accelerated, shares);
            double worst = 0;
            for (int i = 0; i < norms.Length; i++) worst = Math.Max(worst, norms[i] / tolerances[i]);
            if (worst <= 1)
            {
                HasGrown = false;
                return t;
            }

            if (t == 1) first = worst;
            if (worst < best) (best, bestAt) = (worst, t);
            HasGrown = !(worst <= GrowthFactor * first);
            if (t - bestAt >= Patience + (2 * Math.Sqrt(constants.LowerSmoothness / constants.LowerStrongConvexity)))
            {
                EndedByRounding = true;
                return t;
            }
        }

        CheckLast(shares, null, 0);
        return limit;
    }

    private void Begin()
    {
        for (int i = 0; i < copies.Length; i++)
        {
            ahead[i].CopyFrom(copies[i]);
            theta[i] = 1;
            met?[i].Begin();
        }
    }

    private void Step(bool accelerated, ReadOnlySpan<double> shares, SampleStream? samples = null, int batch = 0)
    {
        Evaluate(samples, batch);
        for (int i = 0; i < copies.Length; i++)
        {
            var gradient = g[i];
            double smoothness = Smoothness(sigma[i]);
            if (met is not null)
            {
                if (!Keeps(met[i], i, smoothness / shares[i], batch)) continue;
                smoothness *= met[i].Growth;
            }

            double step = shares[i] / smoothness;

            before.CopyFrom(copies[i]);
            copies[i].CopyFrom(ahead[i]);
            copies[i].AddScaled(-step, gradient);
            if (set.IsWholeSpace)
            {
                norms[i] = gradient.Norm();
            }
            else
            {
                set.Project(copies[i]);
                ahead[i].AddScaled(-1, copies[i]);
                norms[i] = ahead[i].Norm() / step;
            }

            ahead[i].CopyFrom(copies[i]);
            if (!accelerated) continue;

            // before becomes the move copies - before; a move against the descent direction restarts the momentum.
            before.Scale(-1);
            before.AddScaled(1, copies[i]);
            ahead[i].AddScaled(Momentum(i, gradient.Dot(before) > 0, smoothness), before);
        }
    }

    // The gradients of sigma f + g at the extrapolated points.
    private void Evaluate(SampleStream? samples, int batch)
    {
        foreach (var request in lower) request.Evaluate(samples?.Next(batch) ?? Sample.All);
        foreach (var request in upper) request.Evaluate(samples?.Next(batch) ?? Sample.All);
        for (int i = 0; i < copies.Length; i++)
        {
            if (sigma[i] != 0) g[i].AddScaled(sigma[i], f[slots[i]]);
        }
    }

    // Whether copy i may go on from where it is; otherwise it is back where its gradient was taken before, but for a shorter step.
    private bool Keeps(MetCurvature<V> curvature, int i, double smoothness, int batch)
    {
        bool exists = double.IsFinite(Value(lower, i)) && (sigma[i] == 0 || double.IsFinite(Value(upper, slots[i])));
        if (curvature.Accepts(ahead[i], g[i], exists, smoothness, sigma[i] == 0, batch > 0, before)) return true;
        curvature.Retreat(copies[i], smoothness);
        set.Project(copies[i]);
        ahead[i].CopyFrom(copies[i]);
        theta[i] = 1;
        return false;
    }

    // Where steps adapt, the last one is looked at too, since nobody asks for gradients where it led.
    private void CheckLast(ReadOnlySpan<double> shares, SampleStream? samples, int batch)
    {
        bool kept = met is null;
        while (!kept)
        {
            for (int i = 0; i < copies.Length; i++) ahead[i].CopyFrom(copies[i]);
            Evaluate(samples, batch);
            kept = true;
            for (int i = 0; i < copies.Length; i++) kept &= Keeps(met![i], i, Smoothness(sigma[i]) / shares[i], batch);
        }
    }

    // The value of copy i, from one request for all or one for each.
    private static double Value(PreparedRequest<V>[] requests, int i) => requests.Length == 1 ? requests[0].Values[i] : requests[i].Values[0];

    private double Momentum(int i, bool uphill, double smoothness)
    {
        if (uphill)
        {
            theta[i] = 1;
            return 0;
        }

        if (constants.StrongConvexityKnown)
        {
            // The modulus of sigma f + g is at least mu - |sigma| Lf1 (penalty methods, section 9.2); where that is not positive, mu is a guess that the restart corrects.
            double modulus = constants.LowerStrongConvexity - (Math.Abs(sigma[i]) * constants.UpperSmoothness);
            if (modulus <= 0) modulus = constants.LowerStrongConvexity;
            double root = Math.Sqrt(smoothness / modulus);
            return (root - 1) / (root + 1);
        }

        double next = (1 + Math.Sqrt(1 + (4 * theta[i] * theta[i]))) / 2;
        double momentum = (theta[i] - 1) / next;
        theta[i] = next;
        return momentum;
    }
}
