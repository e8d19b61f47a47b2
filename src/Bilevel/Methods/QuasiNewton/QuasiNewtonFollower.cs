namespace Bilevel;

/// <summary>
/// A copy of the lower variable that minimises sigma f(x, .) + g(x, .) over its set by limited-memory BFGS (sigma = 1/lambda,
/// 0 for g alone, or -1/lambda). What it learned of the curvature is kept from one x to the next. On a constrained
/// set it works on the face that a projected gradient step ends on, and forgets the curvature when that changes.
/// </summary>
internal sealed class QuasiNewtonFollower<V>
    where V : class, IVector<V>
{
    // As many pairs as take no more than so many numbers, within limits: each one saves gradients.
    private const int LeastMemory = 30, Memory = 80, SmallLength = 200, LargestMemory = 120;
    private const long MemoryNumbers = 1 << 20;

    // A step is taken when the derivative along it has shrunk to this share; on a convex function that is enough.
    private const double SlopeShare = 0.5;

    // A step that a bound cut short need only lower the value, by this share of what the gradient promised.
    private const double Decrease = 1e-4;

    // Rounding ends all progress: give up when neither gradient nor value has fallen for this many evaluations.
    private const int Patience = 40;

    private const double RoundingUnits = 8, ValueUnits = 1e4, MostGrowth = 100, ShortestShare = 1e-12;

    private readonly IFeasibleSet<V> set;
    private readonly IFacetedSet<V>? faces;                  // null for a free y, and where the set does not know its faces
    private readonly bool isFree;
    private readonly V y, trial, gradient, trialGradient, upperGradient, direction, best, bestGradient;
    private readonly V reduced, trialReduced, moved, step, change;   // the gradient on the face, proj(y - length gradient), trial - y, scratch
    private readonly V probe, face, faceNow;                // a fixed vector, its part along the face in force and along that of y
    private readonly PreparedRequest<V> lower;               // g_y and g at (x, trial)
    private readonly PreparedRequest<V>? upper;              // f_y and f there
    private readonly LimitedMemory<V> curvature;
    private double length = double.NaN;                      // of a gradient step: s.q / q.q of the last pair
    private double value, trialValue, valueSize, upperSlope = double.NaN;

    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable that the copy answers to.</param>
    /// <param name="y">The copy, changed in place.</param>
    /// <param name="sigma">sigma; may be changed between solves, except to or from 0.</param>
    public QuasiNewtonFollower(BilevelProblem<V> problem, V x, V y, double sigma)
    {
        (this.y, Sigma, set, isFree) = (y, sigma, problem.LowerSet, problem.LowerSet.IsWholeSpace);
        (trial, gradient, trialGradient, upperGradient, direction, best, bestGradient) = (y.ZerosLike(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike());
        (step, change) = (y.ZerosLike(), y.ZerosLike());
        faces = !isFree && set is IFacetedSet<V> { HasFaces: true } known ? known : null;
        (reduced, trialReduced) = isFree ? (gradient, trialGradient) : (y.ZerosLike(), y.ZerosLike());
        (moved, probe, face, faceNow) = isFree ? (y, y, y, y) : (y.ZerosLike(), y.ZerosLike(), y.ZerosLike(), y.ZerosLike());
        if (faces is not null) RandomDirection.Fill(probe, key: 5);
        lower = new(problem.Lower, [[x, trial]], [new(BilevelProblem.Y, 0, trialGradient)], values: true);
        if (sigma != 0) upper = new(problem.Upper, [[x, trial]], [new(BilevelProblem.Y, 0, upperGradient)], values: true);
        curvature = new LimitedMemory<V>(y, Pairs(y.Length));
        if (problem.Constants.LowerSmoothness is { } smoothness && smoothness > 0) length = 1 / smoothness;
    }

    /// <summary>The number of pairs that are kept of a copy of that length.</summary>
    public static int Pairs(int length) => length <= SmallLength ? Math.Clamp(length + 5, LeastMemory, LargestMemory)
        : LimitedMemory<V>.Capacity((int)Math.Clamp(MemoryNumbers / length, LeastMemory, Memory), length);

    /// <summary>sigma.</summary>
    public double Sigma { get; set; }

    /// <summary>Norm of f_y at the last point that was taken; NaN where sigma is 0 or nothing was asked yet.</summary>
    public double UpperSlope => upperSlope;

    /// <summary>Norm of the gradient, or of the gradient mapping, that the last solve left; infinite where its start is not finite.</summary>
    public double Slope { get; private set; } = double.PositiveInfinity;

    /// <summary>Norm of the gradient at the start of the last solve.</summary>
    public double FirstSlope { get; private set; }

    /// <summary>How far the minimiser is from what the last solve left, by the curvature that was seen.</summary>
    public double Distance { get; private set; } = double.PositiveInfinity;

    /// <summary>Whether the last solve ended because rounding let neither gradient nor value fall.</summary>
    public bool AtRounding { get; private set; }

    /// <summary>Solves until the gradient is small enough, or the limit is reached, or rounding ends all progress.</summary>
    /// <param name="tolerance">The norm of the gradient aimed at.</param>
    /// <param name="limit">Most evaluations.</param>
    /// <returns>Whether the tolerance was reached.</returns>
    public bool Solve(double tolerance, int limit)
    {
        trial.CopyFrom(y);
        (AtRounding, Slope, Distance) = (false, double.PositiveInfinity, double.PositiveInfinity);
        if (!isFree) set.Project(trial);
        if (!EvaluateTrial()) return false;
        Take();
        FirstSlope = gradient.Norm();
        double lowest = value;
        int withoutGain = 0;
        bool isPlain = false;
        for (int t = 1; ;)
        {
            double norm = Reduce();
            withoutGain = norm < 0.999 * Slope || value < lowest - (RoundingUnits * Precision.Of(y) * valueSize) ? 0 : withoutGain;
            lowest = Math.Min(lowest, value);
            if (norm < Slope)
            {
                Slope = norm;
                best.CopyFrom(y);
                bestGradient.CopyFrom(reduced);
            }

            AtRounding = Slope > tolerance && (withoutGain >= Patience || isPlain);
            if (Slope <= tolerance || AtRounding || t >= limit) break;
            PlaceDirection(norm);
            int asked = Search(limit - t);
            t += Math.Abs(asked);
            withoutGain += Math.Abs(asked);
            if (asked > 0)
            {
                isPlain = false;
                continue;
            }

            // No step was found; along the plain gradient there is one, unless rounding hides it.
            isPlain = curvature.IsEmpty && t < limit;
            curvature.Clear();
        }

        y.CopyFrom(best);
        curvature.Apply(bestGradient, direction);
        Distance = curvature.IsEmpty ? (double.IsNaN(length) ? 1 : length) * Slope : direction.Norm();
        return Slope <= tolerance;
    }

    /// <summary>Whether the last solves of both ended on the same face; true where faces are not known.</summary>
    public bool SharesFace(QuasiNewtonFollower<V> other)
    {
        if (faces is null) return true;
        direction.CopyFrom(face);
        direction.AddScaled(-1, other.face);
        return direction.Dot(direction) == 0;
    }

    /// <summary>Saves or loads what is known of the curvature.</summary>
    public void Transfer(IArchive<V> archive)
    {
        curvature.Transfer(archive);
        archive.Transfer(ref upperSlope);
        archive.Transfer(ref length);
        if (!isFree) archive.Transfer(face);
    }

    // y <- trial
    private void Take()
    {
        y.CopyFrom(trial);
        gradient.CopyFrom(trialGradient);
        value = trialValue;
        if (upper is not null) upperSlope = upperGradient.Norm();
    }

    // The gradient on the face of y, and the norm of the gradient mapping.
    private double Reduce()
    {
        if (isFree) return gradient.Norm();
        if (double.IsNaN(length)) length = FirstLength(gradient.Norm());
        moved.CopyFrom(y);
        moved.AddScaled(-length, gradient);
        set.Project(moved);
        step.CopyFrom(moved);
        step.AddScaled(-1, y);
        Restrict(gradient, reduced);
        if (faces is not null)
        {
            faceNow.CopyFrom(probe);
            faces.Restrict(moved, faceNow);
            direction.CopyFrom(faceNow);
            direction.AddScaled(-1, face);
            if (direction.Dot(direction) > 0) curvature.Clear();
            face.CopyFrom(faceNow);
        }

        return step.Norm() / length;
    }

    // The part of a gradient along the face of moved; where faces are not known, the gradient mapping stands for it.
    private void Restrict(V full, V result)
    {
        if (faces is not null)
        {
            result.CopyFrom(full);
            faces.Restrict(moved, result);
            return;
        }

        result.CopyFrom(ReferenceEquals(full, gradient) ? y : trial);
        result.AddScaled(-length, full);
        set.Project(result);
        result.AddScaled(-1, ReferenceEquals(full, gradient) ? y : trial);
        result.Scale(-1 / length);
    }

    // d = -H gradient on the face; components on a bound, or on the way to it, go there.
    private void PlaceDirection(double norm)
    {
        if (double.IsNaN(length)) length = FirstLength(norm);
        curvature.Apply(reduced, direction);
        double slope = reduced.Dot(direction);
        if (curvature.IsEmpty || !(slope > 0) || !double.IsFinite(slope))
        {
            curvature.Clear();
            direction.CopyFrom(reduced);
            direction.Scale(length);
        }

        direction.Scale(-1);
        if (faces is null) return;
        faces.Restrict(moved, direction);
        direction.AddScaled(1, step);
        faces.Restrict(moved, step);
        direction.AddScaled(-1, step);
    }

    private double FirstLength(double norm)
    {
        double size = y.Norm();
        return norm > 0 ? (size > 0 ? 0.1 * size : 1) / norm : 1;
    }

    // Goes along d until the derivative has shrunk enough; the number of evaluations, negative where no step was taken.
    private int Search(int limit)
    {
        double t = 1, low = 0, lowRatio = 1, high = double.PositiveInfinity, highRatio = double.NaN;
        double noise = ValueUnits * Precision.Of(y) * valueSize;
        for (int asked = 1; asked <= limit; asked++)
        {
            trial.CopyFrom(y);
            trial.AddScaled(t, direction);
            if (!isFree) set.Project(trial);
            step.CopyFrom(trial);
            step.AddScaled(-1, y);
            double promised = gradient.Dot(step);
            if (promised == 0) return -asked;
            bool isFinite = EvaluateTrial(), isBent = !isFree && IsCut(t);
            double ratio = promised < 0 ? trialGradient.Dot(step) / promised : double.NaN;

            // Along a straight step the derivative decides, which rounding disturbs less; a convex value rises by less than this where that has shrunk.
            bool isLower = isFinite && trialValue <= value + (isBent ? Decrease * Math.Min(promised, 0) : -SlopeShare * promised) + noise;
            if (isLower && promised < 0 && (Math.Abs(ratio) <= SlopeShare || (isBent && ratio >= -SlopeShare)))
            {
                Learn();
                Take();
                return asked;
            }

            if (!(promised < 0) && isFree) return -asked;
            if (isLower && ratio > SlopeShare) (low, lowRatio) = (t, ratio);
            else (high, highRatio) = (t, isFinite ? ratio : double.NaN);
            if (double.IsPositiveInfinity(high))
            {
                t = ratio < 1 ? Math.Clamp(t / (1 - ratio), 1.5 * t, MostGrowth * t) : 10 * t;
                continue;
            }

            double width = high - low;
            if (high < ShortestShare) return -asked;
            if (width < 1e-9 * high)
            {
                // Rounding hides the derivative, or the function has a kink: what is lower is taken.
                if (!isLower || !(promised < 0)) return -asked;
                Learn();
                Take();
                return asked;
            }

            double secant = low + (width * lowRatio / (lowRatio - highRatio));
            t = !isFinite ? low + (0.1 * width)
                : secant > low + (0.1 * width) && secant < high - (0.1 * width) ? secant
                : high - low > 0.99 * high && !isLower && highRatio < -10 ? low + (0.1 * width)
                : (low + high) / 2;
        }

        return -limit;
    }

    // Whether the set cut the step short.
    private bool IsCut(double t)
    {
        double full = t * direction.Norm(), taken = step.Norm();
        return taken < full * (1 - 1e-12);
    }

    private void Learn()
    {
        // A step across the face says nothing of the curvature along it, but of the length of a gradient step.
        change.CopyFrom(trialGradient);
        change.AddScaled(-1, gradient);
        double turned = change.Dot(change), along = change.Dot(step);
        if (along > 0 && turned > 0) length = along / turned;
        if (!isFree) Restrict(trialGradient, trialReduced);
        if (faces is not null)
        {
            change.CopyFrom(step);
            faces.Restrict(moved, step);
            change.AddScaled(-1, step);
            if (change.Norm() > 1e-9 * step.Norm()) return;
        }

        curvature.Add(step, reduced, trialReduced);
    }

    private bool EvaluateTrial()
    {
        lower.Evaluate();
        (trialValue, valueSize) = (lower.Values[0], Math.Abs(lower.Values[0]));
        if (upper is not null)
        {
            upper.Evaluate();
            trialGradient.AddScaled(Sigma, upperGradient);
            trialValue += Sigma * upper.Values[0];
            valueSize += Math.Abs(Sigma * upper.Values[0]);
        }

        return double.IsFinite(trialValue) && trialGradient.IsFinite();
    }
}
