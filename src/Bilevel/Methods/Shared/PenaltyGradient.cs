namespace Bilevel;

/// <summary>
/// The estimate of the hypergradient that all penalty methods share (penalty methods, eq. GRAD):
/// f_x(x, y) + lambda ( g_x(x, y) - g_x(x, z) ), the difference formed in one request on one sample; or its mean with
/// its mirror image, ( f_x(x, y) + f_x(x, w) ) / 2 + lambda/2 ( g_x(x, y) - g_x(x, w) ).
/// </summary>
internal sealed class PenaltyGradient<V>
    where V : class, IVector<V>
{
    private readonly PreparedRequest<V> leader;      // f_x(x, y)
    private readonly PreparedRequest<V> difference;  // g_x(x, y) - g_x(x, z)
    private readonly PreparedRequest<V> atY, atZ;    // its two terms apart, for independent samples
    private readonly V gx, gz;
    private readonly bool isSymmetric;

    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="y">The copy of the lower variable on f + lambda g.</param>
    /// <param name="z">The copy on g.</param>
    /// <param name="values">Whether <see cref="Value"/> is wanted too.</param>
    public PenaltyGradient(BilevelProblem<V> problem, V x, V y, V z, bool values = false)
        : this(problem, x, y, z, values, isSymmetric: false)
    {
    }

    private PenaltyGradient(BilevelProblem<V> problem, V x, V y, V z, bool values, bool isSymmetric)
    {
        this.isSymmetric = isSymmetric;
        Direction = x.ZerosLike();
        (gx, gz) = (x.ZerosLike(), x.ZerosLike());
        leader = isSymmetric ? new(problem.Upper, [[x, y], [x, z]], [new(BilevelProblem.X, Output.Combined, Direction)], weights: [0.5, 0.5], values: values)
            : new(problem.Upper, [[x, y]], [new(BilevelProblem.X, 0, Direction)], values: values);
        difference = new(problem.Lower, [[x, y], [x, z]], [new(BilevelProblem.X, Output.Combined, gx)], weights: [1, -1], values: values);
        atY = new(problem.Lower, [[x, y]], [new(BilevelProblem.X, 0, gx)]);
        atZ = new(problem.Lower, [[x, z]], [new(BilevelProblem.X, 0, gz)]);
    }

    /// <summary>The mean of both sides, with values.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="y">The copy of the lower variable on g + f/lambda.</param>
    /// <param name="w">The copy on g - f/lambda.</param>
    public static PenaltyGradient<V> Symmetric(BilevelProblem<V> problem, V x, V y, V w) => new(problem, x, y, w, values: true, isSymmetric: true);

    /// <summary>The factor of the difference of g: lambda, or half of it in the mean of both sides.</summary>
    public double Weight(double penalty) => isSymmetric ? penalty / 2 : penalty;

    /// <summary>The estimate after the last evaluation.</summary>
    public V Direction { get; }

    /// <summary>Norm of g_x(x, y) - g_x(x, z) after the last evaluation on one sample.</summary>
    public double DifferenceNorm() => gx.Norm();

    /// <summary>The function whose gradient it is, f(x, y) + lambda ( g(x, y) - g(x, z) ) or the mean of both sides, after the last evaluation, where values were wanted.</summary>
    public double Value(double penalty) =>
        (isSymmetric ? (leader.Values[0] + leader.Values[1]) / 2 : leader.Values[0]) + (Weight(penalty) * (difference.Values[0] - difference.Values[1]));

    /// <summary>The size of what rounding leaves of <see cref="Value"/>, in units of the storage's precision.</summary>
    public double ValueSize(double penalty) => Math.Abs(leader.Values[0]) + (Weight(penalty) * (Math.Abs(difference.Values[0]) + Math.Abs(difference.Values[1])));

    /// <summary>Evaluates with both terms of g on the same sample.</summary>
    public void Evaluate(double penalty, Sample upper, Sample lower)
    {
        leader.Evaluate(upper);
        difference.Evaluate(lower);
        Direction.AddScaled(Weight(penalty), gx);
    }

    /// <summary>Evaluates with the terms of g on two samples, whose noise the factor lambda then multiplies.</summary>
    public void Evaluate(double penalty, Sample upper, Sample lowerAtY, Sample lowerAtZ)
    {
        leader.Evaluate(upper);
        atY.Evaluate(lowerAtY);
        atZ.Evaluate(lowerAtZ);
        Direction.AddScaled(penalty, gx);
        Direction.AddScaled(-penalty, gz);
    }
}
