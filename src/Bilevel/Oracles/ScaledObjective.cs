namespace Bilevel;

/// <summary>A unit of a vector: one number for all components, or one for each. With powers of two scaling is exact.</summary>
internal sealed class VectorUnit
{
    private readonly double uniform = 1;
    private readonly double[]? each;

    public VectorUnit(double uniform) => this.uniform = uniform;

    public VectorUnit(double[] each) => this.each = each;

    /// <summary>Whether nothing changes.</summary>
    public bool IsOne => each is null ? uniform == 1 : Array.TrueForAll(each, u => u == 1);

    /// <summary>The smallest and the largest of the units.</summary>
    public (double Least, double Most) Range => each is null || each.Length == 0 ? (uniform, uniform) : (each.Min(), each.Max());

    /// <summary>From units to plain numbers.</summary>
    public void Multiply<V>(V vector)
        where V : class, IVector<V>
    {
        if (each is null)
        {
            if (uniform != 1) vector.Scale(uniform);
            return;
        }

        switch (vector)
        {
            case DenseVector<double> dense:
                for (int i = 0; i < each.Length; i++) dense[i] *= each[i];
                break;
            case DenseVector<float> dense:
                for (int i = 0; i < each.Length; i++) dense[i] *= (float)each[i];
                break;
            default:
                throw new NotSupportedException($"Vectors of type {typeof(V).Name} cannot be scaled by component.");
        }
    }

    /// <summary>From plain numbers to units.</summary>
    public VectorUnit Inverse() => each is null ? new(1 / uniform) : new([.. each.Select(u => 1 / u)]);
}

/// <summary>An objective in other units: value over <paramref name="size"/> as a function of blocks over their units.</summary>
/// <param name="inner">The objective.</param>
/// <param name="units">The unit of every block.</param>
/// <param name="size">The unit of the value.</param>
internal sealed class ScaledObjective<V>(IObjective<V> inner, VectorUnit[] units, double size) : IObjective<V>
    where V : class, IVector<V>
{
    private V[] points = [];
    private V?[] scratch = [];

    /// <inheritdoc/>
    public void Evaluate(in Request<V> request)
    {
        if (points.Length < request.Points.Length) (points, scratch) = (new V[request.Points.Length], new V?[request.Points.Length]);
        for (int i = 0; i < request.Points.Length; i++) points[i] = Plain(request, i);
        inner.Evaluate(request.Rerouted(points.AsSpan(0, request.Points.Length), request.Blocks, request.Gradients, request.Values));
        foreach (ref readonly var output in request.Gradients)
        {
            units[output.Block].Multiply(output.Result);
            if (size != 1) output.Result.Scale(1 / size);
        }

        for (int p = 0; p < request.Values.Length; p++) request.Values[p] /= size;
    }

    // Points that share a block share its copy too: objectives recognise them by reference.
    private V Plain(in Request<V> request, int i)
    {
        var block = request.Points[i];
        int b = i % request.Blocks;
        if (units[b].IsOne || block.Length == 0) return block;
        for (int j = b; j < i; j += request.Blocks)
        {
            if (ReferenceEquals(request.Points[j], block)) return points[j];
        }

        if (scratch[i] is not { } copy || copy.Length != block.Length) scratch[i] = copy = block.ZerosLike();
        copy.CopyFrom(block);
        units[b].Multiply(copy);
        return copy;
    }
}
