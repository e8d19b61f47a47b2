using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// Compares the gradients that an epsilon-KKT point stands on with values, at the point, as sharply as the tolerance needs: an error of f's
/// gradients moves K1 and K2 by itself, one of g's by rho times itself, and the bound of the gap by the diameter times itself.
/// </summary>
internal static class KktAudit
{
    // Of the tolerance, what an error may move; and what must not stay unseen.
    private const double Share = 0.1, Mention = 2;

    private const int Patterns = 3;

    /// <summary>The first gradient that contradicts the values, in words; null where none does.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="kkt">The point, with its rounding measured.</param>
    /// <param name="penalty">rho.</param>
    /// <param name="tolerance">eps.</param>
    /// <param name="hidden">What values are too coarse to show although it would move a number by more than two tolerances, each a clause without a full stop.</param>
    public static string? Contradiction<V>(BilevelMinimaxProblem<V> problem, KktResiduals<V> kkt, double penalty, double tolerance, List<string> hidden)
        where V : class, IVector<V>
    {
        var p = kkt.Point;
        if (p[X1] is not IFillable) return null;
        IProximalTerm<V>[] upper = [problem.X1, problem.X2, problem.Z1, problem.Z2], lower = [problem.X1, problem.Z1, problem.Z2];
        var (ofUpper, ofFirst, ofSecond) = kkt.Measured;
        return Look("f", problem.Upper, [p[X1], p[X2], p[Y1], p[Y2]], upper, ["x1", "x2", "y1", "y2"], _ => Share * tolerance, ofUpper, 301, hidden)
            ?? Look("g", problem.Lower, [p[X1], p[Y1], p[Z2]], lower, problem.LowerBlockNames, OfLower, ofFirst, 302, hidden)
            ?? Look("g", problem.Lower, [p[X1], p[Z1], p[Y2]], lower, problem.LowerBlockNames, OfLower, ofSecond, 303, hidden);

        double OfLower(int block)
        {
            double diameter = lower[block].DiameterAt(p[block == Lower.X1 ? X1 : block == Lower.Z1 ? Z1 : Z2].Length);
            double most = Share * tolerance / penalty;
            return block != Lower.X1 && double.IsFinite(diameter) && diameter > 0 ? Math.Min(most, Share * tolerance / diameter) : most;
        }
    }

    private static string? Look<V>(string function, IObjective<V> objective, V[] at, IProximalTerm<V>[] terms, IReadOnlyList<string> names, Func<int, double> allowed, EvaluationRounding rounding, ulong key, List<string> hidden)
        where V : class, IVector<V>
    {
        for (int b = 0; b < at.Length; b++)
        {
            double diameter = terms[b].DiameterAt(at[b].Length), size = at[b].Norm();
            if (at[b].Length == 0 || diameter == 0) continue;
            double reach = double.IsFinite(diameter) ? diameter : size > 0 ? size : 1;
            var check = new ValueCheck<V>(objective, at, b, terms[b], new GradientRounding(rounding.Gradients[b], rounding.Gradients[b], rounding.Value), reach);
            for (int k = 0; k <= Math.Min(Patterns, at[b].Length); k++)
            {
                V direction;
                if (k == 0) direction = check.Gradient.Copy();
                else
                {
                    direction = at[b].ZerosLike();
                    SignPattern.Fill(direction, RandomBits.At(key, (ulong)((8 * b) + k)));
                }

                double norm = direction.Norm();
                if (!(norm > 0) || !double.IsFinite(norm)) continue;
                if (k == 0) direction.Scale(1 / norm);
                double limit = allowed(b);
                var seen = check.Along(direction, limit);
                if (seen.Agreement == Agreement.Wrong)
                    return FormattableString.Invariant($"the gradient of {function} in {names[b]} contradicts its values at the point: along one direction it gives {seen.Declared:G6}, differences of the values give {seen.Measured:G6}");
                string start = $"rounding of the values of {function} hides errors of its gradient in {names[b]}";
                if (seen.Agreement == Agreement.Blunt && seen.Sharpness > Mention / Share * limit && !hidden.Exists(h => h.StartsWith(start, StringComparison.Ordinal)))
                    hidden.Add(FormattableString.Invariant($"{start} below {seen.Sharpness:G3}, of which {Mention / Share * limit:G3} would matter at this tolerance"));
            }
        }

        return null;
    }
}
