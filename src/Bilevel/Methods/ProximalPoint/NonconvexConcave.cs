// The proximal-point loop for nonconvex-concave saddle problems (bilevel minimax, section 5; Lu and Mei 2024, Algorithm 6).
// Problem class: h with L_h-Lipschitz gradient, concave in the blocks v that maximise, whose domain has diameter D; any
// shape in the blocks w that minimise.
namespace Bilevel;

/// <summary>What a proximal-point loop is told.</summary>
/// <param name="Smoothness">L_h, or the first guess of an adaptive loop.</param>
/// <param name="Diameter">D of the maximisers' domain, the diameter and not its square.</param>
/// <param name="Tolerance">eps.</param>
/// <param name="SubproblemTolerance">eps0: proximal problem k is solved to eps0/(k+1).</param>
/// <param name="Warm">Whether a proximal problem begins at v_k; otherwise at v0.</param>
/// <param name="Adaptive">Whether L follows the test of section 12 instead of staying L_h.</param>
/// <param name="Bound">L_h, where every proximal step is as it should be; infinite where it is not known.</param>
internal readonly record struct ProximalPointPlan(double Smoothness, double Diameter, double Tolerance, double SubproblemTolerance, bool Warm, bool Adaptive, double Bound);

/// <summary>The loop, one outer iteration of the solver of its subproblems at a time. The answer is left in the point of the function.</summary>
internal sealed class NonconvexConcave<V>
    where V : class, IVector<V>
{
    // An attempt at a proximal step is given up when its residual grows by this factor, or when it takes this multiple of
    // the outer iterations that theory allows, or one of them this many inner iterations, where theory has a few dozen.
    private const double Growth = 1e3, Patience = 4;

    private const int MostInner = 400, MostInnerOfSound = 20_000;

    // L falls by this much after a step that was accepted, and for a while not below this multiple of one that was refused.
    private const double Decrease = 0.9, Margin = 1.5, Forgetting = 0.98;

    private readonly ISaddleFunction<V> function;
    private readonly Func<(double Value, double Rounding)>? value;
    private readonly ProximalSubproblem<V> subproblem;
    private readonly StronglyConvexConcave<V> solver;
    private readonly V[] begin;            // (w_k, v_k): where the attempt at hand began
    private readonly V[] scratch;
    private ProximalPointPlan plan;
    private double smoothness, floor, firstResidual, accepted = double.NaN;        // accepted: the residual at begin
    private long steps, outer, mostOuter, cutBefore;

    /// <param name="function">P.</param>
    /// <param name="value">P at its point, proximal terms included, and what rounding makes of it; for an adaptive loop.</param>
    /// <param name="mode">How subproblems are solved.</param>
    public NonconvexConcave(ISaddleFunction<V> function, SaddleSolverMode mode, Func<(double Value, double Rounding)>? value = null)
    {
        (this.function, this.value) = (function, value);
        subproblem = new ProximalSubproblem<V>(function);
        solver = new StronglyConvexConcave<V>(subproblem, mode);
        (begin, scratch) = (function.Point.CopyBlocks(), function.Point.ZeroBlocks());
    }

    /// <summary>Number of proximal steps done.</summary>
    public long Steps => steps;

    /// <summary>L in force.</summary>
    public double Smoothness => smoothness;

    /// <summary>Norm of an element of the subdifferential of P itself at the point, after an iteration.</summary>
    public double Residual { get; private set; } = double.NaN;

    /// <summary>The solver of the subproblems.</summary>
    public StronglyConvexConcave<V> Solver => solver;

    private double StrongConcavity => plan.Tolerance / (2 * plan.Diameter);

    /// <summary>Begins at the point, which holds w_0 and v_0.</summary>
    public void Begin(ProximalPointPlan next)
    {
        (plan, smoothness, floor, steps) = (next, next.Smoothness, 0, 0);
        subproblem.Centre.CopyFrom(function.Point);
        begin.CopyFrom(function.Point);
        BeginSubproblem();
    }

    /// <summary>One outer iteration on the proximal problem at hand, and the step itself when that is solved; true at the end, with |w_{k+1} - w_k| at most eps/(4 L).</summary>
    public bool Step()
    {
        bool solved = solver.Step();
        while (IsRefused(solved))
        {
            Retry();
            if (!double.IsNaN(Residual)) return false;
            solved = solver.Step();                // there is no point with a residual yet
        }

        Residual = ResidualOfPenalty();
        return solved && Conclude();
    }

    // Whether the subproblem is not what it is taken for, because L is too small.
    private bool IsRefused(bool solved)
    {
        if (outer++ == 0) firstResidual = solver.Residual;
        if (!plan.Adaptive || smoothness >= plan.Bound) return false;

        // Not finite counts as grown, even where the first one was not.
        bool lost = !double.IsFinite(solver.Residual) || solver.Residual > Growth * firstResidual || solver.CutOff > cutBefore || (!solved && outer >= mostOuter);
        return lost || (solved && !IsDescent());
    }

    public void Transfer(IArchive<V> archive)
    {
        archive.Transfer(function.Point);
        archive.Transfer(begin);
        archive.Transfer(subproblem.Centre);
        plan = plan with
        {
            Tolerance = archive.Transferred(plan.Tolerance),
            SubproblemTolerance = archive.Transferred(plan.SubproblemTolerance),
            Smoothness = archive.Transferred(plan.Smoothness),
            Diameter = archive.Transferred(plan.Diameter),
            Bound = archive.Transferred(plan.Bound),
            Warm = archive.Transferred(plan.Warm),
            Adaptive = archive.Transferred(plan.Adaptive),
        };
        archive.Transfer(ref smoothness);
        archive.Transfer(ref floor);
        archive.Transfer(ref firstResidual);
        archive.Transfer(ref accepted);
        Residual = archive.Transferred(Residual);
        archive.Transfer(ref steps);
        archive.Transfer(ref outer);
        archive.Transfer(ref cutBefore);
        solver.Transfer(archive);
        (subproblem.Smoothness, subproblem.StrongConcavity) = (smoothness, StrongConcavity);
        Limit(StrongConcavity, plan.SubproblemTolerance / (steps + 1));
    }

    private void BeginSubproblem()
    {
        double sy = StrongConcavity, accuracy = plan.SubproblemTolerance / (steps + 1);
        (subproblem.Smoothness, subproblem.StrongConcavity) = (smoothness, sy);
        (outer, cutBefore) = (0, solver.CutOff);
        Limit(sy, accuracy);
        solver.Begin(new SaddleConstants(smoothness, sy, (3 * smoothness) + sy), accuracy);
    }

    private void Limit(double strongConcavity, double accuracy)
    {
        // sqrt(sx/(8 sy)) log(1/tau), the order of section 6.5
        double order = Math.Max(1, Math.Sqrt(smoothness / (8 * strongConcavity))) * Math.Log(Math.E + (smoothness * plan.Diameter / accuracy));
        mostOuter = (long)(Patience * order);
        solver.MostInner = plan.Adaptive && smoothness < plan.Bound ? MostInner : MostInnerOfSound;
    }

    // Begins the subproblem again, with twice the L.
    private void Retry()
    {
        floor = Margin * smoothness;
        smoothness = Math.Min(2 * smoothness, plan.Bound);
        Residual = accepted;
        function.Point.CopyFrom(begin);
        BeginSubproblem();
    }

    // A smaller L for the subproblem that is to begin.
    private void Relax()
    {
        smoothness = Math.Max(Decrease * smoothness, Math.Min(smoothness, floor));
        floor *= Forgetting;
    }

    // The subgradient of the subproblem less that of its regularisation.
    private double ResidualOfPenalty()
    {
        double square = 0;
        for (int b = 0; b < scratch.Length; b++)
        {
            double weight = function.Maximises(b) ? subproblem.StrongConcavity : 2 * subproblem.Smoothness;
            scratch[b].CopyFrom(solver.Subgradient[b]);
            scratch[b].AddScaled(-weight, function.Point[b]);
            scratch[b].AddScaled(weight, subproblem.Centre[b]);
            square += scratch[b].Dot(scratch[b]);
        }

        return Math.Sqrt(square);
    }

    // w_k = w_{k+1}; whether it hardly moved.
    private bool Conclude()
    {
        double square = 0;
        var point = function.Point;
        for (int b = 0; b < point.Length; b++)
        {
            bool maximises = function.Maximises(b);
            if (!maximises)
            {
                scratch[b].CopyFrom(point[b]);
                scratch[b].AddScaled(-1, begin[b]);
                square += scratch[b].Dot(scratch[b]);
                subproblem.Centre[b].CopyFrom(point[b]);
            }

            begin[b].CopyFrom(maximises && !plan.Warm ? subproblem.Centre[b] : point[b]);
        }

        steps++;
        accepted = Residual;
        if (Math.Sqrt(square) <= plan.Tolerance / (4 * smoothness)) return true;
        if (plan.Adaptive) Relax();
        function.Point.CopyFrom(begin);
        BeginSubproblem();
        return false;
    }

    // P(w_{k+1}, v_{k+1}) + L |w_{k+1} - w_k|^2 <= P(w_k, v_{k+1}) + slack, v_{k+1} on both sides (section 12.2).
    private bool IsDescent()
    {
        var point = function.Point;
        var (after, ofAfter) = value!();
        double square = 0, accuracy = plan.SubproblemTolerance / (steps + 1);
        for (int b = 0; b < point.Length; b++)
        {
            scratch[b].CopyFrom(point[b]);
            if (function.Maximises(b)) continue;
            point[b].AddScaled(-1, begin[b]);
            square += point[b].Dot(point[b]);
            point[b].CopyFrom(begin[b]);
        }

        var (before, ofBefore) = value();
        point.CopyFrom(scratch);
        return after + (smoothness * square) <= before + (accuracy * accuracy / (2 * smoothness)) + ofBefore + ofAfter;
    }
}
