using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>Products with compressed rows; panels are features x columns.</summary>
/// <typeparam name="T">double or float.</typeparam>
internal sealed class SparseProducts<T>(FeatureRows<T> data, SampleRows<T> sample, int classes, int threads) : RowProducts<T>(data, sample, classes)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private FeatureBlocks<T>? blocks;

    public override int PanelLength => Data.FeatureCount * Columns;

    /// <summary>The same rows feature by feature; made when first asked for.</summary>
    public FeatureBlocks<T> Blocks => blocks ??= new FeatureBlocks<T>(Data, Math.Max(1, threads));

    public override void Load(int point, ReadOnlySpan<T> weights, int first, int end) =>
        PanelColumns<T>.Write(weights[(first * Classes)..(end * Classes)], Classes, Weights.Span[((first * Columns) + (point * Classes))..], Columns);

    public override void LoadBias(int point, ReadOnlySpan<T> bias) => bias.CopyTo(Weights.Span[(((Data.FeatureCount - 1) * Columns) + (point * Classes))..]);

    public override void Read(ReadOnlySpan<T> panel, int point, Span<T> result, int first, int end) =>
        PanelColumns<T>.Read(panel[((first * Columns) + (point * Classes))..], Columns, result[(first * Classes)..(end * Classes)], Classes);

    public override void Scores(int first, int count, Span<T> scores) =>
        RowKernels<T>.Combine(Sample.Starts[first], Ends(first, count), Sample.Features, Sample.Values, Weights.Span, scores, Columns);

    public override void AddGradient(int first, int count, ReadOnlySpan<T> slopes, Span<T> gradient) =>
        RowKernels<T>.AddOuter(Sample.Starts[first], Ends(first, count), Sample.Features, Sample.Values, slopes, gradient, Columns);

    private ReadOnlySpan<int> Ends(int first, int count) => Sample.Starts.Slice(first + 1, count);
}
