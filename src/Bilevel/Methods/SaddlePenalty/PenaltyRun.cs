using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// What the methods on the penalty function share: the point u = (w, v) with the rows F(u), proximal steps by block,
/// the stages of rho and the saddle start. A method adds its iteration.
/// </summary>
internal abstract class PenaltyRun<V> : MethodRun<V>, IRaisesPenalty
    where V : class, IVector<V>
{
    // The step of x1 is this multiple of rho times that of y and z, at least one times; where the run cycles it is
    // halved, down to the slowest.
    private const double LeaderShare = 0.05, SlowestLeader = 0.1;

    // A move of so many units of rounding is within rounding.
    private const double RoundingUnits = 8;

    // How often, in iterations, the stage of rho is considered, and how long after a look at the gap the next one is due.
    private const int LookEvery = 20, GapEvery = 200;

    private readonly BilevelMinimaxProblem<V> problem;
    private readonly PenaltySchedule stages;
    private readonly PenaltySteps steps;
    private readonly MinimaxPenalty<V> penalty;
    private readonly IProximalTerm<V>[] terms;
    private readonly SaddleStart<V>? saddle;
    private readonly PreparedRequest<V> values;           // g(x1, y1, z2) and g(x1, z1, y2)
    private readonly CycleGuard<V> guard;
    private readonly V[] origin;                          // u at the beginning of the iteration
    private readonly V[] moved;                           // origin - u; then the subgradient at u
    private readonly double[] factors = new double[BlockCount];
    private readonly double[] rounding = new double[BlockCount];      // what rounding leaves of each block of u
    private readonly double tolerance;
    private double rho, caution = 1, moveX1;
    private double smallestMove;                          // the square of what a move within rounding measures
    private long iteration, gapDue;
    private bool begun, concluded;

    protected PenaltyRun(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, double tolerance, PenaltySchedule stages, PenaltySteps steps)
    {
        (this.problem, this.tolerance, this.stages, this.steps) = (problem, tolerance, stages, steps);
        U = start.CopyBlocks();
        Rows = U.ZeroBlocks();
        Change = U.ZeroBlocks();
        Direction = U.ZeroBlocks();
        origin = U.CopyBlocks();
        moved = U.ZeroBlocks();
        guard = new CycleGuard<V>(U[X1]);
        terms = [.. problem.Blocks.Select(b => b.Term)];
        penalty = new MinimaxPenalty<V>(problem, U);
        F = [.. penalty.Rows];
        values = new PreparedRequest<V>(problem.Lower, [[U[X1], U[Y1], U[Z2]], [U[X1], U[Z1], U[Y2]]], [], values: true);
        Search = new StepSearch(steps.Step);
        rho = stages.First(tolerance);
        SetFactors();
        if (stages.SaddleSteps == 0) return;
        saddle = new SaddleStart<V>(problem, U[X1], U[Y1], U[Y2]);
        SolveSaddle(Accuracy);
    }

    public override double Penalty => rho;

    public bool CanRaise => stages.Rho is null && rho >= stages.Last(tolerance);

    public override ReadOnlySpan<V> Point => U;

    /// <summary>u = (w, v), changed in place.</summary>
    protected V[] U { get; }

    /// <summary>F where the penalty function was last evaluated.</summary>
    protected V[] F { get; }

    /// <summary>F(u) at the beginning of the iteration.</summary>
    protected V[] Rows { get; }

    /// <summary>The direction of the step being tried.</summary>
    protected V[] Direction { get; }

    /// <summary>F where the step being tried ends, less <see cref="Rows"/>; a method may put another array in its place.</summary>
    protected V[] Change { get; set; }

    /// <summary>Finds s.</summary>
    protected StepSearch Search { get; }

    /// <summary>The step of each block as a multiple of s.</summary>
    protected ReadOnlySpan<double> Factors => factors;

    // What the present stage aims at.
    private double Accuracy => Math.Max(tolerance, 1 / rho);

    public override void Step()
    {
        if (!begun) Begin();
        origin.CopyFrom(U);
        concluded = false;
        Iterate();
        Rows.CopyFrom(F);
        if (!concluded) return;
        iteration++;
        if (guard.SeesCycle(Residual, moveX1) && steps.LeaderFactor is null && factors[X1] > SlowestLeader)
        {
            caution *= Math.Max(0.5, SlowestLeader / factors[X1]);
            SetFactors();
        }

        if (iteration % LookEvery != 0) return;
        MeasureSize();
        if (Residual <= Accuracy) ConsiderRho();
    }

    protected override void TransferState(IArchive<V> archive)
    {
        archive.Transfer(U);
        archive.Transfer(Rows);
        archive.Transfer(ref rho);
        archive.Transfer(ref caution);
        archive.Transfer(ref smallestMove);
        for (int b = 0; b < BlockCount; b++) archive.Transfer(ref rounding[b]);
        archive.Transfer(ref iteration);
        archive.Transfer(ref begun);
        archive.Transfer(ref gapDue);
        Search.Transfer(archive);
        guard.Transfer(archive);
        TransferMore(archive);
        SetFactors();
    }

    /// <summary>
    /// One iteration from <see cref="U"/> with F(u) in <see cref="Rows"/>; it ends with F evaluated at the next u and a call
    /// of <see cref="Conclude"/>. Where it is only a part of one, F is that of any sample and nothing is concluded.
    /// </summary>
    protected abstract void Iterate();

    /// <summary>A further multiple of s for the step of a block.</summary>
    protected virtual double Share(int block) => 1;

    /// <summary>Begins anew at <see cref="U"/>, after a change of rho.</summary>
    protected virtual void Restart()
    {
    }

    /// <summary>Saves or loads what the method keeps besides.</summary>
    protected virtual void TransferMore(IArchive<V> archive)
    {
    }

    /// <summary>u at the beginning of the iteration.</summary>
    protected V Origin(int block) => origin[block];

    /// <summary>Makes u the origin of the next step.</summary>
    protected void StartFromHere() => origin.CopyFrom(U);

    /// <summary>u = prox(origin - s direction), block by block, each with its multiple of s; and F there.</summary>
    protected void Advance(double step)
    {
        U.CopyFrom(origin);
        for (int b = 0; b < BlockCount; b++) Descend(b, step);
        Evaluate(Sample.All);
    }

    /// <summary>u = prox(u - s direction) for one block, with its multiple of s.</summary>
    protected void Descend(int block, double step)
    {
        if (U[block].Length == 0) return;
        U[block].AddScaled(-step * factors[block], Direction[block]);
        terms[block].Prox(U[block], step * factors[block] * (block is X1 or X2 ? 1 : rho));
    }

    /// <summary>F at u on a sample, the same for both points of g.</summary>
    protected void Evaluate(Sample sample) => penalty.Evaluate(rho, sample);

    /// <summary>Whether the step from origin to u was not too long; leaves <see cref="Change"/>.</summary>
    protected bool IsAccepted() => Search.Accept(Ratio());

    /// <summary>
    /// Takes the norm of (origin - u)/s - direction + F(u), an element of the subdifferential of the penalty function at
    /// u, for the residual.
    /// </summary>
    protected void Conclude(double step)
    {
        double sum = 0, lost = 0;
        for (int b = 0; b < BlockCount; b++)
        {
            if (U[b].Length == 0) continue;
            double length = step * factors[b];
            lost += rounding[b] * rounding[b] / (length * length);
            var element = moved[b];
            element.CopyFrom(origin[b]);
            element.AddScaled(-1, U[b]);
            element.Scale(1 / length);
            element.AddScaled(-1, Direction[b]);
            element.AddScaled(1, F[b]);
            sum += element.Dot(element);
        }

        // A point that no longer moves because its steps are lost in rounding has not converged.
        Residual = Math.Sqrt(sum) + Math.Sqrt(lost);
        concluded = true;
    }

    // |F(u) - F(origin)| / |u - origin|, in the metric in which x2 is measured by its own step.
    private double Ratio()
    {
        double far = 0, changed = 0;
        for (int b = 0; b < BlockCount; b++)
        {
            if (U[b].Length == 0) continue;
            double scale = b == X2 ? factors[X2] : 1;
            moved[b].CopyFrom(origin[b]);
            moved[b].AddScaled(-1, U[b]);
            double square = moved[b].Dot(moved[b]);
            if (b == X1) moveX1 = Math.Sqrt(square);
            far += square / scale;
            Change[b].CopyFrom(F[b]);
            Change[b].AddScaled(-1, Rows[b]);
            changed += Change[b].Dot(Change[b]) * scale;
        }

        // A move within rounding says nothing of the smoothness.
        return far <= smallestMove ? 0 : Math.Sqrt(changed / far);
    }

    private void Begin()
    {
        begun = true;
        penalty.Evaluate(rho);
        Rows.CopyFrom(F);
        MeasureSize();
        Restart();
    }

    private void MeasureSize()
    {
        double precision = Precision.Of(U[X1]);
        for (int b = 0; b < BlockCount; b++) rounding[b] = precision * U[b].Norm();
        smallestMove = 0;
        foreach (double r in rounding) smallestMove += RoundingUnits * RoundingUnits * r * r;
    }

    private void SetFactors()
    {
        for (int b = 0; b < BlockCount; b++) factors[b] = Share(b);
        factors[X1] *= caution * (steps.LeaderFactor ?? Math.Max(1, LeaderShare * rho));
        factors[X2] *= steps.OpponentFactor ?? rho;
    }

    // At the end of a stage; and where the residual is small enough while the gap is not, rho is too small. What z1 and z2
    // attain is less than the gap, so it never blames rho for what a smaller residual will mend.
    private void ConsiderRho()
    {
        double factor, last = stages.Last(tolerance);
        if (rho < last)
        {
            factor = Math.Min(stages.RhoFactor, last / rho);
        }
        else
        {
            if (stages.Rho is not null || iteration < gapDue) return;
            gapDue = iteration + GapEvery;
            double gap = AttainedGap();
            if (!(gap > tolerance)) return;
            factor = Math.Clamp(gap / tolerance, 1.5, 10);
        }

        Raise(factor);
    }

    public void Raise(double factor)
    {
        double bound = saddle is null ? 0 : GapBound();
        rho *= factor;
        Search.Rescale(1 / factor);
        guard.Restart();
        SetFactors();
        if (!(bound <= Accuracy)) SolveSaddle(Accuracy);
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
        + Excess(moved[Z1].Norm() / rho, problem.Z1, U[Z1].Length, problem.Constants.LowerStrongConvexity)
        + Excess(moved[Z2].Norm() / rho, problem.Z2, U[Z2].Length, problem.Constants.LowerStrongConcavity);

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
