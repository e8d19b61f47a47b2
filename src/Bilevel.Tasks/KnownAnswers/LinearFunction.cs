using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>The linear function that has these coefficients in each of its blocks.</summary>
internal sealed class LinearFunction(params double[][] coefficients) : IObjective<DenseVector<double>>
{
    public void Evaluate(in Request<DenseVector<double>> request)
    {
        double total = 0;
        foreach (double weight in request.Weights) total += weight;
        foreach (ref readonly var output in request.Gradients)
        {
            coefficients[output.Block].CopyTo(output.Result.Span);
            if (output.Point == Output.Combined) output.Result.Scale(total);
        }

        for (int p = 0; p < request.Values.Length; p++)
        {
            double sum = 0;
            for (int b = 0; b < coefficients.Length; b++) sum += TensorPrimitives.Dot<double>(coefficients[b], request.Point(p)[b].Span);
            request.Values[p] = sum;
        }
    }
}
