namespace Bilevel;

/// <summary>A gradient that could not be compared with values, or that contradicts them.</summary>
/// <param name="Block">The block differentiated in.</param>
/// <param name="IsUnseen">Whether nothing finite was there to compare.</param>
/// <param name="Declared">Directional derivative by the gradient.</param>
/// <param name="Measured">The same by the values.</param>
internal readonly record struct GradientFault(int Block, bool IsUnseen, double Declared, double Measured)
{
    /// <summary>Both numbers, as a clause.</summary>
    public string Numbers => FormattableString.Invariant($"along a random direction it gives {Declared:G5}, differences give {Measured:G5}");
}

/// <summary>Compares the gradients of an objective with its values at a point of which nothing is known, block by block along random directions.</summary>
internal static class GradientFaults
{
    private const double SmallestShare = 1e-6;

    /// <summary>What was found, at most two a block.</summary>
    /// <param name="objective">The objective.</param>
    /// <param name="point">The point, all its blocks; not changed.</param>
    /// <param name="terms">The set or term of each block.</param>
    /// <param name="key">Names the random directions.</param>
    /// <param name="share">What a gradient may err, as a share of itself; as little as differences can show where that is more.</param>
    /// <param name="start">Where the run began that came to the point: the function may change over a length of the size of that as well; null for none.</param>
    public static IEnumerable<GradientFault> At<V>(IObjective<V> objective, V[] point, IReadOnlyList<IProximalTerm<V>> terms, ulong key, double share = SmallestShare, V[]? start = null)
        where V : class, IVector<V>
    {
        for (int b = 0; b < point.Length; b++)
        {
            if (point[b].Length == 0) continue;
            double reach = start is null ? SizeOf(point[b]) : Math.Min(SizeOf(point[b]), SizeOf(start[b]));
            var check = new ValueCheck<V>(objective, point, b, terms[b], 0, 0, reach, isGuess: true);
            for (ulong k = 0; k < 2; k++)
            {
                var direction = point[b].ZerosLike();
                ulong name = RandomBits.At(17, (2 * (ulong)b) + k + key);
                if (k == 0) SignPattern.Fill(direction, name);
                else SignPattern.FillSparse(direction, name);
                var seen = check.Along(direction, Allowed(check, share));
                bool isUnseen = seen.Agreement == Agreement.Unseen;
                if (!isUnseen && (seen.Agreement != Agreement.Wrong || !IsConfirmed(objective, point, terms[b], b, direction, share, reach))) continue;
                double norm = direction.Norm();
                yield return new(b, isUnseen, seen.Declared / norm, seen.Measured / norm);
                if (!isUnseen) break;
            }
        }
    }

    /// <summary>The length over which a function of this block may be expected to change, as far as its start tells.</summary>
    public static double SizeOf<V>(V block)
        where V : class, IVector<V> => block.Norm() is var norm and > 0 ? norm : Math.Sqrt(block.Length);

    // What a gradient may err along a direction of components near 1.
    private static double Allowed<V>(ValueCheck<V> check, double share)
        where V : class, IVector<V> => Math.Max(share, 30 * Math.Sqrt(Precision.Of(check.Gradient))) * check.Gradient.Norm();

    // Values that are mostly rounding, or a kink, are no wrong gradient: one of those is wrong against what rounding was measured to do, and beside the point.
    private static bool IsConfirmed<V>(IObjective<V> objective, V[] point, IProximalTerm<V> term, int block, V direction, double share, double reach)
        where V : class, IVector<V>
    {
        var rounding = EvaluationRounding.Measure(objective, point);
        if (!IsWrong(point)) return false;
        var random = point[block].ZerosLike();
        RandomDirection.Fill(random, RandomBits.At(13, (ulong)block));
        double norm = random.Norm();
        foreach (double away in new[] { 1e-2, 1e-4, 1e-6 })
        {
            V[] beside = [.. point];
            beside[block] = point[block].Copy();
            beside[block].AddScaled(away * reach / norm, random);
            term.Project(beside[block]);
            if (IsWrong(beside)) return true;
        }

        return false;

        bool IsWrong(V[] at)
        {
            var check = new ValueCheck<V>(objective, at, block, term, rounding.Value, rounding.Gradients[block], reach, isGuess: true);
            return check.Along(direction, Allowed(check, share)).Agreement == Agreement.Wrong;
        }
    }
}
