using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// g whose two players lean to the leader: g_z1 + w f_y1 and g_z2 - w f_y2, at a fixed x2. Where f sees one of the two blocks alone it is the
/// gradient of g + w f or of g - w f, which the value is.
/// </summary>
/// <param name="lower">g.</param>
/// <param name="upper">f.</param>
/// <param name="x2">x2.</param>
/// <param name="weight">w.</param>
/// <param name="ofFirst">Whether the value is that for z1.</param>
internal sealed class LeaningObjective<V>(IObjective<V> lower, IObjective<V> upper, V x2, double weight, bool ofFirst) : IObjective<V>
    where V : class, IVector<V>
{
    public void Evaluate(in Request<V> request)
    {
        lower.Evaluate(request);
        int count = request.PointCount;
        var points = new V[count * UpperCount];
        for (int p = 0; p < count; p++)
        {
            var at = request.Point(p);
            (points[p * UpperCount], points[(p * UpperCount) + X2], points[(p * UpperCount) + Y1], points[(p * UpperCount) + Y2]) = (at[Lower.X1], x2, at[Lower.Z1], at[Lower.Z2]);
        }

        var outputs = new Output<V>[request.Gradients.Length];
        for (int i = 0; i < outputs.Length; i++)
        {
            var output = request.Gradients[i];
            outputs[i] = new Output<V>(output.Block switch { Lower.X1 => X1, Lower.Z1 => Y1, _ => Y2 }, output.Point, output.Result.ZerosLike());
        }

        double[] values = new double[request.Values.Length];
        upper.Evaluate(request.Rerouted(points, UpperCount, outputs, values));
        for (int i = 0; i < outputs.Length; i++) request.Gradients[i].Result.AddScaled(request.Gradients[i].Block == Lower.Z2 ? -weight : weight, outputs[i].Result);
        for (int i = 0; i < values.Length; i++) request.Values[i] += (ofFirst ? weight : -weight) * values[i];
    }
}
