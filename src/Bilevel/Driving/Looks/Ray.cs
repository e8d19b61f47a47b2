namespace Bilevel;

/// <summary>A convex function along a ray, as far as numbers reach.</summary>
internal static class Ray
{
    // How far slopes are looked at, in doublings of the first length.
    private const int Doublings = 80;

    // A slope that dies out on the way belongs to an infimum that is not attained where it has been seen so often and ends so small.
    private const int SlopesSeen = 5;
    private const double DiedOut = 1e-8;

    private const double Tiny = 1e-30;

    /// <summary>Norm and value at the last place looked at, where the slope never turned; null where it did: a convex function rises behind the minimiser on the ray.</summary>
    /// <param name="g">The function.</param>
    /// <param name="set">Its set.</param>
    /// <param name="y">Where the ray begins.</param>
    /// <param name="direction">Its direction, of any length.</param>
    public static (double Norm, double Value)? FallsForEver<V>(BlockFunction<V> g, IProximalTerm<V> set, V y, V direction)
        where V : class, IVector<V>
    {
        double length = direction.Norm(), first = double.NaN, last = double.NaN;
        if (!(length > 0) || !double.IsFinite(length)) return null;
        double reach = (y.Norm() is var size and > 0 ? size : 1) / 8;
        V place = y.Copy(), ahead = y.Copy();
        int seen = 0;
        double begins = double.NaN, ends = double.NaN;
        bool isFlat = false;
        (double Norm, double Value) falls = default;
        for (int j = 0; j <= Doublings; j++, reach *= 2)
        {
            place.CopyFrom(y);
            place.AddScaled(reach / length, direction);
            if (!place.IsFinite()) break;
            if (!set.IsWholeSpace)
            {
                set.Project(place);
                ahead.CopyFrom(place);
                ahead.AddScaled(-1, y);
                if (!(ahead.Norm() > reach / 4)) return null;
            }
            else
            {
                ahead.CopyFrom(direction);
            }

            double value = g.Evaluate(place), slope = g.Gradient.Dot(ahead) / ahead.Norm();
            if (double.IsNaN(slope) || double.IsNaN(value) || slope > 0) return null;
            isFlat = slope == 0;
            if (isFlat || double.IsNegativeInfinity(slope)) break;
            if (seen++ == 0) (first, begins) = (slope, value);
            (last, ends) = (slope, value);
            falls = (place.Norm(), value);
        }

        // A whole way so short that its squares hardly are numbers, over which values do not tell, is no way.
        if (ends >= begins && falls.Norm < Tiny) return null;

        // Flat behind a kink is a minimum attained; flat by underflow is none.
        return seen >= SlopesSeen && (!isFlat || last > DiedOut * first) ? falls : null;
    }
}
