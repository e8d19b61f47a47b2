namespace Bilevel;

/// <summary>
/// Several copies of the lower variable at the same x, copy i minimising sigma_i f(x, .) + g(x, .) over the whole
/// space by limited-memory BFGS. The copies step side by side, so that one request serves all that are still on
/// their way; what they learned of the curvature is kept from one x to the next.
/// </summary>
internal sealed class QuasiNewtonFollowers<V>
    where V : class, IVector<V>
{
    private const int Memory = 30;

    // A step is taken when the derivative along it has shrunk to this share; on a convex function that is enough.
    private const double SlopeShare = 0.5;

    // Rounding ends all progress: give up when the gradient has not shrunk for this many evaluations.
    private const int Patience = 60;

    // |H g| estimates the distance to the minimiser, but H knows the curvature only where the path has been.
    private const double Doubt = 3;

    private readonly Copy[] copies;
    private readonly double[] sigma;
    private readonly PreparedRequest<V>[] lower;      // by the set of copies that are asked, as bits
    private readonly PreparedRequest<V>?[] upper;
    private LocalConstants constants;

    /// <param name="problem">The problem; y unconstrained.</param>
    /// <param name="x">The upper variable that the copies answer to.</param>
    /// <param name="copies">The copies, changed in place.</param>
    /// <param name="sigma">sigma_i; may be changed between solves through <see cref="SetSigma"/>, except to or from 0.</param>
    /// <param name="constants">Constants of the lower level.</param>
    public QuasiNewtonFollowers(BilevelProblem<V> problem, V x, V[] copies, double[] sigma, LocalConstants constants)
    {
        (this.sigma, this.constants) = (sigma, constants);
        this.copies = [.. copies.Select(c => new Copy(c))];
        int sets = 1 << copies.Length;
        lower = new PreparedRequest<V>[sets];
        upper = new PreparedRequest<V>?[sets];
        for (int set = 1; set < sets; set++)
        {
            Copy[] asked = [.. this.copies.Where((_, i) => (set & (1 << i)) != 0)], penalised = [.. this.copies.Where((_, i) => (set & (1 << i)) != 0 && sigma[i] > 0)];
            lower[set] = new(problem.Lower, [.. asked.Select(c => new[] { x, c.Trial })], [.. asked.Select((c, p) => new Output<V>(BilevelProblem.Y, p, c.TrialGradient))]);
            if (penalised.Length > 0) upper[set] = new(problem.Upper, [.. penalised.Select(c => new[] { x, c.Trial })], [.. penalised.Select((c, p) => new Output<V>(BilevelProblem.Y, p, c.UpperGradient))]);
        }
    }

    /// <summary>Changes the constants, to those that a checkpoint brings.</summary>
    public void SetConstants(LocalConstants value) => constants = value;

    /// <summary>Changes sigma_i.</summary>
    public void SetSigma(int i, double value) => sigma[i] = value;

    /// <summary>
    /// Solves until every copy i is within distance i of its minimiser, by the bound |gradient| / mu or by the estimate
    /// that the learned curvature gives, or the limit is reached, or rounding ends all progress.
    /// </summary>
    /// <param name="distances">The distances aimed at.</param>
    /// <param name="limit">Most evaluations.</param>
    /// <param name="proved">Whether the bound alone counts.</param>
    public void Solve(ReadOnlySpan<double> distances, int limit, bool proved)
    {
        int open = (1 << copies.Length) - 1;
        foreach (var copy in copies) copy.Begin();
        for (int t = 0; open != 0 && t < limit; t++)
        {
            lower[open].Evaluate();
            upper[open]?.Evaluate();
            for (int i = 0; i < copies.Length; i++)
            {
                if ((open & (1 << i)) == 0) continue;
                if (sigma[i] > 0) copies[i].TrialGradient.AddScaled(sigma[i], copies[i].UpperGradient);
                if (copies[i].Advance(distances[i], Modulus(i), proved)) open &= ~(1 << i);
            }
        }

        foreach (var copy in copies) copy.End();
    }

    /// <summary>Saves or loads what is known of the curvature.</summary>
    public void Transfer(IArchive<V> archive)
    {
        for (int i = 0; i < copies.Length; i++) copies[i].Curvature.Transfer(archive, $"follower {i}");
    }

    // The modulus of sigma f + g is at least mu - sigma Lf1 (penalty methods, section 9.2); a convex f takes nothing away, and half of mu is the published bound otherwise.
    private double Modulus(int i) => sigma[i] > 0 ? Math.Max(constants.LowerStrongConvexity - (sigma[i] * constants.UpperSmoothness), constants.LowerStrongConvexity / 2) : constants.LowerStrongConvexity;

    /// <summary>One copy: its place, the point being tried, and what it knows of the curvature.</summary>
    private sealed class Copy(V y)
    {
        private readonly V gradient = y.ZerosLike(), direction = y.ZerosLike(), best = y.ZerosLike();
        private bool isFirst;
        private double step, slope, low, high, lowSlope, highSlope, bestNorm;
        private int withoutGain;

        public V Trial { get; } = y.Copy();

        public V TrialGradient { get; } = y.ZerosLike();

        public V UpperGradient { get; } = y.ZerosLike();

        public LimitedMemory<V> Curvature { get; } = new(y, Memory);

        public void Begin()
        {
            Trial.CopyFrom(y);
            (isFirst, bestNorm, withoutGain) = (true, double.PositiveInfinity, 0);
        }

        public void End()
        {
            if (bestNorm < double.PositiveInfinity) y.CopyFrom(best);
        }

        /// <summary>Judges the point just evaluated and places the next.</summary>
        /// <returns>Whether the copy is done.</returns>
        public bool Advance(double distance, double modulus, bool proved)
        {
            if (!isFirst && !IsFarEnough(TrialGradient.Dot(direction))) return ++withoutGain >= Patience;
            if (!isFirst) Curvature.Add(y, Trial, gradient, TrialGradient);
            isFirst = false;
            y.CopyFrom(Trial);
            gradient.CopyFrom(TrialGradient);
            double norm = gradient.Norm();
            withoutGain = norm < 0.999 * bestNorm ? 0 : withoutGain + 1;
            if (norm < bestNorm)
            {
                bestNorm = norm;
                best.CopyFrom(y);
            }

            if (norm <= modulus * distance || withoutGain >= Patience || !double.IsFinite(norm)) return true;
            Curvature.Apply(gradient, direction);
            double length = direction.Norm();
            slope = -gradient.Dot(direction);
            if (!(slope < 0) || !double.IsFinite(length))
            {
                Curvature.Clear();
                direction.CopyFrom(gradient);
                (length, slope) = (norm, -norm * norm);
            }

            if (!proved && !Curvature.IsEmpty && Doubt * length <= distance) return true;
            direction.Scale(-1);
            (low, lowSlope, high, highSlope) = (0, slope, double.PositiveInfinity, double.NaN);
            step = Curvature.IsEmpty ? Math.Min(1, 1 / norm) : 1;
            Place();
            return false;
        }

        // Whether the derivative along the step has shrunk enough; otherwise a step between those known, or a longer one.
        private bool IsFarEnough(double here)
        {
            if (Math.Abs(here) <= SlopeShare * Math.Abs(slope)) return true;
            if (here < 0) (low, lowSlope) = (step, here);
            else (high, highSlope) = (step, here);
            if (double.IsPositiveInfinity(high))
            {
                step *= 2;
            }
            else
            {
                double margin = 0.1 * (high - low), secant = low + ((high - low) * (-lowSlope / (highSlope - lowSlope)));
                if (margin < 1e-9 * high) return true;
                step = secant > low + margin && secant < high - margin ? secant : (low + high) / 2;
            }

            Place();
            return false;
        }

        private void Place()
        {
            Trial.CopyFrom(y);
            Trial.AddScaled(step, direction);
        }
    }
}
