namespace Bilevel;

/// <summary>
/// The cone that a bounded set of multipliers is a part of: m &gt;= 0 for inequalities, all m for equalities. The projection of
/// c on it is [c]_+ for inequalities and c for equalities, so its norm is the violation.
/// </summary>
internal static class MultiplierCone
{
    // A vector so many powers of two shorter than the bound of the set does not see the bound.
    private const int Shortness = 20;

    /// <summary>Replaces a vector by its projection on the cone. Scaling by a power of two changes no digit.</summary>
    public static void Project<V>(Multipliers<V> multipliers, V vector)
        where V : class, IVector<V>
    {
        double norm = vector.Norm();
        if (!(norm > 0) || !double.IsFinite(norm)) return;
        int shift = Math.ILogB(multipliers.Bound) - Shortness - Math.ILogB(norm);
        vector.Scale(Math.ScaleB(1, shift));
        multipliers.Set.Project(vector);
        vector.Scale(Math.ScaleB(1, -shift));
    }
}
