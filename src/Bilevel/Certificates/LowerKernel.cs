using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// Directions along which the lower level is flat at a saddle point: the kernel of the Jacobian J of its operator (g_z1, -g_z2), in which
/// saddle points are not unique.
/// </summary>
internal static class LowerKernel
{
    // |J v| below this share of the largest is none; and what is left of a direction below this share of it is rounding.
    private const double Flat = 1e-4, Least = 1e-5;

    /// <summary>The part of a direction in the kernel; null where there is none, or where it was not found. Conjugate gradients on the least squares problem min |s - J'w|, whose residual it is; J' = D J D with D = diag(1, -1).</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x1">The upper minimiser, fixed.</param>
    /// <param name="at">The saddle point.</param>
    /// <param name="direction">The direction, one part for each block; not changed.</param>
    /// <param name="steep">The largest curvature met elsewhere.</param>
    /// <param name="steps">Most steps, of two products each.</param>
    public static V[]? Part<V>(BilevelMinimaxProblem<V> problem, V x1, LowerSaddle<V> at, V[] direction, double steep, int steps)
        where V : class, IVector<V>
    {
        double size = Norm(direction), reach = Math.Max(Reach(problem.Z1, at.Z1), Reach(problem.Z2, at.Z2));
        if (!(size > 0) || !double.IsFinite(size)) return null;
        double h = Math.Cbrt(Precision.Of(at.Z1.Length > 0 ? at.Z1 : at.Z2)) * reach;
        V[] left = [.. direction.Select(d => d.Copy())];
        if (Times(left, transposed: false) is not { } slope) return null;
        V[] search = [.. slope.Select(s => s.Copy())];
        double square = Square(slope);
        for (int k = 0; k < steps; k++)
        {
            double rest = Norm(left);
            steep = Math.Max(steep, Math.Sqrt(square) / rest);
            if (!(rest > Least * size)) return null;
            if (Math.Sqrt(square) <= 1e-2 * Flat * steep * rest || steep == 0) return left;
            if (Times(search, transposed: true) is not { } image) return null;
            double length = square / Square(image);
            if (!double.IsFinite(length)) break;
            for (int i = 0; i < 2; i++) left[i].AddScaled(-length, image[i]);
            if (Times(left, transposed: false) is not { } next) return null;
            double before = square;
            square = Square(next);
            for (int i = 0; i < 2; i++)
            {
                search[i].Scale(square / before);
                search[i].AddScaled(1, next[i]);
            }
        }

        return Math.Sqrt(square) <= Flat * steep * Norm(left) && Norm(left) > Least * size ? left : null;

        // J v by central differences.
        V[]? Times(V[] v, bool transposed)
        {
            double norm = Norm(v), t = h / norm;
            V[] ahead = [at.Z1.Copy(), at.Z2.Copy()], behind = [at.Z1.Copy(), at.Z2.Copy()], turn = [at.Z1.ZerosLike(), at.Z2.ZerosLike()];
            if (!(norm > 0)) return turn;
            for (int i = 0; i < 2; i++)
            {
                double sign = transposed && i == 1 ? -t : t;
                ahead[i].AddScaled(sign, v[i]);
                behind[i].AddScaled(-sign, v[i]);
            }

            new PreparedRequest<V>(problem.Lower, [[x1, ahead[0], ahead[1]], [x1, behind[0], behind[1]]], [new(Lower.Z1, Output.Combined, turn[0]), new(Lower.Z2, Output.Combined, turn[1])], [1, -1]).Evaluate();
            turn[0].Scale(problem.LowerSign / (2 * t));
            turn[1].Scale((transposed ? 1 : -1) * problem.LowerSign / (2 * t));
            return double.IsFinite(Norm(turn)) ? turn : null;
        }
    }

    private static double Reach<V>(IProximalTerm<V> term, V block)
        where V : class, IVector<V>
    {
        double diameter = term.DiameterAt(block.Length), size = block.Norm();
        return block.Length == 0 ? 0 : double.IsFinite(diameter) ? diameter : size > 0 ? size : 1;
    }

    private static double Square<V>(V[] blocks)
        where V : class, IVector<V> => blocks.Sum(b => b.Dot(b));

    private static double Norm<V>(V[] blocks)
        where V : class, IVector<V> => Math.Sqrt(Square(blocks));
}
