// LV-HBA: Yao, Yu, Zeng, Zhang: Constrained Bi-Level Optimization: Proximal Lagrangian Value Function Approach and
// Hessian-free Algorithm, ICLR 2024 (arXiv 2401.16164).
// Problem class: a lower level phi(x, y) with constraints c(x, y) <= 0 or c(x, y) = 0 (Lift.ConstrainedLowerLevel), phi
// convex in y, no adversary; here c affine in (x, y), so that the joint feasible set can be projected on; exact gradients.
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>Which theta the multiplier step of <see cref="LvHba"/> sees.</summary>
public enum LvHbaUpdate
{
    /// <summary>theta and the multipliers move at once, both from where they were, as published.</summary>
    Simultaneous,

    /// <summary>theta moves first, and the multipliers see the new theta.</summary>
    Sequential,
}

/// <summary>
/// LV-HBA: a single loop on f/c_k + phi - v, where v(x, y, zeta) is the proximal Lagrangian value function, kept feasible by a
/// projection on {c(x, y) &lt;= 0}. The residual is |grad F| at its x, assessed from time to time with the lower level solved anew:
/// its own moves fall no faster than 1/k and do not know the bias of c_k. As its y stays apart from theta
/// by a multiple of the first proximal parameter, which is no epsilon-KKT point of the penalty function, its answer near a solution
/// holds the lower variables of the last assessment, and the penalty parameter is that of these.
/// </summary>
public sealed record LvHba : IBilevelMinimaxMethod
{
    /// <inheritdoc/>
    public string Name => "lv-hba";

    /// <summary>alpha: step of x and y, on f/c_k + phi - v.</summary>
    [Setting("alpha: step of x and y, on f/c_k + phi - v.", Min = 1e-300)]
    public double StepJoint { get; init; } = 0.05;

    /// <summary>eta: step of theta and its multipliers.</summary>
    [Setting("eta: step of theta and its multipliers.", Min = 1e-300)]
    public double StepInner { get; init; } = 0.1;

    /// <summary>beta: step of zeta, the centre of the multipliers.</summary>
    [Setting("beta: step of zeta, the centre of the multipliers.", Min = 1e-300)]
    public double StepCentre { get; init; } = 0.02;

    /// <summary>gamma1: |theta - y|^2 / (2 gamma1) holds theta near y.</summary>
    [Setting("gamma1: |theta - y|^2 / (2 gamma1) holds theta near y.", Min = 1e-300)]
    public double ThetaProximity { get; init; } = 10;

    /// <summary>gamma2: |multipliers - zeta|^2 / (2 gamma2) holds the multipliers near zeta.</summary>
    [Setting("gamma2: |multipliers - zeta|^2 / (2 gamma2) holds the multipliers near zeta.", Min = 1e-300)]
    public double MultiplierProximity { get; init; } = 10;

    /// <summary>c_0 of the penalty parameter c_k = c_0 (k + 1)^p.</summary>
    [Setting("c_0 of the penalty parameter c_k = c_0 (k + 1)^p.", Min = 1e-300)]
    public double PenaltyStart { get; init; } = 1;

    /// <summary>p of the penalty parameter c_k = c_0 (k + 1)^p.</summary>
    [Setting("p of the penalty parameter c_k = c_0 (k + 1)^p.", Min = 0, Max = 1)]
    public double PenaltyPower { get; init; } = 0.3;

    /// <summary>Whether theta and the multipliers move at once, as published, or theta first, which turns less and allows longer steps.</summary>
    [Setting("Whether theta and the multipliers move at once, as published, or theta first, which turns less and allows longer steps.")]
    public LvHbaUpdate Update { get; init; }

