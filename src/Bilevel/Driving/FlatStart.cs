namespace Bilevel;

/// <summary>Looks around a start that the leader did not leave: where F is lower nearby, it was flat and no answer.</summary>
internal static class FlatStart
{
    private const int Directions = 3;

    private static readonly double[] Radii = [0.1, 1, 10];

    /// <summary>A nearby point where F is lower, with a sentence about it; null where the start is as good as what is around it, or was left.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The start.</param>
    /// <param name="point">The answer.</param>
    /// <param name="value">F at the answer.</param>
    /// <param name="tolerance">The tolerance of the run: a slope of F that it allows is no news.</param>
    /// <param name="isFlat">Whether F is stationary at the start, as far as is known.</param>
    public static (IReadOnlyList<V> Better, string Note)? Find<V>(IProblem<V> problem, IReadOnlyList<V> start, IReadOnlyList<V> point, double value, double tolerance, bool isFlat)
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
                    var away = place;
                    away = away.Copy();
                    away.AddScaled(-1, x);
                    double distance = away.Norm(), fall = value - answer.UpperValue - (2 * tolerance * distance) - (1e-9 * Math.Abs(value));
                    if (fall > gain) (best, at, gain) = (answer, distance, fall);
                }
            }

            if (best is not null) break;
        }

        return best is null ? null : (best.Point, FormattableString.Invariant($"x did not leave its start, {(isFlat ? "where F is flat, and" : "although")} F is lower nearby: {best.UpperValue:G5} at a distance of {at:G3}, against {value:G5}. Start elsewhere, for example there."));
    }
}
