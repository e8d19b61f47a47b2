// Lu, Mei: First-order penalty methods for bilevel optimization, SIAM J. Optim. 34(2), 2024 (arXiv 2301.01716), Algorithms 4 to 6.
// Problem class: a lower level phi(x, y) with constraints c(x, y) <= 0 or c(x, y) = 0 (Lift.ConstrainedLowerLevel), phi and c
// convex in y, bounded sets, known constants, no adversary; exact gradients.
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>How <see cref="FirstOrderPenalty"/> takes its parameters.</summary>
public enum FirstOrderPenaltyMode
{
    /// <summary>One stage at rho = 1/epsilon and mu = 1/epsilon^2, anchored inner loops: as analysed.</summary>
    Paper,

    /// <summary>Stages of rho with a factor between them, mu = rho^2, extragradient inner loops with longer steps.</summary>
    Practical,
}

/// <summary>
/// The first-order penalty method of Lu and Mei: the constraints as a quadratic penalty in both copies of the follower,
/// P = f(x, y) + rho (phi(x, y) + mu |[c(x, y)]_+|^2 - phi(x, z) - mu |[c(x, z)]_+|^2), made convex by proximal terms and
/// solved to O~(epsilon^-7) gradients, since P is as steep as rho mu. The residual is that of P.
/// </summary>
public sealed record FirstOrderPenalty : IBilevelMinimaxMethod
{
    // Exponents of epsilon in mu and in the tolerance of the first subproblem.
    private const double WeightExponent = 2, SubproblemExponent = 2.5;

    /// <inheritdoc/>
    public string Name => "lu-mei";

