namespace Bilevel;

/// <summary>
/// Recursive gradient estimates (Cutkosky and Orabona's STORM; penalty methods, section 4.2):
/// e = G(new; s) + (1 - eta) ( e - G(old; s) ), the new and the old points in one request on one sample s. With weights
/// there is one estimate, of the weighted sum, formed sample by sample; without, one for every point.
/// </summary>
internal sealed class RecursiveEstimate<V>
    where V : class, IVector<V>
{
    private readonly PreparedRequest<V> fresh, recursive;
    private PreparedRequest<V> last;                 // which of the two was asked
    private readonly double[]? weights;
    private readonly V[] changes, old;

    /// <param name="objective">Whose gradients.</param>
    /// <param name="block">The block of variables to differentiate in.</param>
    /// <param name="points">The new points.</param>
    /// <param name="before">The old points, in the order of the new ones.</param>
    /// <param name="weights">One weight per point for the estimate of a sum.</param>
    /// <param name="values">Whether gradients come with values, for <see cref="Exists"/>.</param>
    public RecursiveEstimate(IObjective<V> objective, int block, V[][] points, V[][] before, double[]? weights = null, bool values = false)
    {
        this.weights = weights;
        int count = points.Length;
        Values = [.. points.Take(weights is null ? count : 1).Select(p => p[block].ZerosLike())];
        (changes, old) = (Values.ZeroBlocks(), Values.ZeroBlocks());
        if (weights is null)
        {
            fresh = new(objective, points, [.. Values.Select((r, i) => new Output<V>(block, i, r))], values: values);
            recursive = new(objective, [.. points, .. before], [.. changes.Select((r, i) => new Output<V>(block, i, r)), .. old.Select((r, i) => new Output<V>(block, count + i, r))], values: values);
        }
        else
        {
            fresh = new(objective, points, [new(block, Output.Combined, Values[0])], weights);
            recursive = new(objective, [.. points, .. before], [new(block, Output.Combined, changes[0])], [.. weights, .. weights]);
        }

        last = fresh;
    }

    /// <summary>The estimates after the last evaluation.</summary>
    public V[] Values { get; }

    /// <summary>Whether the values at the points of the last evaluation are finite, as far as they were asked for.</summary>
    public bool Exists
    {
        get
        {
            foreach (double value in last.Values)
            {
                if (!double.IsFinite(value)) return false;
            }

            return true;
        }
    }

    /// <summary>Goes on to the new points; with eta = 1 the old ones are not asked for.</summary>
    public void Evaluate(Sample sample, double eta)
    {
        last = eta == 1 ? fresh : recursive;
        if (eta == 1)
        {
            fresh.Evaluate(sample);
            return;
        }

        for (int i = 0; i < weights?.Length; i++) recursive.Weights[weights.Length + i] = -(1 - eta) * weights[i];
        recursive.Evaluate(sample);
        for (int i = 0; i < Values.Length; i++)
        {
            if (weights is null) Values[i].AddScaled(-1, old[i]);
            Values[i].Scale(1 - eta);
            Values[i].AddScaled(1, changes[i]);
        }
    }
}
