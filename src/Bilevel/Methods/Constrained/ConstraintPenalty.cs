using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// The follower's objective with its constraints as a quadratic penalty, phi + mu |[c]_+|^2 (|c|^2 for equalities), over the
/// blocks (x1, z1, z2), of which z2 is not used. It is read off the Lagrangian g = phi + z2'c, whose gradient at
/// z2 = 2 mu [c]_+ is its own: one request for c at all points, and one for the gradients and values.
/// </summary>
internal sealed class ConstraintPenalty<V> : IObjective<V>
    where V : class, IVector<V>
{
    private readonly IObjective<V> lagrangian;
    private readonly Multipliers<V> multipliers;
    private readonly double sign;
    private readonly V none;
    private V[] points = [], estimates = [];              // the latter 2 mu [c]_+ at every point
    private Output<V>[] constraints = [], gradients = [];

    /// <summary>Makes the objective.</summary>
    /// <param name="problem">A problem with a constrained lower level.</param>
    /// <param name="like">A vector like its multipliers.</param>
    /// <param name="weight">mu.</param>
    public ConstraintPenalty(BilevelMinimaxProblem<V> problem, V like, double weight)
    {
        (lagrangian, multipliers, sign) = (problem.Lower, problem.LowerMultipliers!, problem.LowerSign);
        (Weight, none) = (weight, like.ZerosLike());
    }

    /// <summary>mu.</summary>
    public double Weight { get; set; }

    /// <inheritdoc/>
    public void Evaluate(in Request<V> request)
    {
        int count = request.PointCount;
        Grow(count, request.Gradients.Length);
        for (int p = 0; p < count; p++)
        {
            request.Point(p).CopyTo(points.AsSpan(p * LowerCount, LowerCount));
            points[(p * LowerCount) + Lower.Z2] = none;
        }

        Ask(request, constraints.AsSpan(0, count), default);
        for (int p = 0; p < count; p++)
        {
            estimates[p].Scale(sign);
            MultiplierCone.Project(multipliers, estimates[p]);
            estimates[p].Scale(2 * Weight);
            points[(p * LowerCount) + Lower.Z2] = estimates[p];
        }

        int asked = 0;
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block == Lower.Z2) output.Result.Scale(0);
            else gradients[asked++] = output;
        }

        Ask(request, gradients.AsSpan(0, asked), request.Values);

        // phi + 2 mu [c]_+'c is mu |[c]_+|^2 too much.
        for (int p = 0; p < request.Values.Length; p++) request.Values[p] -= sign * estimates[p].Dot(estimates[p]) / (4 * Weight);
    }

    private void Ask(in Request<V> request, ReadOnlySpan<Output<V>> outputs, Span<double> values) => lagrangian.Evaluate(request.Rerouted(points.AsSpan(0, request.PointCount * LowerCount), LowerCount, outputs, values));

    private void Grow(int count, int outputs)
    {
        if (gradients.Length < outputs) gradients = new Output<V>[outputs];
        if (estimates.Length >= count) return;
        points = new V[count * LowerCount];
        estimates = [.. Enumerable.Range(0, count).Select(_ => none.ZerosLike())];
        constraints = [.. estimates.Select((c, p) => new Output<V>(Lower.Z2, p, c))];
    }
}
