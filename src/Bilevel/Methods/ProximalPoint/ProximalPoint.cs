// The guaranteed method for bilevel minimax problems (bilevel minimax, sections 4 to 7, 11 and 12; Shen, He, Wang, Lin,
// arXiv 2605.08006, after Lu and Mei 2024): the penalty function at rho = 1/epsilon from an approximate saddle point of
// the lower level, by the proximal-point loop with an optimal solver for its subproblems.
// Problem class: f and g smooth with simple terms, f concave in x2, g convex-concave in (z1, z2), bounded sets of x2, z1
// and z2; exact gradients. Otilde(epsilon^-4) gradients to an O(epsilon)-KKT point.
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>Which form of the method runs.</summary>
public enum ProximalPointMode
{
    /// <summary>The measured improvements, each as its own setting says.</summary>
    Practical,

    /// <summary>The published parameters: anchored inner loop, published stopping test, L_h from the constants, one value of rho, subproblems begun at v0; with warm-start those begin at v_k.</summary>
    Paper,
}

/// <summary>The guaranteed method: proximal-point loop on the penalty function, Otilde(epsilon^-4) gradients to a KKT point.</summary>
public sealed record ProximalPoint : IBilevelMinimaxMethod
{
    /// <inheritdoc/>
    public string Name => "proximal-point";

