namespace Bilevel;

/// <summary>
/// Asks an objective the same question several ways, into vectors that hold other numbers beforehand: a gradient that is left
/// unwritten, is added to what was there, or depends on what else is asked, shows.
/// </summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="name">The objective in words.</param>
/// <param name="objective">The objective.</param>
/// <param name="blocks">Names of its blocks.</param>
internal sealed class OutputCheck<V>(string name, IObjective<V> objective, IReadOnlyList<string> blocks)
    where V : class, IVector<V>
{
    // Unlikely sizes and of either sign; what stays of their difference was not overwritten.
    private static readonly double[] Markers = [0.7548776662, -0.5698402910];

    private const double Remains = 1e-3;

    private static readonly double[] Weights = [0.7, -1.3];

    private Finding? changed;

    /// <summary>What is to be said of an objective that changes the points that it is asked at; null where it does not.</summary>
    /// <param name="name">The objective in words.</param>
    /// <param name="blocks">Names of its blocks.</param>
    /// <param name="asked">The vectors that it was given.</param>
    /// <param name="point">What they held.</param>
    internal static Finding? ChangedInput(string name, IReadOnlyList<string> blocks, V[] asked, V[] point)
    {
        for (int b = 0; b < point.Length; b++)
        {
            var difference = asked[b].Copy();
            difference.AddScaled(-1, point[b]);
            double norm = difference.Norm();
            if (norm == 0 || !point[b].IsFinite()) continue;
            return new Finding(
                Severity.Error,
                FormattableString.Invariant($"The {name} changed its input block {blocks[b]} (by {norm:G3} in norm) when it was asked for values and gradients."),
                "Leave the inputs as they are and write into the result alone: the same vectors are used by others. Work on a copy, such as x.Copy(), where one is needed.");
        }

        return null;
    }

    /// <summary>What is wrong, block by block; nothing where vectors cannot be filled.</summary>
    /// <param name="at">A point at which all is finite.</param>
    /// <param name="elsewhere">Another one.</param>
    public IEnumerable<Finding> Find(V[] at, V[] elsewhere)
    {
        if (at.Any(v => v is not IFillable)) yield break;
        V[] alone = [.. at.Select(v => v.ZerosLike())];
        bool[] bad = new bool[at.Length];
        for (int b = 0; b < at.Length; b++)
        {
            if (at[b].Length == 0) continue;
            var (first, _, isWritten) = Ask([at], [], b);
            if (changed is not null) break;
            alone[b] = first[b];
            if (isWritten[b]) continue;
            bad[b] = true;
            yield return NotOverwritten(b, "");
        }

        if (changed is null) Ask([elsewhere], [], null);
        if (changed is not null) yield return changed;
        if (changed is not null || bad.Any(b => b)) yield break;
        var (together, values, written) = Ask([at], [], null);
        if (values) yield return new Finding(Severity.Error, $"The value of the {name} changes when it is asked twice.", "Set the value, in place of adding to it, and keep nothing between questions.");
        for (int b = 0; b < at.Length; b++)
        {
            if (at[b].Length == 0) continue;
            if (!written[b]) yield return NotOverwritten(b, " when all blocks are asked for together");
            else if (Apart(together[b], alone[b]) is { } apart) yield return new Finding(Severity.Error, FormattableString.Invariant($"The gradient of the {name} in {blocks[b]} depends on what else is asked for: with all blocks it differs by {apart:G3} from that asked for alone."), "Answer every output of a request by itself, from the request's own points.");
        }

        V[][] parts = [alone, PartsAt(elsewhere)];
        if (written.Contains(false) || parts[1].Any(p => !p.IsFinite())) yield break;
        var (combined, _, combinedWritten) = Ask([at, elsewhere], Weights, null);
        for (int b = 0; b < at.Length; b++)
        {
            if (at[b].Length == 0) continue;
            var sum = at[b].ZerosLike();
            for (int p = 0; p < parts.Length; p++) sum.AddScaled(Weights[p], parts[p][b]);
            if (!combinedWritten[b]) yield return NotOverwritten(b, " in a combined answer over two points");
            else if (Apart(combined[b], sum, parts[0][b].Norm() + parts[1][b].Norm()) is { } apart) yield return new Finding(Severity.Error, FormattableString.Invariant($"The combined gradient of the {name} in {blocks[b]} differs by {apart:G3} from the weighted sum of the gradients at its points."), "Answer outputs over all points by the sum of weight times gradient, or derive from PointObjective, which does.");
        }
    }

    private Finding NotOverwritten(int block, string when) => new(
        Severity.Error,
        $"The gradient of the {name} in {blocks[block]} is not overwritten{when}: what its result held before shows in it.",
        "Write every component of the result, with = in place of +=; results come with the numbers of earlier questions in them.");

    private V[] PartsAt(V[] point)
    {
        V[] results = [.. point.Select(v => v.ZerosLike())];
        new PreparedRequest<V>(objective, [point], [.. results.Select((r, b) => new Output<V>(b, 0, r))]).Evaluate();
        return results;
    }

    // Asks twice with different numbers in the results; at one point, or combined over several.
    private (V[] Results, bool ValuesChange, bool[] Written) Ask(V[][] points, double[] weights, int? only)
    {
        int point = weights.Length > 0 ? Output.Combined : 0;
        V[] results = [.. points[0].Select(v => v.ZerosLike())];
        Output<V>[] outputs = [.. results.Select((r, b) => new Output<V>(b, point, r)).Where(o => only is null || o.Block == only)];
        V[][] asked = [.. points.Select(p => p.CopyBlocks())];
        var request = new PreparedRequest<V>(objective, asked, outputs, weights, values: only is null);
        request.Evaluate();
        for (int p = 0; p < points.Length; p++) changed ??= ChangedInput(name, blocks, asked[p], points[p]);
        double[] sizes = [.. results.Select(r => 1 + (r.Norm() / Math.Sqrt(Math.Max(1, r.Length))))];
        double[] before = [.. request.Values];
        V[][] answers = [[], []];
        for (int m = 0; m < Markers.Length; m++)
        {
            foreach (var output in outputs) ((IFillable)output.Result).Fill(_ => Markers[m] * sizes[output.Block]);
            request.Evaluate();
            answers[m] = [.. results.Select(r => r.Copy())];
        }

        bool[] written = new bool[results.Length];
        for (int b = 0; b < results.Length; b++)
        {
            var difference = answers[1][b].Copy();
            difference.AddScaled(-1, answers[0][b]);
            written[b] = !(difference.Norm() > Remains * sizes[b] * (Markers[0] - Markers[1]));
        }

        bool change = false;
        for (int p = 0; p < before.Length; p++) change |= Math.Abs(request.Values[p] - before[p]) > 1e-6 * Math.Abs(before[p]);
        return (answers[1], change, written);
    }

    // How far two answers are apart where that is more than rounding.
    private static double? Apart(V one, V other, double size = 0)
    {
        var difference = one.Copy();
        difference.AddScaled(-1, other);
        double apart = difference.Norm(), allowed = Math.Max(1e-7, 3e3 * Precision.Of(one)) * Math.Max(size, other.Norm());
        return apart > allowed ? apart : null;
    }
}
