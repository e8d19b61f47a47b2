namespace Bilevel;

/// <summary>Second derivatives along a direction, with what they err.</summary>
/// <param name="Direction">The direction as the points had it, after their rounding.</param>
/// <param name="Y">g_yy times that direction.</param>
/// <param name="X">g_xy times that direction.</param>
/// <param name="ErrorY">What the first errs at most.</param>
/// <param name="ErrorX">What the second errs at most.</param>
/// <param name="Length">Distance of the points from the middle.</param>
internal sealed record SecondDerivative<V>(V Direction, V Y, V X, double ErrorY, double ErrorX, double Length)
    where V : class, IVector<V>;

/// <summary>
/// Products g_yy v and g_xy v by central differences of the gradients at y + h v and y - h v. The product belongs to the
/// direction between the two points as they are stored, so that rounding of the points does not enter.
/// </summary>
/// <remarks>
/// Two bounds on the truncation are computed and the smaller counts: that of the declared Lipschitz constants, and what
/// shorter lengths have been seen to correct, four times as large as fourth-power convergence makes it, where three
/// lengths in a row show that convergence.
/// </remarks>
internal sealed class SecondDerivatives<V>
    where V : class, IVector<V>
{
    private const double Longest = 0.03, Shrink = 4;
    private const int Rungs = 14;

    private readonly V y, ahead, behind, gy, gx;
    private readonly PreparedRequest<V> both, follower;
    private readonly DifferenceError ofY, ofX;
    private readonly double reach, precision, third, mixedThird, roundingY, roundingX;
    private double length;

    /// <param name="lower">g.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="y">The lower variable.</param>
    /// <param name="constants">Those of g, as far as declared.</param>
    /// <param name="rounding">Rounding errors of the gradients of g there.</param>
    /// <param name="reach">A length over which g may be expected to change.</param>
    public SecondDerivatives(IObjective<V> lower, V x, V y, ProblemConstants constants, GradientRounding rounding, double reach)
    {
        (this.y, this.reach, precision, roundingY, roundingX) = (y, reach, Precision.Of(y), rounding.Y, rounding.X);
        (ahead, behind, gy, gx) = (y.ZerosLike(), y.ZerosLike(), y.ZerosLike(), x.ZerosLike());
        both = new(lower, [[x, ahead], [x, behind]], [new(BilevelProblem.Y, Output.Combined, gy), new(BilevelProblem.X, Output.Combined, gx)], [1, -1]);
        follower = new(lower, [[x, ahead], [x, behind]], [new(BilevelProblem.Y, Output.Combined, gy)], [1, -1]);
        third = constants.LowerHessianLipschitz ?? double.PositiveInfinity;
        mixedThird = constants.LowerMixedHessianLipschitz ?? third;
        ofY = new DifferenceError(third, constants.LowerThirdDerivativeLipschitz, roundingY);
        ofX = new DifferenceError(mixedThird, constants.LowerMixedThirdDerivativeLipschitz, roundingX);
        length = reach * Math.Cbrt(precision);
    }

    /// <summary>g_yy v at the length that the last <see cref="Along"/> found best; overwritten by the next product.</summary>
    public V Times(V v)
    {
        double norm = v.Norm();
        gy.Scale(0);
        if (!(norm > 0)) return gy;
        double h = Place(v, norm, length);
        follower.Evaluate();
        gy.Scale(1 / (2 * h));
        return gy;
    }

    /// <summary>Both products along a direction, at the length where their errors, weighed by <paramref name="weight"/>, are least or small enough.</summary>
    /// <param name="v">The direction; not zero.</param>
    /// <param name="weight">What an error of g_yy v counts against one of g_xy v.</param>
    /// <param name="enough">The weighed error below which no better length is sought.</param>
    public SecondDerivative<V> Along(V v, double weight, double enough)
    {
        double norm = v.Norm(), best = double.PositiveInfinity, bestLength = length;
        SecondDerivative<V>? found = null;
        V? beforeY = null, beforeX = null;
        var (lastY, lastX, earlierY, earlierX) = (double.NaN, double.NaN, double.NaN, double.NaN);
        double delta = third == 0 && mixedThird == 0 ? reach : Longest * reach;
        int past = 0;
        for (int rung = 0; rung < Rungs && past < 3; rung++, delta /= Shrink)
        {
            double h = Place(v, norm, delta);
            both.Evaluate();
            gy.Scale(1 / (2 * h));
            gx.Scale(1 / (2 * h));
            var direction = ahead.Copy();
            direction.AddScaled(-1, behind);
            direction.Scale(1 / (2 * h));
            double size = direction.Norm();
            if (!gy.IsFinite() || !gx.IsFinite())
            {
                (beforeY, beforeX) = (null, null);
                continue;
            }

            // The middle of the two points is y but for rounding, over which second derivatives change little.
            double moved = precision * (y.Norm() + delta);
            double noiseY = Rounding(roundingY, h), noiseX = Rounding(roundingX, h);
            double errorY = ofY.At(h, size) + (double.IsFinite(third) ? third * moved * size : 0), errorX = ofX.At(h, size) + (double.IsFinite(mixedThird) ? mixedThird * moved * size : 0);
            if (beforeY is not null)
            {
                double fallY = Apart(gy, beforeY), fallX = Apart(gx, beforeX!);
                if (Converges(fallY, lastY, earlierY, noiseY)) errorY = Math.Min(errorY, (fallY / 4) + (2 * noiseY));
                if (Converges(fallX, lastX, earlierX, noiseX)) errorX = Math.Min(errorX, (fallX / 4) + (2 * noiseX));
                (earlierY, earlierX, lastY, lastX) = (lastY, lastX, fallY, fallX);
            }

            (beforeY, beforeX) = (gy.Copy(), gx.Copy());
            double total = (weight * errorY) + errorX;
            if (total < best || found is null)
            {
                (best, bestLength) = (total, delta);
                found = new SecondDerivative<V>(direction, beforeY, beforeX, errorY, errorX, delta);
                past = 0;
            }
            else if (double.IsFinite(best) && (weight * noiseY) + noiseX > best)
            {
                past++;
            }

            if (best <= enough) break;
        }

        if (found is not null) length = bestLength;
        return found ?? new SecondDerivative<V>(v.Copy(), y.ZerosLike(), gx.ZerosLike(), double.PositiveInfinity, double.PositiveInfinity, 0);
    }

    // Of a central difference: the errors of two gradients.
    private static double Rounding(double rounding, double h) => rounding / h;

    // Corrections that fall as the fourth power of the length promises, twice in a row, or that are rounding.
    private static bool Converges(double fall, double last, double earlier, double noise) =>
        (fall <= last / 6 && last <= earlier / 6) || (fall <= last / 6 && last <= 64 * noise) || (fall <= 4 * noise && last <= 4 * noise);

    private static double Apart(V a, V b)
    {
        var difference = a.Copy();
        difference.AddScaled(-1, b);
        return difference.Norm();
    }

    private double Place(V v, double norm, double delta)
    {
        double h = delta / norm;
        ahead.CopyFrom(y);
        ahead.AddScaled(h, v);
        behind.CopyFrom(y);
        behind.AddScaled(-h, v);
        return h;
    }
}