    /// <summary>Accuracy epsilon that is aimed at.</summary>
    [Setting("Accuracy epsilon that is aimed at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-2;

    /// <summary>One stage as analysed (paper), or stages of rho with longer inner steps (practical).</summary>
    [Setting("One stage as analysed (paper), or stages of rho with longer inner steps (practical).")]
    public FirstOrderPenaltyMode Mode { get; init; } = FirstOrderPenaltyMode.Practical;

    /// <summary>Factor between the stages of rho.</summary>
    [Setting("Factor between the stages of rho.", Min = 1.01)]
    public double RhoFactor { get; init; } = 5;

    /// <summary>Most proximal steps of a stage before the last.</summary>
    [Setting("Most proximal steps of a stage before the last.", Min = 1)]
    public int StageSteps { get; init; } = 200;

    /// <summary>Whether L follows a test of descent instead of staying L_h; practical form only.</summary>
    [Setting("Whether L follows a test of descent instead of staying L_h; practical form only.")]
    public bool AdaptiveSmoothness { get; init; } = true;

    /// <summary>Most steps to solve the penalised lower level at the first x; 0 for none.</summary>
    [Setting("Most steps to solve the penalised lower level at the first x; 0 for none.", Min = 0)]
    public int SaddleSteps { get; init; } = 100;

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, start);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V>
    {
        foreach (var finding in ConstrainedClass.Check(Name, problem)) yield return finding;
        if (problem.Constants is not { UpperSmoothness: not null, LowerSmoothness: not null })
            yield return new Finding(Severity.Error, $"The method {Name} takes its steps from the constants L_f and L_g, which are not both declared.", "Declare UpperSmoothness and LowerSmoothness, or use ogda, which needs no constant.");
        if (problem.LowerMultipliers is { } multipliers && multipliers.Constraints is not IConstraints<V> { Lipschitz: not null, GradientLipschitz: not null })
            yield return new Finding(Severity.Error, $"The method {Name} takes its steps from the Lipschitz constants of the lower level's constraints and their gradients, which are not known.", "Declare Lipschitz and GradientLipschitz of the constraints, or use ogda.");
    }

    /// <inheritdoc/>
    IEnumerable<Finding> IMethod.Validate<V>(IProblem<V> problem, IReadOnlyList<V> start)
    {
        foreach (var finding in ConstrainedMethods.Validate(this, problem, start)) yield return finding;
        if (problem is BilevelMinimaxProblem<V> minimax && Unbounded(minimax, start) is { } unbounded) yield return unbounded;
        if (problem is BilevelProblem<V> bilevel && Unbounded(bilevel.LowerSet, start[BilevelProblem.Y]) is { } open) yield return open;
    }

    private Finding? Unbounded<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> =>
        Unbounded(problem.Z1, start[Z1]) ?? (problem.LowerMultipliers?.Constraints is IConstraints<V> { GradientLipschitz: > 0 } && !double.IsFinite(problem.X1.DiameterAt(start[X1].Length))
            ? new Finding(Severity.Error, $"The method {Name} bounds curved constraints by the size of the set of x1, which is not bounded.", "Give x1 a bounded set, or use ogda.")
            : null);

    private Finding? Unbounded<V>(IProximalTerm<V> term, V like)
        where V : class, IVector<V> => double.IsFinite(term.DiameterAt(like.Length))
            ? null
            : new Finding(Severity.Error, $"The method {Name} regularises by the diameter of the follower's set, which is not bounded.", "Give the follower a bounded set, or use ogda.");

    private sealed class Run<V> : MethodRun<V>
        where V : class, IVector<V>
    {
        private readonly FirstOrderPenalty settings;
        private readonly BilevelMinimaxProblem<V> problem;
        private readonly V[] point;                       // (x, y, z), with the estimates of the multipliers at z in y2 and at y in z2
        private readonly ConstraintPenalty<V>? penalised;
        private readonly PreparedRequest<V>? constraints; // c at (x, z) and (x, y)
        private readonly PenaltyFunction<V> penalty;      // P
        private readonly NonconvexConcave<V> loop;
        private readonly double last;                     // 1/epsilon
        private readonly double diameter;                 // D, that of the set of z
        private readonly double steepness;                // c_hi L_grad(c) + L_c^2
        private double rho;

        public Run(FirstOrderPenalty settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        {
            if ((settings.Unbounded(problem, start) ?? settings.Validate(problem).FirstOrDefault(f => f.Severity == Severity.Error)) is { } obstacle) throw new InvalidProblemException([obstacle]);
            (this.settings, this.problem) = (settings, problem);
            point = start.CopyBlocks();
            last = 1 / settings.Tolerance;
            rho = settings.Mode == FirstOrderPenaltyMode.Paper ? last : Math.Min(1, last);
            diameter = problem.Z1.DiameterAt(point[Z1].Length);

            // The follower of the penalised problem has no opponent, as its leader has none.
            V[] u = [.. point];
            var unconstrained = problem;
            if (problem.LowerMultipliers is { Constraints: IConstraints<V> { Lipschitz: { } lipschitz, GradientLipschitz: { } curvature } })
            {
                penalised = new ConstraintPenalty<V>(problem, point[Y2], Weight);
                var none = point[Y2].ZerosLike();
                constraints = new(problem.Lower, [[point[X1], point[Z1], none], [point[X1], point[Y1], none]], [new(Lower.Z2, 0, point[Y2]), new(Lower.Z2, 1, point[Z2])]);
                (u[Y2], u[Z2]) = (u[X2], u[X2]);
                steepness = (lipschitz * lipschitz) + (curvature > 0 ? curvature * LargestConstraint(lipschitz) : 0);
                unconstrained = problem with { Lower = penalised, LowerMultipliers = null, Z2 = new WholeSpace<V>() };
            }

            if (settings.SaddleSteps > 0)
            {
                var constants = new MinimaxConstants { LowerSmoothness = FollowerSmoothness, LowerStrongConvexity = problem.Constants.LowerStrongConvexity };
                new SaddleStart<V>(unconstrained with { Constants = constants }, u[X1], u[Y1], u[Y2]).Solve(u[Y1], u[Y2], Accuracy, settings.SaddleSteps);
                u[Z1].CopyFrom(u[Y1]);
            }

            penalty = new PenaltyFunction<V>(unconstrained, u);
            loop = new NonconvexConcave<V>(penalty, new SaddleSolverMode(Anchored: settings.Mode == FirstOrderPenaltyMode.Paper, PublishedStop: false), penalty.Value);
            Begin(Smoothness);
            Residual = Here;
        }

        /// <summary>The norm of a subgradient of P at the point, and no less than the accuracy of a stage before the last.</summary>
        private double Here => rho < last ? Math.Max(loop.Residual, Accuracy) : loop.Residual;

        public override double Penalty => rho;

        public override ReadOnlySpan<V> Point => point;

        // epsilon of the stage, and mu.
        private double Accuracy => 1 / rho;

        private double Weight => Math.Pow(rho, WeightExponent);

        // Of phi + mu |[c]_+|^2; phi is g without multipliers, so L_g holds for it.
        private double FollowerSmoothness => problem.Constants.LowerSmoothness!.Value + (2 * Weight * steepness);

        // L_h = L_f + 2 rho L_grad(phi) + 4 rho mu (c_hi L_grad(c) + L_c^2)
        private double Smoothness => problem.Constants.UpperSmoothness!.Value + (2 * rho * FollowerSmoothness);

        private bool IsAdaptive => settings.Mode == FirstOrderPenaltyMode.Practical && settings.AdaptiveSmoothness;

        public override void Step()
        {
            Advance();
            Residual = Here;
        }

        protected override void TransferState(IArchive<V> archive)
        {
            archive.Transfer(ref rho);
            archive.Transfer(point[Y2]);
            archive.Transfer(point[Z2]);
            loop.Transfer(archive);
            Configure();
        }

        private void Advance()
        {
            bool done = loop.Step();
            EstimateMultipliers();
            if (!done && (rho >= last || loop.Steps < settings.StageSteps)) return;

            // Past the end of the last stage the subproblems go on, and only sharpen the point.
            double share = loop.Smoothness / Smoothness;
            rho = Math.Min(settings.RhoFactor * rho, last);
            Begin(share * Smoothness);
        }

        private void Begin(double smoothness)
        {
            Configure();
            loop.Begin(new ProximalPointPlan(smoothness, diameter, Accuracy, Math.Pow(Accuracy, SubproblemExponent), Warm: true, IsAdaptive, Smoothness));
        }

        private void Configure()
        {
            penalty.Rho = rho;
            penalised?.Weight = Weight;
        }

        // 2 mu [c]_+, held to the bound.
        private void EstimateMultipliers()
        {
            if (constraints is null) return;
            constraints.Evaluate();
            foreach (int b in (ReadOnlySpan<int>)[Y2, Z2])
            {
                point[b].Scale(problem.LowerSign);
                MultiplierCone.Project(problem.LowerMultipliers!, point[b]);
                point[b].Scale(2 * Weight);
                problem.Z2.Project(point[b]);
            }
        }

        // c_hi: |c| is at most that at the start, and L_c times the diameter of X x Y more.
        private double LargestConstraint(double lipschitz)
        {
            var c = point[Y2].ZerosLike();
            new PreparedRequest<V>(problem.Lower, [[point[X1], point[Y1], point[Y2]]], [new(Lower.Z2, 0, c)]).Evaluate();
            double ofX = problem.X1.DiameterAt(point[X1].Length);
            return c.Norm() + (lipschitz * Math.Sqrt((ofX * ofX) + (diameter * diameter)));
        }
    }
}
