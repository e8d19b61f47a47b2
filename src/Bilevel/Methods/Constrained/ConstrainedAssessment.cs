using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// |grad F| at the x1 of a run on a constrained follower, from lower solves of its own by the method of multipliers: the norm of
/// h = f_x + rho (g_x(x, y1, z2) - g_x(x, z1, y2)) with (z1, y2) on phi and (y1, z2) on f/rho + phi, rho times what the
/// solves leave, and the bias of h, which falls like 1/rho: the difference to h at rho/2, or the gap of (y1, z2) at the lower level
/// where that is more. rho rises until this is a small share. The steps of the run do not see it, and it is asked seldom.
/// </summary>
internal sealed class ConstrainedAssessment<V>
    where V : class, IVector<V>
{
    // The first rho, the factor between rounds, and how many; what the bias and the lower solves may take of the whole.
    private const double FirstRho = 10, RhoFactor = 10, Share = 0.1, MappingStep = 1;
    private const double CloseShare = 1e-4;
    private const int MostRounds = 6, LeastPause = 32, LeastSteps = 200;

    // An error of the solves this many times the rest is none that more steps would lower: with its multipliers at their bound, or at a rho at
    // which f outweighs phi, a copy has no minimiser to go to.
    private const double RunAway = 1e6;

    private readonly BilevelMinimaxProblem<V> problem;
    private readonly IReadOnlyList<V> of;                         // the run's own blocks
    private readonly V[] u;                                       // the x1 and x2 of the run, and copies of y1, y2, z1, z2
    private readonly V[] answers;                                 // y1, y2, z1, z2 of the last assessment, at its last rho
    private readonly V before, mapped;                            // h at rho/2
    private FollowerPair<V> followers;
    private readonly MinimaxPenalty<V> penalty;
    private double rho = FirstRho, assessed = double.NaN, biasNow, innerNow, first = double.NaN;
    private long iterations, next = 1;

    /// <param name="problem">The problem.</param>
    /// <param name="point">The six blocks of the run.</param>
    public ConstrainedAssessment(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point)
    {
        (this.problem, of) = (problem, point);
        u = [point[X1], point[X2], .. point.Skip(Y1).Select(b => b.Copy())];
        answers = [.. u.Skip(Y1).Select(b => b.Copy())];
        (before, mapped) = (point[X1].ZerosLike(), point[X1].ZerosLike());
        followers = new FollowerPair<V>(problem, u, rho);
        penalty = new MinimaxPenalty<V>(problem, u, values: true);
    }

    /// <summary>Whether x is so near a solution that lower variables solved anew are a better answer than those of the run.</summary>
    public bool IsClose => assessed <= CloseShare * first;

    /// <summary>rho of the last assessment.</summary>
    public double AnswerPenalty { get; private set; } = double.NaN;

    /// <summary>y1, y2, z1, z2 of the last assessment.</summary>
    public ReadOnlySpan<V> Answers => answers;

    /// <summary>What keeps the residual up.</summary>
    public string? Remark => double.IsNaN(assessed) ? null
        : assessed == double.MaxValue ? "At the last assessment the lower level could not be solved anew, as where a bound on its multipliers is too small." : FormattableString.Invariant(
        $"With the lower level solved anew at the last assessment, |grad F| was at most about {assessed:G3} (error of the lower solves {innerNow:G2}, bias {biasNow:G2}).");

    /// <summary>|grad F| as last assessed, after an iteration of the run.</summary>
    public double After()
    {
        if (++iterations < next) return assessed;
        Assess((int)Math.Min(LeastSteps + iterations, int.MaxValue));
        next = iterations + Math.Max(LeastPause, iterations / 4);
        return assessed;
    }

    public void Transfer(IArchive<V> archive)
    {
        foreach (var copy in u.AsSpan(Y1)) archive.Transfer(copy);
        archive.Transfer(answers);
        archive.Transfer(ref rho);
        archive.Transfer(ref assessed);
        archive.Transfer(ref first);
        AnswerPenalty = archive.Transferred(AnswerPenalty);
        archive.Transfer(ref biasNow);
        archive.Transfer(ref innerNow);
        archive.Transfer(ref iterations);
        archive.Transfer(ref next);
        followers.Transfer(archive, rho);
    }

    private void Assess(int limit)
    {
        double best = double.PositiveInfinity, bestRho = rho, goal = assessed < double.MaxValue ? assessed : 1;
        for (int round = 0; round < MostRounds; round++)
        {
            double low = rho;
            Solve(low, goal, limit);
            before.CopyFrom(penalty.Rows[X1]);
            var (size, inner) = Solve(2 * low, goal, limit);
            before.AddScaled(-1, penalty.Rows[X1]);
            double gap = penalty.Difference + problem.Z1.Value(u[Y1]) - problem.Z1.Value(u[Z1]);
            double bias = Math.Max(before.Norm(), Math.Abs(gap)), total = size + inner + bias;
            if (!double.IsFinite(total) || inner > RunAway * (1 + size + bias))
            {
                BeginAnew();
                break;
            }

            if (total < best)
            {
                (best, bestRho, biasNow, innerNow, AnswerPenalty) = (total, low, bias, inner, 2 * low);
                for (int b = 0; b < answers.Length; b++) answers[b].CopyFrom(u[Y1 + b]);
            }

            bool isBiased = bias > Share * total, isRough = inner > Share * total, isSharper = size + bias < goal / 2;
            if (!isBiased && !(isRough && isSharper)) break;
            goal = Math.Min(goal, size + bias);
            SetRho(isBiased ? RhoFactor * low : low);
        }

        // An x1 where nothing is finite is told by the run itself.
        assessed = double.IsFinite(best) ? best : double.MaxValue;
        if (double.IsNaN(first) && assessed < double.MaxValue) first = assessed;
        SetRho(double.IsFinite(best) ? Math.Max(FirstRho, bestRho / RhoFactor) : FirstRho);
    }

    // The copies where the run has its own, with nothing learned.
    private void BeginAnew()
    {
        for (int b = Y1; b < BlockCount; b++) u[b].CopyFrom(of[b]);
        rho = FirstRho;
        followers = new FollowerPair<V>(problem, u, rho);
    }

    // |h| as the set of x1 lets it through, and rho times what the lower solves leave.
    private (double Size, double Inner) Solve(double at, double goal, int limit)
    {
        SetRho(at);
        followers.Solve(Share * Math.Max(goal, double.Epsilon) / at, limit);
        penalty.Evaluate(at);
        mapped.CopyFrom(u[X1]);
        mapped.AddScaled(-MappingStep, penalty.Rows[X1]);
        problem.X1.Prox(mapped, MappingStep);
        mapped.AddScaled(-1, u[X1]);
        return (mapped.Norm() / MappingStep, at * Math.Sqrt(followers.SquaredResidual));
    }

    private void SetRho(double value)
    {
        double factor = followers.Sigma * value;
        rho = value;
        if (factor != 1) followers.MoveTo(value, factor);
    }
}
