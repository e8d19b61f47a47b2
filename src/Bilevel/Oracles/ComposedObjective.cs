using System.Numerics;

namespace Bilevel;

/// <summary>A block of variables, or a run of its components.</summary>
/// <param name="Block">Index of the block.</param>
/// <param name="Offset">First component.</param>
/// <param name="Length">Number of components; -1 for the whole block.</param>
public readonly record struct BlockSlice(int Block, int Offset = 0, int Length = -1)
{
    /// <summary>Whether it is the whole block, whatever its length.</summary>
    public bool IsWhole => Length < 0;

    /// <summary>The whole block.</summary>
    public static implicit operator BlockSlice(int block) => new(block);
}

/// <summary>A term of a <see cref="ComposedObjective{T}"/>.</summary>
/// <typeparam name="T">double or float.</typeparam>
/// <param name="Weight">What the term is multiplied by.</param>
/// <param name="Objective">The objective.</param>
/// <param name="Blocks">For each of its blocks, in order, the slice of the composed objective's blocks that it is.</param>
public sealed record ObjectiveTerm<T>(double Weight, IObjective<DenseVector<T>> Objective, params IReadOnlyList<BlockSlice> Blocks)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>;

/// <summary>
/// A weighted sum of objectives, each over its own choice of blocks and slices of blocks: a Lagrangian, or followers whose
/// variables are laid end to end. Every term is asked once per request, for all its points, so that fused answers stay
/// fused; whole blocks are passed on without copying. Allocates nothing in the steady state.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed class ComposedObjective<T> : IObjective<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly Part[] parts;
    private readonly ScratchVectors<T> scratch = new();
    private bool[] written = [];

    /// <summary>Makes the sum.</summary>
    /// <param name="terms">The terms.</param>
    public ComposedObjective(params IReadOnlyList<ObjectiveTerm<T>> terms)
    {
        ArgumentNullException.ThrowIfNull(terms);
        parts = [.. terms.Select(t => new Part(t, scratch))];
    }

    /// <inheritdoc/>
    public void Evaluate(in Request<DenseVector<T>> request)
    {
        int outputs = request.Gradients.Length;
        if (written.Length < outputs) written = new bool[outputs];
        var done = written.AsSpan(0, outputs);
        done.Clear();
        request.Values.Clear();
        scratch.ReturnAll();
        foreach (var part in parts) part.AddTo(request, done);
        for (int i = 0; i < outputs; i++)
        {
            if (!done[i]) request.Gradients[i].Result.Span.Clear();
        }
    }

    private sealed class Part(ObjectiveTerm<T> term, ScratchVectors<T> scratch)
    {
        private readonly BlockSlice[] slices = [.. term.Blocks];
        private DenseVector<T>[] points = [];
        private Output<DenseVector<T>>[] outputs = [];
        private (int Output, int Offset)[] targets = [];      // where an answer goes; offset -1: it is there already
        private double[] values = [];

        public void AddTo(in Request<DenseVector<T>> request, Span<bool> written)
        {
            int asked = Prepare(request, written);
            var ofTerm = values.AsSpan(0, request.Values.Length);
            if (asked == 0 && ofTerm.IsEmpty) return;
            term.Objective.Evaluate(request.Rerouted(points.AsSpan(0, request.PointCount * slices.Length), slices.Length, outputs.AsSpan(0, asked), ofTerm));
            for (int p = 0; p < ofTerm.Length; p++) request.Values[p] += term.Weight * ofTerm[p];
            for (int k = 0; k < asked; k++)
            {
                var (output, offset) = targets[k];
                var (answer, result) = (outputs[k].Result, request.Gradients[output].Result);
                if (offset < 0)
                {
                    if (term.Weight != 1) answer.Scale(term.Weight);
                    continue;
                }

                if (!written[output]) result.Span.Clear();
                written[output] = true;
                AddScaled(T.CreateTruncating(term.Weight), answer.Span, result.Span.Slice(offset, answer.Length));
            }
        }

        private int Prepare(in Request<DenseVector<T>> request, Span<bool> written)
        {
            int count = request.PointCount, most = request.Gradients.Length * slices.Length, asked = 0;
            if (points.Length < count * slices.Length) points = new DenseVector<T>[count * slices.Length];
            if (values.Length < request.Values.Length) values = new double[request.Values.Length];
            if (outputs.Length < most) (outputs, targets) = (new Output<DenseVector<T>>[most], new (int, int)[most]);
            for (int p = 0; p < count; p++)
            {
                for (int b = 0; b < slices.Length; b++) points[(p * slices.Length) + b] = Take(request, p, b);
            }

            for (int i = 0; i < request.Gradients.Length; i++)
            {
                ref readonly var output = ref request.Gradients[i];
                for (int b = 0; b < slices.Length; b++)
                {
                    if (slices[b].Block != output.Block) continue;
                    bool direct = slices[b].IsWhole && !written[i];
                    written[i] |= direct;
                    outputs[asked] = new(b, output.Point, direct ? output.Result : scratch.Rent(slices[b].IsWhole ? output.Result.Length : slices[b].Length));
                    targets[asked++] = (i, direct ? -1 : slices[b].Offset);
                }
            }

            return asked;
        }

        // Points that share a block share its slice too: objectives recognise them by reference.
        private DenseVector<T> Take(in Request<DenseVector<T>> request, int p, int b)
        {
            var slice = slices[b];
            var block = request.Point(p)[slice.Block];
            if (slice.IsWhole) return block;
            for (int q = 0; q < p; q++)
            {
                if (ReferenceEquals(request.Point(q)[slice.Block], block)) return points[(q * slices.Length) + b];
            }

            var copy = scratch.Rent(slice.Length);
            block.Span.Slice(slice.Offset, slice.Length).CopyTo(copy.Span);
            return copy;
        }

        private static void AddScaled(T weight, ReadOnlySpan<T> from, Span<T> to) => System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(from, weight, to, to);
    }
}
