namespace Bilevel;

/// <summary>The directions in which y may move: all, or those of a face of its set.</summary>
internal interface ISubspace<V>
    where V : class, IVector<V>
{
    /// <summary>How far y may move in it without leaving the set.</summary>
    double Room { get; }

    /// <summary>Replaces a vector by its nearest in the subspace.</summary>
    void Restrict(V vector);
}

/// <summary>An objective whose y-gradients are restricted to a subspace: the same as a function on a face.</summary>
internal sealed class RestrictedObjective<V>(IObjective<V> inner, ISubspace<V> subspace) : IObjective<V>
    where V : class, IVector<V>
{
    public void Evaluate(in Request<V> request)
    {
        inner.Evaluate(request);
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block == BilevelProblem.Y) subspace.Restrict(output.Result);
        }
    }
}
