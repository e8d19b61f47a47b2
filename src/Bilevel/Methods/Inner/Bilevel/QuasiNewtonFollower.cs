namespace Bilevel;

/// <summary>
/// A copy of the lower variable that minimises sigma f(x, .) + g(x, .) over the whole space by limited-memory BFGS
/// (sigma = 1/lambda, or 0 for g alone). What it learned of the curvature is kept from one x to the next.
/// </summary>
internal sealed class QuasiNewtonFollower<V>
    where V : class, IVector<V>
{
    private const int Memory = 30;

    // A step is taken when the derivative along it has shrunk to this share; on a convex function that is enough.
    private const double SlopeShare = 0.5;

    // Rounding ends all progress: give up when the gradient has not shrunk for this many evaluations.
    private const int Patience = 60;

    private readonly V y, trial, gradient, trialGradient, upperGradient, direction, best;
    private readonly PreparedRequest<V> lower;       // g_y at (x, trial)
    private readonly PreparedRequest<V>? upper;      // f_y there
    private readonly LimitedMemory<V> curvature;

    /// <param name="problem">The problem; y unconstrained.</param>
    /// <param name="x">The upper variable that the copy answers to.</param>
    /// <param name="y">The copy, changed in place.</param>
    /// <param name="sigma">sigma; may be changed between solves, except to or from 0.</param>
    public QuasiNewtonFollower(BilevelProblem<V> problem, V x, V y, double sigma)
    {
        (this.y, Sigma) = (y, sigma);
        (trial, gradient, trialGradient, upperGradient, direction, best) = (y.ZerosLike(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike());
        lower = new(problem.Lower, [[x, trial]], [new(BilevelProblem.Y, 0, trialGradient)]);
        if (sigma > 0) upper = new(problem.Upper, [[x, trial]], [new(BilevelProblem.Y, 0, upperGradient)]);
        curvature = new LimitedMemory<V>(y, Memory);
    }

    /// <summary>sigma.</summary>
    public double Sigma { get; set; }

    /// <summary>Norm of f_y at the last point that was asked for; NaN where sigma is 0 or nothing was asked yet.</summary>
    public double UpperSlope { get; private set; } = double.NaN;

    /// <summary>Solves until the gradient is small enough, or the limit is reached, or rounding ends all progress.</summary>
    /// <param name="tolerance">The norm of the gradient aimed at.</param>
    /// <param name="limit">Most evaluations.</param>
    public void Solve(double tolerance, int limit)
    {
        trial.CopyFrom(y);
        double bestNorm = double.PositiveInfinity, slope = 0, step = 0, low = 0, high = 0, lowSlope = 0, highSlope = 0;
        for (int t = 0, withoutGain = 0; t < limit; t++, withoutGain++)
        {
            EvaluateTrial();
            if (t > 0 && !IsFarEnough(trialGradient.Dot(direction)) && withoutGain < Patience) continue;
            if (t > 0) curvature.Add(y, trial, gradient, trialGradient);
            y.CopyFrom(trial);
            gradient.CopyFrom(trialGradient);
            double norm = gradient.Norm();
            if (norm < 0.999 * bestNorm) withoutGain = 0;
            if (norm < bestNorm) (bestNorm, _) = (norm, Keep());
            if (norm <= tolerance || !double.IsFinite(norm) || withoutGain >= Patience) break;
            curvature.Apply(gradient, direction);
            slope = -gradient.Dot(direction);
            if (!(slope < 0))
            {
                curvature.Clear();
                direction.CopyFrom(gradient);
                slope = -norm * norm;
            }

            direction.Scale(-1);
            (low, lowSlope, high, highSlope) = (0, slope, double.PositiveInfinity, double.NaN);
            Place(curvature.IsEmpty ? Math.Min(1, 1 / norm) : 1);
        }

        if (bestNorm < double.PositiveInfinity) y.CopyFrom(best);

        bool Keep()
        {
            best.CopyFrom(y);
            return true;
        }

        // Whether the derivative along the step has shrunk enough; otherwise places a step between those known, or a longer one.
        bool IsFarEnough(double here)
        {
            if (Math.Abs(here) <= SlopeShare * Math.Abs(slope)) return true;
            if (here < 0) (low, lowSlope) = (step, here);
            else (high, highSlope) = (step, here);
            if (double.IsPositiveInfinity(high))
            {
                Place(2 * step);
                return false;
            }

            double margin = 0.1 * (high - low), secant = low + ((high - low) * (-lowSlope / (highSlope - lowSlope)));
            if (margin < 1e-9 * high) return true;
            Place(secant > low + margin && secant < high - margin ? secant : (low + high) / 2);
            return false;
        }

        void Place(double length)
        {
            step = length;
            trial.CopyFrom(y);
            trial.AddScaled(length, direction);
        }
    }

    /// <summary>Saves or loads what is known of the curvature.</summary>
    public void Transfer(IArchive<V> archive, string name)
    {
        curvature.Transfer(archive, name);
        double slope = UpperSlope;
        archive.Transfer($"{name} upper slope", ref slope);
        UpperSlope = slope;
    }

    private void EvaluateTrial()
    {
        lower.Evaluate();
        if (upper is null) return;
        upper.Evaluate();
        UpperSlope = upperGradient.Norm();
        trialGradient.AddScaled(Sigma, upperGradient);
    }
}
