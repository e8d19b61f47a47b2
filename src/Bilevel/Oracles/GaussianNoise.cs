namespace Bilevel;

/// <summary>
/// Adds Gaussian noise to the gradients of an objective when a sample is asked for: the same noise at every point
/// of the same sample (so a difference on one sample is free of it), other noise for another sample or block.
/// Requests on all data pass unchanged.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
/// <param name="inner">Who answers.</param>
/// <param name="deviation">Standard deviation of every component for a sample of one data item; a sample of n has this over sqrt(n).</param>
public sealed class GaussianNoise<T>(IObjective<DenseVector<T>> inner, double deviation) : IObjective<DenseVector<T>>
    where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    public void Evaluate(in Request<DenseVector<T>> request)
    {
        inner.Evaluate(request);
        if (request.Sample.IsAll) return;
        double size = deviation / Math.Sqrt(request.Sample.Size);
        foreach (ref readonly var output in request.Gradients)
        {
            double factor = size;
            if (output.Point == Output.Combined)
            {
                double sum = 0;
                foreach (double weight in request.Weights) sum += weight;
                factor *= sum;
            }

            if (factor == 0) continue;
            ulong key = RandomBits.At(request.Sample.Key, (ulong)output.Block);
            for (int i = 0; i < output.Result.Length; i++) output.Result[i] += T.CreateTruncating(factor * RandomBits.Normal(key, (ulong)i));
        }
    }
}
