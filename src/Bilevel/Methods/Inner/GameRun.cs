using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// What the methods on the penalty function share: the point u = (w, v) with the rows F(u), proximal steps by block,
/// the stages of rho, the saddle start, and the guard against cycling. A method adds its iteration.
/// </summary>
internal abstract class GameRun<V> : IRun<V>
    where V : class, IVector<V>
{
    // The step of x1 is this multiple of rho times that of y and z, at least one times.
    private const double LeaderShare = 0.05;

    // The guard looks at windows of so many iterations. Where no residual in a window came below this share of the best
    // so far while x1 came back to where it was, the run cycles: x1 is then to move half as fast, down to a floor.
    private const int FirstWindow = 200;
    private const double Progress = 0.9, Return = 0.1, LongerWindow = 1.2, SlowestLeader = 0.1;

    // How often, in iterations, a residual within the tolerance is followed up.
    private const int LookEvery = 20;

    private readonly BilevelMinimaxProblem<V> problem;
    private readonly RhoStages stages;
    private readonly GameSteps steps;
    private readonly MinimaxPenalty<V> penalty;
    private readonly IProximalTerm<V>[] terms;
    private readonly SaddleStart<V>? saddle;
    private readonly PreparedRequest<V> values;           // g(x1, y1, z2) and g(x1, z1, y2)
    private readonly V[] scratch;
    private readonly V windowX1;                          // x1 at the beginning of the window
    private readonly double[] factors = new double[BlockCount];
    private readonly double tolerance;
    private double rho, caution = 1, size;
    private double best = double.PositiveInfinity, least = double.PositiveInfinity;       // residuals: so far, and in the window
    private double window = FirstWindow, path, moveX1;
    private long iteration, windowBegan, gapAsked;

    protected GameRun(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, double tolerance, RhoStages stages, GameSteps steps)
    {
        (this.problem, this.tolerance, this.stages, this.steps) = (problem, tolerance, stages, steps);
        U = start.CopyBlocks();
        Rows = U.ZeroBlocks();
        Direction = U.ZeroBlocks();
        Origin = U.CopyBlocks();
        scratch = U.ZeroBlocks();
        windowX1 = U[X1].Copy();
        terms = [.. problem.Blocks.Select(b => b.Term)];
        penalty = new MinimaxPenalty<V>(problem, U);
        F = [.. penalty.Rows];
        values = new PreparedRequest<V>(problem.Lower, [[U[X1], U[Y1], U[Z2]], [U[X1], U[Z1], U[Y2]]], [], values: true);
        Search = new StepSearch(steps.Step);
        rho = stages.First(tolerance);
        SetFactors();
        if (stages.SaddleSteps == 0) return;
        saddle = new SaddleStart<V>(problem, U[X1], U[Y1], U[Y2]);
        SolveSaddle(Math.Max(1 / rho, tolerance));
    }

    public double Residual { get; protected set; } = double.NaN;

    public double Penalty => rho;

    public ReadOnlySpan<V> Point => U;

    /// <summary>u = (w, v), changed in place.</summary>
    protected V[] U { get; }

    /// <summary>F where the penalty function was last evaluated.</summary>
    protected V[] F { get; }

    /// <summary>F(u) at the beginning of the iteration.</summary>
    protected V[] Rows { get; }

    /// <summary>The direction of the step being tried.</summary>
    protected V[] Direction { get; }

    /// <summary>u at the beginning of the iteration.</summary>
    protected V[] Origin { get; }

    /// <summary>Finds s.</summary>
    protected StepSearch Search { get; }

    /// <summary>The step of each block as a multiple of s.</summary>
    protected ReadOnlySpan<double> Factors => factors;

    private bool IsLastStage => rho >= stages.Last(tolerance);

    public void Step()
    {
        if (iteration == 0) Begin();
        Iterate();
        iteration++;
        path += moveX1;
        least = Math.Min(least, Residual);
        if (iteration - windowBegan >= window) JudgeWindow();
        if (iteration % LookEvery != 0) return;
        Measure();
        if (Residual <= Math.Max(tolerance, 1 / rho)) ConsiderRho();
    }

    public void Transfer(IArchive<V> archive)
    {
        archive.Transfer("u", U);
        archive.Transfer("F(u)", Rows);
        archive.Transfer("x1 before", windowX1);
        archive.Transfer("rho", ref rho);
        archive.Transfer("caution", ref caution);
        archive.Transfer("best", ref best);
        archive.Transfer("least", ref least);
        archive.Transfer("window", ref window);
        archive.Transfer("path", ref path);
        archive.Transfer("size", ref size);
        archive.Transfer("game iteration", ref iteration);
        archive.Transfer("window began", ref windowBegan);
        archive.Transfer("gap asked", ref gapAsked);
        double residual = Residual;
        archive.Transfer("residual", ref residual);
        Residual = residual;
        Search.Transfer(archive);
        TransferMore(archive);
        SetFactors();
    }

    /// <summary>One iteration from <see cref="U"/> with F(u) in <see cref="Rows"/>, which leaves both at the next point and sets <see cref="Residual"/>.</summary>
    protected abstract void Iterate();

    /// <summary>A further multiple of s for the step of a block.</summary>
    protected virtual double Share(int block) => 1;

    /// <summary>Begins anew at <see cref="U"/>, after a jump or a change of rho.</summary>
    protected abstract void Restart();

    /// <summary>Saves or loads what the method keeps besides.</summary>
    protected abstract void TransferMore(IArchive<V> archive);

    /// <summary>Evaluates F at u.</summary>
    protected void Evaluate() => penalty.Evaluate(rho);

    /// <summary>u = prox(origin - s direction), block by block, each with its multiple of s.</summary>
    protected void MoveFromOrigin(double step)
    {
        for (int b = 0; b < BlockCount; b++)
        {
            if (U[b].Length == 0) continue;
            U[b].CopyFrom(Origin[b]);
            U[b].AddScaled(-step * factors[b], Direction[b]);
            terms[b].Prox(U[b], step * factors[b] * (b is X1 or X2 ? 1 : rho));
        }
    }

    /// <summary>Whether the step from origin to u, with F evaluated at u, was not too long.</summary>
    protected bool IsAccepted() => steps.Step is not null || Search.Accept(Ratio());

    /// <summary>
    /// The norm of (origin - u)/s - direction + F(u), an element of the subdifferential of the penalty function at u:
    /// K1 and K2 in one number. It leaves that element in <see cref="Origin"/>.
    /// </summary>
    protected double SubgradientNorm(double step)
    {
        double sum = 0;
        for (int b = 0; b < BlockCount; b++)
        {
            if (U[b].Length == 0) continue;
            var element = Origin[b];
            element.AddScaled(-1, U[b]);
            element.Scale(1 / (step * factors[b]));
            element.AddScaled(-1, Direction[b]);
            element.AddScaled(1, F[b]);
            sum += element.Dot(element);
        }

        return Math.Sqrt(sum);
    }

    private static double SquaredDistance(V a, V b, V scratch)
    {
        scratch.CopyFrom(a);
        scratch.AddScaled(-1, b);
        return scratch.Dot(scratch);
    }

    // |F(u) - F(origin)| / |u - origin|, in the metric in which x2 is measured by its own step.
    private double Ratio()
    {
        double moved = 0, changed = 0;
        for (int b = 0; b < BlockCount; b++)
        {
            double scale = b == X2 ? factors[X2] : 1;
            double square = SquaredDistance(U[b], Origin[b], scratch[b]);
            if (b == X1) moveX1 = Math.Sqrt(square);
            moved += square / scale;
            changed += SquaredDistance(F[b], Rows[b], scratch[b]) * scale;
        }

        // A move within rounding says nothing of the smoothness.
        return moved <= size ? 0 : Math.Sqrt(changed / moved);
    }

    private void Begin()
    {
        Evaluate();
        Rows.CopyFrom(F);
        Measure();
        Restart();
    }

    private void Measure()
    {
        double precision = 8 * Precision.Of(U[X1]);
        size = precision * precision * U.Dot(U);
    }

    private void SetFactors()
    {
        for (int b = 0; b < BlockCount; b++) factors[b] = Share(b);
        factors[X1] *= caution * (steps.LeaderFactor ?? Math.Max(1, LeaderShare * rho));
        factors[X2] *= steps.OpponentFactor ?? rho;
    }

    private void JudgeWindow()
    {
        double net = Math.Sqrt(SquaredDistance(U[X1], windowX1, scratch[X1]));
        if (least > Progress * best && net < Return * path && steps.LeaderFactor is null && factors[X1] > SlowestLeader)
        {
            caution *= Math.Max(0.5, SlowestLeader / factors[X1]);
            window *= LongerWindow;
            SetFactors();
        }

        best = Math.Min(best, least);
        BeginWindow();
    }

    private void BeginWindow()
    {
        least = double.PositiveInfinity;
        path = 0;
        windowBegan = iteration;
        windowX1.CopyFrom(U[X1]);
    }

    // At the end of a stage; and where the residual is small enough while the gap is not, rho is too small. What z1 and z2
    // attain is less than the gap, so it never blames rho for what a smaller residual will mend.
    private void ConsiderRho()
    {
        double factor;
        if (!IsLastStage)
        {
            factor = Math.Min(stages.RhoFactor, stages.Last(tolerance) / rho);
        }
        else
        {
            if (stages.Rho is not null || Residual > tolerance || iteration < gapAsked) return;
            gapAsked = iteration + FirstWindow;
            double gap = AttainedGap();
            if (!(gap > tolerance)) return;
            factor = Math.Clamp(gap / tolerance, 1.5, 10);
        }

        double bound = saddle is null ? 0 : GapBound();
        rho *= factor;
        Search.Rescale(1 / factor);
        best = double.PositiveInfinity;
        BeginWindow();
        SetFactors();
        if (!(bound <= Math.Max(tolerance, 1 / rho))) SolveSaddle(Math.Max(tolerance, 1 / rho));
        Begin();
    }

    // g(x1, y1, z2) - g(x1, z1, y2)
    private double AttainedGap()
    {
        values.Evaluate();
        double terms = problem.Z1.Value(U[Y1]) - problem.Z2.Value(U[Z2]) - problem.Z1.Value(U[Z1]) + problem.Z2.Value(U[Y2]);
        return (problem.LowerSign * (values.Values[0] - values.Values[1])) + terms;
    }

    // The gap bound of section 3 at u, from the subgradient that the last iteration left.
    private double GapBound() => AttainedGap()
        + Excess(Origin[Z1].Norm() / rho, problem.Z1, U[Z1].Length, problem.Constants.LowerStrongConvexity)
        + Excess(Origin[Z2].Norm() / rho, problem.Z2, U[Z2].Length, problem.Constants.LowerStrongConcavity);

    private static double Excess(double norm, IProximalTerm<V> term, int length, double? modulus)
    {
        double diameter = term.DiameterAt(length);
        return norm == 0 ? 0 : double.IsFinite(diameter) ? norm * diameter : modulus > 0 ? norm * norm / (2 * modulus.Value) : 0;
    }

    private void SolveSaddle(double accuracy)
    {
        saddle!.Solve(U[Y1], U[Y2], accuracy, stages.SaddleSteps);
        U[Z1].CopyFrom(U[Y1]);
        U[Z2].CopyFrom(U[Y2]);
    }
}
