namespace Bilevel;

/// <summary>Numbers of a Lagrangian phi + m' c that the theory needs: bounds on optimal multipliers, and smoothness (bilevel minimax, section 8.3).</summary>
public static class Lagrangian
{
    /// <summary>
    /// B0 = range / margin (bilevel minimax, section 8.3): where for each x1 some zS has c_i(x1, zS) &lt;= -margin for
    /// every i, the optimal multipliers add up to at most that.
    /// </summary>
    /// <param name="range">max over x1 of phi(x1, zS(x1)) - min phi(x1, .).</param>
    /// <param name="margin">Slater's margin, positive.</param>
    public static double SlaterBound(double range, double margin)
    {
        if (!(margin > 0) || double.IsInfinity(margin))
            throw new ArgumentOutOfRangeException(nameof(margin), margin, "Slater's margin is not positive: for every x1 some point must satisfy all inequality constraints with room to spare. Restrict x1, relax the constraints, or state equalities as equalities.");
        if (!(range >= 0) || double.IsInfinity(range)) throw new ArgumentOutOfRangeException(nameof(range), range, "The range of the lower objective must be finite and not negative: phi at Slater's point minus the least phi.");
        return range / margin;
    }

    /// <summary>
    /// range / (radius sigma) (bilevel minimax, section 8.3, affine equalities A z = b(x)): the least-norm optimal multiplier
    /// of the equalities is at most that long.
    /// </summary>
    /// <param name="range">max phi - phi*, the maximum over the ball below.</param>
    /// <param name="radius">Radius of a ball about a feasible point that lies inside the set of z1 and satisfies the inequalities, where there are any.</param>
    /// <param name="smallestSingularValue">sigmaMinPlus(A), the smallest positive singular value of A.</param>
    public static double EqualityBound(double range, double radius, double smallestSingularValue)
    {
        if (!(radius > 0) || double.IsInfinity(radius)) throw new ArgumentOutOfRangeException(nameof(radius), radius, "The radius is not positive: a ball around a feasible point must lie inside the set of z1.");
        if (!(smallestSingularValue > 0) || double.IsInfinity(smallestSingularValue)) throw new ArgumentOutOfRangeException(nameof(smallestSingularValue), smallestSingularValue, "The smallest positive singular value must be positive and finite.");
        if (!(range >= 0) || double.IsInfinity(range)) throw new ArgumentOutOfRangeException(nameof(range), range, "The range of the lower objective must be finite and not negative.");
        return range / (radius * smallestSingularValue);
    }

    /// <summary>A bound strictly above B0, which feasibility needs: B0 + 1, or 1.02 B0 where that is larger, so that an optimal multiplier does not count as touching it.</summary>
    /// <param name="optimalBound">B0.</param>
    public static double BoundAbove(double optimalBound) => Math.Max(optimalBound + 1, 1.02 * optimalBound);

    /// <summary>
    /// A Lipschitz constant of the gradient of a Lagrangian (bilevel minimax, section 8.3). Its matrix of second derivatives
    /// has the blocks [H J'; J 0] with |H| &lt;= a = L_grad(phi) + B2 L_grad(c) and |J| &lt;= L_c, so its norm is at most that of
    /// [a L_c; L_c 0], which is (a + sqrt(a^2 + 4 L_c^2)) / 2 and never above the simpler a + L_c.
    /// </summary>
    /// <param name="curvature">a.</param>
    /// <param name="lipschitz">L_c.</param>
    public static double Smoothness(double curvature, double lipschitz) => (curvature + Math.Sqrt((curvature * curvature) + (4 * lipschitz * lipschitz))) / 2;
}
