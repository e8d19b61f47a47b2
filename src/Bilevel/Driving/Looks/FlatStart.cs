namespace Bilevel;

/// <summary>Looks around a start that the leader did not leave: where F is lower nearby, it was flat and no answer.</summary>
internal static class FlatStart
{
    private const int Directions = 3;

    private static readonly double[] Radii = [0.1, 1, 10, 0.01];

    // The slopes over these shares of the way to a better point agree to a share of them where F falls from the very start: where it is stationary
    // they shrink with the length, and where the error of a value makes them they grow as it shrinks. A slope that a method may overlook is smaller.
    private static readonly double[] Shares = [1e-2, 3e-3, 1e-3];
    private const double Alike = 0.3, Steep = 10;

    /// <summary>A nearby point where F is lower, with a sentence about it; null where the start is as good as what is around it, or was left.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The start.</param>
    /// <param name="point">The answer.</param>
    /// <param name="value">F at the answer.</param>
    /// <param name="tolerance">The tolerance of the run: a slope of F that it allows is no news.</param>
    /// <param name="isFlat">Whether F is stationary at the start, as far as is known.</param>
    /// <returns>The point, the sentence, and how steeply F falls from the start itself towards it; 0 where it is flat there, as far as values tell.</returns>
    public static (IReadOnlyList<V> Better, string Note, double Slope)? Find<V>(IProblem<V> problem, IReadOnlyList<V> start, IReadOnlyList<V> point, double value, double tolerance, bool isFlat)
        where V : class, IVector<V>
    {
        if (problem is not BilevelProblem<V> bilevel || point[BilevelProblem.X] is not IFillable || !double.IsFinite(value)) return null;
        var x = point[BilevelProblem.X];
        var moved = x.Copy();
        moved.AddScaled(-1, start[BilevelProblem.X]);
        if (x.Length == 0 || moved.Norm() > Math.Sqrt(Precision.Of(x)) * (1 + x.Norm())) return null;

        Answer<V>? best = null;
        double at = 0, gain = 0;
        var direction = x.ZerosLike();
        foreach (double radius in Radii)
        {
            for (int d = 0; d < Directions; d++)
            {
                RandomDirection.Fill(direction, RandomBits.At(11, (ulong)d));
                double norm = direction.Norm();
                if (!(norm > 0)) continue;
                foreach (int side in new[] { 1, -1 })
                {
                    var place = x.Copy();
                    place.AddScaled(side * radius * Math.Max(1, x.Norm()) / norm, direction);
                    bilevel.UpperSet.Project(place);
                    var answer = Answers.Read(problem, [place, point[BilevelProblem.Y]], double.NaN, tolerance);
                    var away = place.Copy();
                    away.AddScaled(-1, x);
                    double distance = away.Norm(), fall = value - answer.UpperValue - (2 * tolerance * distance) - (1e-9 * Math.Abs(value));
                    if (fall > gain) (best, at, gain) = (answer, distance, fall);
                }
            }

            if (best is not null) break;
        }

        if (best is null) return null;
        double slope = Slope(bilevel, point, value, best.Point[BilevelProblem.X], tolerance);
        return (best.Point, FormattableString.Invariant($"x did not leave its start, {(slope > 0 ? "although" : isFlat ? "where F is flat, and" : "although")} F is lower nearby: {best.UpperValue:G5} at a distance of {at:G3}, against {value:G5}. Start elsewhere, for example there."), slope);
    }

    // How steeply F falls from a point on the way to another; 0 where it does not, beyond doubt.
    private static double Slope<V>(BilevelProblem<V> problem, IReadOnlyList<V> point, double value, V towards, double tolerance)
        where V : class, IVector<V>
    {
        double least = double.PositiveInfinity, most = 0;
        foreach (double share in Shares)
        {
            var away = towards.Copy();
            away.AddScaled(-1, point[BilevelProblem.X]);
            away.Scale(share);
            double distance = away.Norm();
            away.AddScaled(1, point[BilevelProblem.X]);
            double slope = (value - Answers.Read(problem, [away, point[BilevelProblem.Y]], double.NaN, tolerance).UpperValue) / distance;
            (least, most) = (Math.Min(least, slope), Math.Max(most, slope));
        }

        return least > Steep * tolerance && most - least <= Alike * most ? least : 0;
    }
}
