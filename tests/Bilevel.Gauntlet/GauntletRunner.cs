using System.Diagnostics;

namespace Bilevel.Gauntlet;

/// <summary>How one problem of the gauntlet went.</summary>
public sealed record GauntletResult
{
    /// <summary>The seed of the problem.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The status; null where the method refused the problem or failed with an exception.</summary>
    public required SolveStatus? Status { get; init; }

    /// <summary>Whether the method or the validator refused the problem.</summary>
    public bool Refused { get; init; }

    /// <summary>Whether the answer is certified.</summary>
    public bool Certified { get; init; }

    /// <summary>Whether the reference agrees that what was asked holds, with a slack of two, after no more gradients than are allowed.</summary>
    public bool Solved { get; init; }

    /// <summary>Whether F has a kink at the answer, so that only a convex combination of its gradients around is small.</summary>
    public bool AtKink { get; init; }

    /// <summary>The reference's measure at the answer, |grad F| or the KKT residual, over the tolerance.</summary>
    public double Gradient { get; init; } = double.NaN;

    /// <summary>The least norms of convex combinations of gradients of F within 1e-2, 1e-4 and 1e-6 of an answer that is not solved, over the tolerance.</summary>
    public IReadOnlyList<double> Around { get; init; } = [];

    /// <summary>The measure at the method's own y, where the follower has constraints.</summary>
    public double Claimed { get; init; } = double.NaN;

    /// <summary>The largest violation of a scaled row over what is allowed.</summary>
    public double Violation { get; init; }

    /// <summary>A certificate that the reference contradicts.</summary>
    public bool FalseCertificate { get; init; }

    /// <summary>Gradients that the method asked for.</summary>
    public long Gradients { get; init; }

    /// <summary>Seconds of the run and its certificate.</summary>
    public double Seconds { get; init; }

    /// <summary>What keeps the answer from being certified: the certificate's sentence, or the status message.</summary>
    public string Failing { get; init; } = "";

    /// <summary>The status message.</summary>
    public string Message { get; init; } = "";

    /// <summary>The answer's x; null where there is none.</summary>
    public DenseVector<double>? X { get; init; }

    /// <summary>The answer's y; null where there is none.</summary>
    public DenseVector<double>? Y { get; init; }

    /// <summary>The certificate; null where there is none.</summary>
    public Certificate? Certificate { get; init; }

    /// <summary>Said to be converged, and not so at y*(x) nor, where the follower has constraints, at the method's own y.</summary>
    public bool FalseConverged => Status == SolveStatus.Converged && !Solved && !(Claimed <= GauntletRunner.Slack && Violation <= GauntletRunner.Slack);
}

/// <summary>Runs problems of the gauntlet and judges the answers by the reference.</summary>
public static class GauntletRunner
{
    /// <summary>Most gradients of a run.</summary>
    public const long MostGradients = 200_000;

    /// <summary>The slack of the reference's judgement.</summary>
    public const double Slack = 2;

    private const double RowTolerance = 1e-3;

    // F has a kink at an answer where a convex combination of its gradients is small within the last of these, in scaled units.
    private static readonly double[] KinkRadii = [1e-2, 1e-4, 1e-6];

    /// <summary>The problem through the library's two-line entry.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="seconds">Most seconds of the run.</param>
    public static GauntletResult Entry(GauntletProblem problem, double seconds = 60) => Judge(problem, seconds, (counted, cancellation) => counted is BilevelProblem<DenseVector<double>> bilevel
        ? BilevelSolver.Solve(bilevel, problem.X0, problem.Y0, problem.Tolerance, Stop.OracleCalls(MostGradients), cancellation)
        : BilevelSolver.Solve((BilevelMinimaxProblem<DenseVector<double>>)counted, problem.Start, problem.Tolerance, Stop.OracleCalls(MostGradients), cancellation));

    /// <summary>The problem through a method at its defaults, the tolerance aside.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="method">The method's entry in the catalogue.</param>
    /// <param name="seconds">Most seconds of the run.</param>
    public static GauntletResult Method(GauntletProblem problem, MethodEntry method, double seconds = 60)
    {
        bool takesTolerance = method.Schema.Settings.Any(s => s.Name == "tolerance");
        string tolerance = problem.Tolerance.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
        var settings = takesTolerance ? method.With(method.Defaults, [KeyValuePair.Create("tolerance", tolerance)]) : method.Defaults;
        var rule = problem.Bilevel is null ? Stop.Certified(problem.Tolerance, every: 20) : Stop.Residual(problem.Tolerance);
        var driver = new Driver { Stop = rule | Stop.OracleCalls(MostGradients), OracleBudget = 2 * MostGradients, CertifyAt = problem.Tolerance };
        return Judge(problem, seconds, (counted, cancellation) => driver.Run(settings, counted, problem.Start, seed: 0, cancellation));
    }

