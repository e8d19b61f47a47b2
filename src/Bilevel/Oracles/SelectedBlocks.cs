namespace Bilevel;

/// <summary>An objective of few blocks as one of more, of which it uses only some; its gradient in the others is zero.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public sealed class SelectedBlocks<V> : IObjective<V>
    where V : class, IVector<V>
{
    private readonly IObjective<V> inner;
    private readonly int[] blocks;
    private V[] points = [];
    private Output<V>[] outputs = [];

    /// <summary>Makes the wider objective.</summary>
    /// <param name="inner">Who answers.</param>
    /// <param name="blocks">For each block of <paramref name="inner"/>, in order, the block of the wider objective that it is.</param>
    public SelectedBlocks(IObjective<V> inner, params int[] blocks)
    {
        ArgumentNullException.ThrowIfNull(inner);
        (this.inner, this.blocks) = (inner, [.. blocks]);
    }

    /// <inheritdoc/>
    public void Evaluate(in Request<V> request)
    {
        int count = request.PointCount, asked = 0;
        if (points.Length < count * blocks.Length) points = new V[count * blocks.Length];
        if (outputs.Length < request.Gradients.Length) outputs = new Output<V>[request.Gradients.Length];
        for (int p = 0; p < count; p++)
        {
            var point = request.Point(p);
            for (int b = 0; b < blocks.Length; b++) points[(p * blocks.Length) + b] = point[blocks[b]];
        }

        foreach (ref readonly var output in request.Gradients)
        {
            int block = Array.IndexOf(blocks, output.Block);
            if (block >= 0) outputs[asked++] = output with { Block = block };
            else Clear(output.Result);
        }

        inner.Evaluate(request.Rerouted(points.AsSpan(0, count * blocks.Length), blocks.Length, outputs.AsSpan(0, asked), request.Values));
    }

    // Scaling alone would keep a NaN or an infinity that the result holds on entry.
    private static void Clear(V result)
    {
        result.Scale(0);
        if (!result.IsFinite()) result.CopyFrom(result.ZerosLike());
    }
}
