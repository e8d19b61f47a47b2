namespace Bilevel;

/// <summary>What rounding does to one evaluation of an objective at a point, as measured: the gradient in every block (norms) and the value.</summary>
/// <param name="Gradients">Of the gradient in each block.</param>
/// <param name="Value">Of the value.</param>
internal readonly record struct EvaluationRounding(double[] Gradients, double Value)
{
    /// <summary>Units of rounding that a sum over data may accumulate; generous, since errors mostly cancel.</summary>
    public const double Units = 32;

    // What is measured along one line may be that much below the largest error.
    private const double Safety = 8;

    private const double Offset = 0.3;

    // Fourth differences remove what is smooth and leave the rounding errors, times the root of the sum of the squares of the weights.
    private static readonly double[] Weights = [1, -4, 6, -4, 1];
    private static readonly double Gain = Math.Sqrt(70);

    /// <summary>
    /// Measures by fourth differences along a random line, at spacings from a few units of rounding to where the smooth
    /// part would show: it sees what an objective cancels inside. Where the objective is not finite it sees nothing.
    /// </summary>
    /// <param name="objective">The objective.</param>
    /// <param name="point">All its blocks; not changed.</param>
    /// <param name="moving">The block that moves; null for all.</param>
    public static EvaluationRounding Measure<V>(IObjective<V> objective, IReadOnlyList<V> point, int? moving = null)
        where V : class, IVector<V>
    {
        int blocks = point.Count;
        double precision = point.Max(Precision.Of);
        V[] place = [.. point.Select(v => v.Copy())], gradients = [.. point.Select(v => v.ZerosLike())], sums = [.. point.Select(v => v.ZerosLike())];
        V[] lines = [.. point.Select((v, b) => Line(v, 3 + (ulong)b, 1 / (1 + (0.618 * b))))];
        var request = new PreparedRequest<V>(objective, [place], [.. gradients.Select((g, b) => new Output<V>(b, 0, g))], values: true);
        double[] measured = new double[blocks];
        double value = 0;
        for (double spacing = 8 * precision; spacing <= Math.Pow(precision, 0.27); spacing *= 64)
        {
            double valueSum = 0;
            foreach (var sum in sums) sum.Scale(0);
            for (int j = 0; j < Weights.Length; j++)
            {
                for (int b = 0; b < blocks; b++)
                {
                    if (moving is { } only && only != b) continue;
                    place[b].CopyFrom(point[b]);
                    place[b].AddScaled((j + Offset) * spacing, lines[b]);
                }

                request.Evaluate();
                valueSum += Weights[j] * request.Values[0];
                for (int b = 0; b < blocks; b++) sums[b].AddScaled(Weights[j], gradients[b]);
            }

            if (double.IsFinite(valueSum)) value = Math.Max(value, Math.Abs(valueSum));
            for (int b = 0; b < blocks; b++)
            {
                double norm = sums[b].Norm();
                if (double.IsFinite(norm)) measured[b] = Math.Max(measured[b], norm);
                else sums[b] = sums[b].ZerosLike();
            }
        }

        return new EvaluationRounding([.. measured.Select(m => Safety * m / Gain)], Safety * value / Gain);
    }

    // A random direction as long as the point; blocks move by different shares, for a homogeneous gradient stays zero along the point itself.
    private static V Line<V>(V point, ulong key, double share)
        where V : class, IVector<V>
    {
        var line = point.Copy();
        if (line is IFillable) RandomDirection.Fill(line, key);
        double norm = line.Norm(), size = point.Norm();
        if (norm > 0) line.Scale(share * (size > 0 ? size : 1) / norm);
        return line;
    }
}