    /// <summary>Runs several problems, each on one of some threads, in the order of their seeds.</summary>
    /// <param name="of">The class.</param>
    /// <param name="first">The first seed.</param>
    /// <param name="count">How many.</param>
    /// <param name="threads">How many threads.</param>
    /// <param name="scales">Which scales are drawn.</param>
    /// <param name="run">What to do with a problem.</param>
    public static IReadOnlyList<GauntletResult> All(GauntletClass of, ulong first, int count, int threads, DrawnScales scales, Func<GauntletProblem, GauntletResult> run)
    {
        var results = new GauntletResult[count];
        int next = -1;
        Task[] workers = [.. Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(Work, TaskCreationOptions.LongRunning))];
        Task.WaitAll(workers);
        return results;

        void Work()
        {
            for (int i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next)) results[i] = run(GauntletProblem.Create(of, first + (ulong)i, scales));
        }
    }

    private static GauntletResult Judge(GauntletProblem problem, double seconds, Func<IProblem<DenseVector<double>>, CancellationToken, Solution<DenseVector<double>>> solve)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var watch = Stopwatch.StartNew();
        try
        {
            return Judge(problem, solve(problem.Problem, limit.Token), watch.Elapsed.TotalSeconds);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return new GauntletResult { Seed = problem.Seed, Status = null, Refused = e is InvalidProblemException, Seconds = watch.Elapsed.TotalSeconds, Failing = $"{e.GetType().Name}: {e.Message}" };
        }
    }

    private static GauntletResult Judge(GauntletProblem problem, Solution<DenseVector<double>> solution, double seconds)
    {
        bool finite = solution.X.IsFinite() && solution.Y.IsFinite();
        double tolerance = problem.Tolerance, gradient = finite ? problem.Measure(solution.X) / tolerance : double.PositiveInfinity;
        double violation = finite ? problem.Violation(solution.X, solution.Y) / (RowTolerance * problem.RowSize) : double.PositiveInfinity;
        double[] around = double.IsFinite(gradient) && gradient > Slack && problem.Class.Follower != FollowerSet.None ? [.. KinkRadii.Select(r => problem.GradientAround(solution.X, r) / tolerance)] : [];
        bool kink = around.Length > 0 && (around[^1] <= Slack || IsStationaryWithin(problem, solution.X, solution.Certificate));
        bool certified = solution.Certificate?.Verdict == Verdict.Certified;
        var result = new GauntletResult
        {
            Seed = problem.Seed,
            Status = solution.Status,
            Certified = certified,
            Solved = (gradient <= Slack || kink) && violation <= Slack && solution.OracleCalls <= MostGradients,
            AtKink = kink,
            Around = around,
            Gradient = gradient,
            Claimed = finite && problem.Constrained is not null ? problem.MeasureAt(solution.X, solution.Y, solution["y2"]) / tolerance : double.NaN,
            Violation = violation,
            Gradients = solution.OracleCalls,
            Seconds = seconds,
            Failing = certified ? "" : solution.Certificate?.Summary ?? solution.StatusMessage,
            Message = solution.StatusMessage,
            X = solution.X,
            Y = solution.Y,
            Certificate = solution.Certificate,
        };
        return result with { FalseCertificate = certified && IsContradicted(problem, result) };
    }

    /// <summary>
    /// Whether the reference contradicts a certificate: a bound on |grad F| is compared with it; one on the gap of the follower with what the
    /// follower loses, and in the units that the certificate was given in with its tolerance.
    /// </summary>
    public static bool IsContradicted(GauntletProblem problem, GauntletResult result)
    {
        var certificate = result.Certificate!;
        if (!double.IsNaN(certificate["kink_bound"])) return result.Gradient > Slack && !IsStationaryWithin(problem, result.X!, certificate);
        if (problem.Constrained is null && !double.IsNaN(certificate["stationarity_bound"])) return result.Gradient > 1 + 1e-6;
        double plain = PlainGapBound(certificate);
        var (loss, error) = problem.LowerLoss(result.X!, result.Y!);
        return !(GapBound(certificate) <= certificate.Tolerance) || loss - error > plain + (1e-6 * Math.Abs(plain));
    }

    // At a kink a certificate names the radius that it speaks of, a millionth of x with its centre, and so a few of the reference's.
    private static bool IsStationaryWithin(GauntletProblem problem, DenseVector<double> x, Certificate? certificate) =>
        certificate?["kink_radius"] is { } radius && radius <= 1.1e-6 * x.Norm() && problem.GradientAround(x, radius / (problem.UnitX * (1 + problem.UpperSize(x)))) <= Slack * problem.Tolerance;

    /// <summary>The certificate's bound on what the follower loses, in plain numbers of g.</summary>
    public static double PlainGapBound(Certificate certificate) => new[] { certificate["plain_lower_gap_bound"], certificate["plain_gap_bound"] }.FirstOrDefault(b => !double.IsNaN(b), GapBound(certificate));

    // Where no constraint became a multiplier, the primal-dual gap is what the follower loses.
    private static double GapBound(Certificate certificate) => certificate["lower_gap_bound"] is var bound && double.IsNaN(bound) ? certificate["gap_bound"] : bound;
}
