namespace Bilevel;

/// <summary>first * factor + second, answered with two passes.</summary>
internal sealed class WeightedSum<V>(IObjective<V> first, double factor, IObjective<V> second) : IObjective<V>
    where V : class, IVector<V>
{
    private V[] scratch = [];
    private double[] values = [];

    public void Evaluate(in Request<V> request)
    {
        second.Evaluate(request);
        if (scratch.Length != request.Gradients.Length) scratch = [.. request.Gradients.ToArray().Select(o => o.Result.ZerosLike())];
        if (values.Length != request.Values.Length) values = new double[request.Values.Length];
        var mine = new Output<V>[request.Gradients.Length];
        for (int i = 0; i < mine.Length; i++) mine[i] = request.Gradients[i] with { Result = scratch[i] };
        first.Evaluate(request.Rerouted(request.Points, request.Blocks, mine, values));
        for (int i = 0; i < mine.Length; i++) request.Gradients[i].Result.AddScaled(factor, scratch[i]);
        for (int i = 0; i < values.Length; i++) request.Values[i] += factor * values[i];
    }
}
