namespace Bilevel;

/// <summary>
/// Looks for a leader that is unbounded over the follower's best answers: along a direction in which g is flat, f falls
/// however far one looks, with the follower solved again from there.
/// </summary>
internal static class FlatFollower
{
    // Most steps that take out of -f_y what g curves along, the share of it that counts, and the curvature that is none.
    private const int MostSteps = 100;
    private const double LeastShare = 1e-3, Flat = 1e-6;

    // Where the smallest curvature that a few products show is this share of the largest, nothing is flat.
    private const double Curved = 1e-3;

    // How far is looked, in powers of ten of the answer's size, and the steps of each solve.
    private const int Looks = 6, LowerSteps = 400;

    /// <summary>Why the leader seems unbounded; null where it does not.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="point">Where the run ended.</param>
    public static string? Unbounded<V>(IProblem<V> problem, V[] point)
        where V : class, IVector<V>
    {
        if (problem is not BilevelProblem<V> bilevel || bilevel.Constants.LowerStrongConvexity > 0 || point[BilevelProblem.Y] is not IFillable || !point.All(b => b.IsFinite())) return null;
        var x = point[BilevelProblem.X];
        var y = point[BilevelProblem.Y];
        if (y.Length == 0 || double.IsFinite(bilevel.LowerSet.DiameterAt(y.Length))) return null;
        var z = LowerLevelSolver.Solve(bilevel.Lower, x, y, bilevel.LowerSet, 0, LowerSteps).Y;
        var f = new BlockFunction<V>(bilevel.Upper, [x, z], BilevelProblem.Y, 1);
        double value = f.Evaluate(z), slope = f.Gradient.Norm(), size = Math.Max(1, z.Norm());
        var direction = f.Gradient.Copy();
        direction.Scale(-1);
        if (!(slope > 0) || !double.IsFinite(value) || !IsFlat(bilevel, x, z, direction) || !(direction.Norm() >= LeastShare * slope)) return null;

        direction.Scale(1 / direction.Norm());
        double lowest = value, reach = size;
        var place = z.Copy();
        for (int look = 0; look < Looks; look++)
        {
            reach *= 10;
            place.CopyFrom(z);
            place.AddScaled(reach, direction);
            bilevel.LowerSet.Project(place);
            place.CopyFrom(LowerLevelSolver.Solve(bilevel.Lower, x, place, bilevel.LowerSet, 0, LowerSteps).Y);
            double here = f.Evaluate(place);
            if (!(here < lowest - (1e-9 * Math.Abs(lowest))) || !(f.Gradient.Dot(direction) < 0) || !(place.Dot(direction) - z.Dot(direction) > reach / 2)) return null;
            lowest = here;
        }

        return FormattableString.Invariant(
            $"The leader seems unbounded: at this x the follower has best answers along which f has no minimum as far as was looked. f is {Said.Value(value)} at {Said.Place("y", z.Norm())} and {Said.Value(lowest)} at |y| = {place.Norm():G4}, and g is the same there. Add a term to g or to f that grows with |y|, or give y a bounded set.");
    }

    // Takes out of a direction d what g curves along; whether g is flat along what is left. With H the Hessian of g, conjugate gradients on
    // H u = H d give that part u, also where H is singular.
    private static bool IsFlat<V>(BilevelProblem<V> problem, V x, V z, V direction)
        where V : class, IVector<V>
    {
        var (smallest, largest) = LocalConstants.Curvatures(problem.Lower, x, z);
        double length = direction.Norm();
        if (!(largest > 0)) return largest == 0;
        if (smallest > Curved * largest) return false;
        var second = new GradientDifference<V>(problem.Lower, x, z);
        V residual = second.HessianTimes(direction).Copy(), step = residual.Copy();
        double size = residual.Dot(residual), least = Math.Pow(Flat * largest * length, 2);
        for (int i = 0; i < MostSteps && size > least * Flat; i++)
        {
            var image = second.HessianTimes(step);
            double curvature = step.Dot(image), share = size / curvature;
            if (!(curvature > 0)) break;
            direction.AddScaled(-share, step);
            residual.AddScaled(-share, image);
            double next = residual.Dot(residual);
            step.Scale(next / size);
            step.AddScaled(1, residual);
            size = next;
        }

        return second.HessianTimes(direction).Norm() <= Flat * largest * length;
    }
}