    /// <summary>The constants of the published example, with which that example does not converge (penalty methods, section 24.7).</summary>
    public static LvHba Published { get; } = new() { StepJoint = 0.008, StepInner = 0.01, StepCentre = 0.02, ThetaProximity = 10, MultiplierProximity = 10, PenaltyStart = 0.025, PenaltyPower = 0.3 };

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, start);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V>
    {
        foreach (var finding in ConstrainedClass.Check(Name, problem)) yield return finding;
        foreach (var (name, term) in new[] { ("x1", problem.X1), ("y1", problem.Z1) })
        {
            if (term is not IFeasibleSet<V>) yield return new Finding(Severity.Error, $"The method {Name} projects on sets; {name} has {term}, which is a term and not a set.", "Move the term into the objective, or use ogda.");
        }

        if (problem.LowerMultipliers is not { } multipliers) yield break;
        if (multipliers.Constraints is not IConstraints<V> { GradientLipschitz: 0, Lipschitz: > 0 } constraints)
        {
            yield return new Finding(Severity.Error, $"The method {Name} projects on the points (x, y) that satisfy the lower level's constraints, which it can where they are affine in both, with known constants.", "State them as LinearConstraints, or use ogda.");
            yield break;
        }

        // The pair (theta, multipliers) turns by eta |c_y| a step; both proximal terms damp it by eta/gamma.
        double turning = StepInner * constraints.Lipschitz.Value * constraints.Lipschitz.Value, damping = (1 / ThetaProximity) + (1 / MultiplierProximity);
        if (Update == LvHbaUpdate.Simultaneous && turning > 2 * damping)
            yield return new Finding(Severity.Warning, FormattableString.Invariant($"theta and its multipliers may turn around each other ever wider: step-inner * L_c^2 = {turning:G4} is above 2 (1/theta-proximity + 1/multiplier-proximity) = {2 * damping:G4}."), "Scale the constraints to gradients of norm 1 or less, take a smaller step-inner, or the update sequential.");
    }

    /// <inheritdoc/>
    IEnumerable<Finding> IMethod.Validate<V>(IProblem<V> problem, IReadOnlyList<V> start) => ConstrainedMethods.Validate(this, problem, start);

    private sealed class Run<V> : MethodRun<V>
        where V : class, IVector<V>
    {
        private readonly LvHba settings;
        private readonly BilevelMinimaxProblem<V> problem;
        private readonly V[] point;                       // the six blocks; z2 is the multiplier of the joint projection over alpha
        private readonly V x, y, theta, multipliers;      // of the six: x1, y1, z1, y2
        private readonly V zeta;
        private readonly V directionX, directionY, directionTheta, directionZeta;
        private readonly V ofTheta, c;                    // g_z1 and g_z2 at (x, theta, multipliers)
        private readonly V fx, fy;                        // grad f at (x, y)
        private readonly V differenceX, ofY;              // phi_x(x, y) - g_x1(x, theta, multipliers), and phi_y(x, y)
        private readonly PreparedRequest<V> follower, leader, difference;
        private readonly PreparedRequest<V>? constraints;
        private readonly JointProjection<V>? projection;
        private readonly V[] answer;                      // x, and the lower variables that are handed out
        private readonly ConstrainedAssessment<V> assessment;
        private long k;

        public Run(LvHba settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        {
            (this.settings, this.problem) = (settings, problem);
            point = start.CopyBlocks();
            (x, y, theta, multipliers, zeta) = (point[X1], point[Y1], point[Z1], point[Y2], start[Z2].Copy());
            (directionX, directionY, directionTheta, directionZeta) = (x.ZerosLike(), y.ZerosLike(), y.ZerosLike(), zeta.ZerosLike());
            (ofTheta, c, fx, fy, differenceX, ofY) = (y.ZerosLike(), zeta.ZerosLike(), x.ZerosLike(), y.ZerosLike(), x.ZerosLike(), y.ZerosLike());

            // g = phi + multipliers' c, so that phi is g without multipliers, and c the gradient in them.
            V[] atTheta = [x, theta, multipliers], atY = [x, y, multipliers.ZerosLike()];
            var ofMultipliers = new Output<V>(Lower.Z2, 0, c);
            bool sequential = settings.Update == LvHbaUpdate.Sequential;
            follower = new(problem.Lower, [atTheta], [new(Lower.Z1, 0, ofTheta), .. sequential ? default(ReadOnlySpan<Output<V>>) : [ofMultipliers]]);
            if (sequential && c.Length > 0) constraints = new(problem.Lower, [atTheta], [ofMultipliers]);
            leader = new(problem.Upper, [[x, point[X2], y, multipliers]], [new(X1, 0, fx), new(Y1, 0, fy)]);
            difference = new(problem.Lower, [atY, atTheta], [new(Lower.X1, Output.Combined, differenceX), new(Lower.Z1, 0, ofY)], [1, -1]);
            if (problem.LowerMultipliers is { Constraints: IConstraints<V> { Lipschitz: { } lipschitz } } lower)
                projection = new JointProjection<V>(lower, lipschitz, problem.X1, problem.Z1, x, y, multipliers);
            assessment = new ConstrainedAssessment<V>(problem, point);
            answer = [x, point[X2], .. point.Skip(Y1).Select(b => b.Copy())];
        }

        /// <summary>c_k times the gradient in x of the function that it descends.</summary>
        public override double Estimate => Weight * directionX.Norm();

        public override string? Remark => assessment.Remark;

        public override double Penalty => assessment.IsClose ? assessment.AnswerPenalty : Weight;

        public override ReadOnlySpan<V> Point => answer;

        // c_k
        private double Weight => settings.PenaltyStart * Math.Pow(Math.Max(k, 1), settings.PenaltyPower);

        public override void Step()
        {
            k++;
            MoveFollower();
            MoveLeader();
            Residual = y.IsFinite() && multipliers.IsFinite() ? assessment.After() + (projection?.Violation ?? 0) : double.PositiveInfinity;
            Answer();
        }

        protected override void TransferState(IArchive<V> archive)
        {
            archive.Transfer(point);
            archive.Transfer(zeta);
            archive.Transfer(ref k);
            projection?.Transfer(archive);
            assessment.Transfer(archive);
            if (archive.Loading) Answer();
        }

        private void Answer()
        {
            for (int b = Y1; b < BlockCount; b++) answer[b].CopyFrom(assessment.IsClose ? assessment.Answers[b - Y1] : point[b]);
        }

        // theta = P_Y(theta - eta (phi_y(x, theta) + c_y(x, theta)'multipliers + (theta - y)/gamma1)) and
        // multipliers = P_M(multipliers + eta (c(x, theta) - (multipliers - zeta)/gamma2))
        private void MoveFollower()
        {
            follower.Evaluate();
            directionTheta.CopyFrom(theta);
            directionTheta.AddScaled(-1, y);
            directionTheta.Scale(1 / settings.ThetaProximity);
            directionTheta.AddScaled(problem.LowerSign, ofTheta);
            theta.AddScaled(-settings.StepInner, directionTheta);
            problem.Z1.Project(theta);
            constraints?.Evaluate();
            TowardsCentre();
            multipliers.AddScaled(-settings.StepInner, directionZeta);
            multipliers.AddScaled(settings.StepInner * problem.LowerSign, c);
            problem.Z2.Project(multipliers);
        }

        // (x, y) = P_C((x, y) - alpha (f_x/c_k + phi_x(x, y) - phi_x(x, theta) - c_x(x, theta)'multipliers,
        //                              f_y/c_k + phi_y(x, y) - (y - theta)/gamma1))
        // zeta = P_Z(zeta + beta (multipliers - zeta)/gamma2)
        private void MoveLeader()
        {
            leader.Evaluate();
            difference.Evaluate();
            double ofUpper = problem.UpperSign / Weight;
            directionX.CopyFrom(differenceX);
            directionX.Scale(problem.LowerSign);
            directionX.AddScaled(ofUpper, fx);
            directionY.CopyFrom(theta);
            directionY.AddScaled(-1, y);
            directionY.Scale(1 / settings.ThetaProximity);
            directionY.AddScaled(problem.LowerSign, ofY);
            directionY.AddScaled(ofUpper, fy);
            x.AddScaled(-settings.StepJoint, directionX);
            y.AddScaled(-settings.StepJoint, directionY);
            TowardsCentre();
            zeta.AddScaled(settings.StepCentre, directionZeta);
            problem.Z2.Project(zeta);
            if (projection is null)
            {
                problem.X1.Project(x);
                problem.Z1.Project(y);
                return;
            }

            projection.Project();
            point[Z2].CopyFrom(projection.Multipliers);
            point[Z2].Scale(1 / settings.StepJoint);
            problem.Z2.Project(point[Z2]);
        }

        // (multipliers - zeta)/gamma2
        private void TowardsCentre()
        {
            directionZeta.CopyFrom(multipliers);
            directionZeta.AddScaled(-1, zeta);
            directionZeta.Scale(1 / settings.MultiplierProximity);
        }
    }
}