    /// <summary>Accuracy epsilon that is aimed at; the theory is for 1/4 and less.</summary>
    [Setting("Accuracy epsilon that is aimed at; the theory is for 1/4 and less.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-3;

    /// <summary>The practical form, or the published one (paper).</summary>
    [Setting("The practical form, or the published one (paper).")]
    public ProximalPointMode Mode { get; init; }

    /// <summary>Whether a proximal problem begins at the maximisers' last point; auto does so unless the form is the published one.</summary>
    [Setting("Whether a proximal problem begins at the maximisers' last point; auto does so unless the form is the published one.")]
    public bool? WarmStart { get; init; }

    /// <summary>Whether L follows a test of descent instead of staying L_h; practical form only.</summary>
    [Setting("Whether L follows a test of descent instead of staying L_h; practical form only.")]
    public bool AdaptiveSmoothness { get; init; } = true;

    /// <summary>L, or its first value where it is adaptive; auto takes L_f + 2 rho L_g from the constants.</summary>
    [Setting("L, or its first value where it is adaptive; auto takes L_f + 2 rho L_g from the constants.", Min = 1e-300)]
    public double? Smoothness { get; init; }

    /// <summary>Accuracy of the first stage, whose rho is its reciprocal; auto takes 1/4, and the tolerance for the published form.</summary>
    [Setting("Accuracy of the first stage, whose rho is its reciprocal; auto takes 1/4, and the tolerance for the published form.", Min = 1e-300)]
    public double? FirstAccuracy { get; init; }

    /// <summary>Accuracy of a stage as a share of that of the stage before; practical form only.</summary>
    [Setting("Accuracy of a stage as a share of that of the stage before; practical form only.", Min = 0.01, Max = 0.99)]
    public double Shrink { get; init; } = 0.5;

    /// <summary>Diameter D of the sets of x2, z1 and z2 together; auto takes it from the sets.</summary>
    [Setting("Diameter D of the sets of x2, z1 and z2 together; auto takes it from the sets.", Min = 1e-300)]
    public double? Diameter { get; init; }

    /// <summary>Most steps to solve the lower level at the start, and at a new stage where its gap asks for it.</summary>
    [Setting("Most steps to solve the lower level at the start, and at a new stage where its gap asks for it.", Min = 1)]
    public int SaddleSteps { get; init; } = 100_000;

    private bool IsAdaptive => Mode == ProximalPointMode.Practical && AdaptiveSmoothness;

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, start);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V>
    {
        if (Mode == ProximalPointMode.Paper && Tolerance > 0.25)
            yield return new Finding(Severity.Warning, FormattableString.Invariant($"tolerance = {Tolerance:G4} is above 1/4, where the published parameters begin to mean something."), "Take 0.25 or less.");
        if (Smoothness is null && !IsAdaptive && problem.Constants.PenaltySmoothness(1) is null)
            yield return new Finding(Severity.Error, "proximal-point needs the smoothness constants of f and g where L is not adaptive, and the problem declares none.", "Declare UpperSmoothness and LowerSmoothness, give smoothness, or set adaptive-smoothness to true.");
        if (FirstAccuracy < Tolerance)
            yield return new Finding(Severity.Error, FormattableString.Invariant($"first-accuracy = {FirstAccuracy:G4} is below the tolerance, {Tolerance:G4}."), "Raise it or leave it at auto.");
    }

    /// <inheritdoc/>
    IEnumerable<Finding> IMethod.Validate<V>(IProblem<V> problem, IReadOnlyList<V> start) => problem switch
    {
        BilevelMinimaxProblem<V> minimax => [.. Validate(minimax), .. Unbounded(minimax.MaximiserDiameter(start))],
        BilevelProblem<V> bilevel => [.. LiftedRun<V>.Validate(this, bilevel, start), .. Unbounded(bilevel.LowerSet.DiameterAt(start[BilevelProblem.Y].Length))],
        _ => [MethodClass.Wrong(Name, "bilevel and bilevel minimax problems")],
    };

    private IEnumerable<Finding> Unbounded(double diameter)
    {
        if (!double.IsFinite(Diameter ?? diameter))
            yield return new Finding(Severity.Error, "proximal-point needs bounded sets of x2, z1 and z2, and one of them is unbounded.", "Give them bounded sets, or give diameter: how far apart two of their points may be.");
    }

    /// <summary>Whether the sets have the diameter that the method needs, or one is given.</summary>
    internal bool Suits<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => double.IsFinite(Diameter ?? problem.MaximiserDiameter(start));

    private sealed class Run<V> : MethodRun<V>
        where V : class, IVector<V>
    {
        // The theory is for accuracies up to this (section 4.6).
        private const double LargestAccuracy = 0.25;

        // What L begins with where nothing is known.
        private const double FirstSmoothness = 1;

        private readonly ProximalPoint settings;
        private readonly BilevelMinimaxProblem<V> problem;
        private readonly V[] point;
        private readonly PenaltyFunction<V> penalty;
        private readonly NonconvexConcave<V> loop;
        private readonly SaddleStart<V> saddle;
        private readonly double diameter;
        private double accuracy;
        private bool begun, due = true;        // whether the next step begins a stage

        public Run(ProximalPoint settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        {
            (this.settings, this.problem) = (settings, problem);
            bool paper = settings.Mode == ProximalPointMode.Paper;
            point = start.CopyBlocks();
            penalty = new PenaltyFunction<V>(problem, point);
            loop = new NonconvexConcave<V>(penalty, new SaddleSolverMode(Anchored: paper, PublishedStop: paper), penalty.Value);
            saddle = new SaddleStart<V>(problem, point[X1], point[Y1], point[Y2]);
            diameter = settings.Diameter ?? problem.MaximiserDiameter(start);
            accuracy = paper ? settings.Tolerance : Math.Max(settings.FirstAccuracy ?? LargestAccuracy, settings.Tolerance);
        }

        public override double Penalty => 1 / accuracy;

        public override ReadOnlySpan<V> Point => point;

        public override void Step()
        {
            // What ended a stage is judged by its own rho, so the next begins with the step that follows.
            if (due) BeginStage();
            due = loop.Step();
            Residual = loop.Residual;
        }

        protected override void TransferState(IArchive<V> archive)
        {
            archive.Transfer(ref accuracy);
            archive.Transfer(ref begun);
            archive.Transfer(ref due);
            if (begun) loop.Transfer(archive);
            penalty.Rho = 1 / accuracy;
        }

        // The first stage, or the one after a loop that reached its own aim: what the certificate may still miss then is
        // gap, and a larger rho mends that.
        private void BeginStage()
        {
            double before = accuracy, gap = double.PositiveInfinity;
            if (begun)
            {
                gap = penalty.AttainedGap();
                accuracy = accuracy > settings.Tolerance ? Math.Max(settings.Shrink * accuracy, settings.Tolerance) : settings.Shrink * accuracy;
            }

            begun = true;
            penalty.Rho = 1 / accuracy;
            if (gap > accuracy)
            {
                saddle.Solve(point[Y1], point[Y2], accuracy, settings.SaddleSteps);
                point[Z1].CopyFrom(point[Y1]);
                point[Z2].CopyFrom(point[Y2]);
            }

            bool paper = settings.Mode == ProximalPointMode.Paper;
            double? known = problem.Constants.PenaltySmoothness(1 / accuracy);
            double smoothness = settings.Smoothness ?? known ?? FirstSmoothness, bound = known ?? double.PositiveInfinity;

            // L_h is all but proportional to rho.
            if (settings.IsAdaptive && loop.Steps > 0) smoothness = Math.Min(bound, loop.Smoothness * before / accuracy);
            loop.Begin(new ProximalPointPlan(smoothness, diameter, accuracy, Math.Pow(accuracy, 1.5), Warm: settings.WarmStart ?? !paper, Adaptive: settings.IsAdaptive, bound));
        }
    }
}
