namespace Bilevel;

/// <summary>
/// Solves g_yy m = -f_y by conjugate gradients on differences of gradients, and keeps what is known of the errors.
/// </summary>
internal sealed class MultiplierBound<V>
    where V : class, IVector<V>
{
    // Units of rounding that a sum over data may accumulate; generous, since errors mostly cancel.
    private const double RoundingUnits = 32;

    private readonly V y, fy, multiplier;
    private readonly double third, smoothness, coupling, unit;
    private readonly PreparedRequest<V> atY;
    private readonly V gx, gy;
    private readonly GradientDifference<V> differences;

    /// <param name="lower">g.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="y">The lower level solved again.</param>
    /// <param name="fx">f_x there.</param>
    /// <param name="fy">f_y there.</param>
    /// <param name="third">Lg2.</param>
    /// <param name="smoothness">Lg1, the size of what cancels in g_y near its zero.</param>
    /// <param name="coupling">Bound on the norm of g_xy.</param>
    public MultiplierBound(IObjective<V> lower, V x, V y, V fx, V fy, double third, double smoothness, double coupling)
    {
        (this.y, this.fy, this.third, this.smoothness, this.coupling) = (y, fy, third, smoothness, coupling);
        unit = RoundingUnits * Precision.Of(y);
        multiplier = y.ZerosLike();
        (gx, gy) = (x.ZerosLike(), y.ZerosLike());
        atY = new(lower, [[x, y]], [new(BilevelProblem.X, 0, gx), new(BilevelProblem.Y, 0, gy)]);
        differences = new GradientDifference<V>(lower, x, y);
        Hypergradient = fx.Copy();
    }

    /// <summary>f_x + g_xy m.</summary>
    public V Hypergradient { get; }

    /// <summary>|f_y + g_yy m| by differences.</summary>
    public double Residual { get; private set; }

    /// <summary>Bound on what differences err in the residual.</summary>
    public double ResidualError { get; private set; }

    /// <summary>Bound on what differences err in g_xy m.</summary>
    public double MixedError { get; private set; }

    /// <summary>Smallest curvature v' g_yy v / |v|^2 met along the way.</summary>
    public double SmallestCurvature { get; private set; } = double.PositiveInfinity;

    /// <summary>Error of that curvature from differences.</summary>
    public double CurvatureError { get; private set; }

    /// <summary>Bound on the rounding error of g_y at y.</summary>
    public double GradientRounding => unit * smoothness * y.Norm();

    public void Solve(int limit, double tolerance)
    {
        atY.Evaluate();
        var residual = fy.Copy();
        residual.Scale(-1);
        var direction = residual.Copy();
        double square = residual.Dot(residual);
        for (int k = 0; k < limit && Math.Sqrt(square) > tolerance && square > 0; k++)
        {
            double h = Length(direction);
            var image = differences.HessianTimes(direction, h);
            double curvature = direction.Dot(image), length = direction.Dot(direction);
            if (curvature / length < SmallestCurvature)
            {
                SmallestCurvature = curvature / length;
                CurvatureError = Error(h, Math.Sqrt(length), smoothness, gy.Norm()) / Math.Sqrt(length);
            }

            if (!(curvature > 0)) break;
            double step = square / curvature;
            multiplier.AddScaled(step, direction);
            residual.AddScaled(-step, image);
            double next = residual.Dot(residual);
            direction.Scale(next / square);
            direction.AddScaled(1, residual);
            square = next;
        }

        // The residual that counts is formed anew, with one difference along m.
        double norm = multiplier.Norm();
        if (norm == 0)
        {
            Residual = fy.Norm();
            return;
        }

        double along = Length(multiplier);
        var left = differences.HessianTimes(multiplier, along);
        left.AddScaled(1, fy);
        Residual = left.Norm();
        ResidualError = Error(along, norm, smoothness, gy.Norm());
        Hypergradient.AddScaled(1, differences.MixedTimes(multiplier, along));
        MixedError = Error(along, norm, coupling, gx.Norm());
    }

    // h for (gradient(y + h v) - gradient(y - h v)) / 2h: truncation Lg2 h |v|^2 / 2 against rounding ~ size / h.
    private double Length(V v)
    {
        double norm = v.Norm(), size = y.Norm();
        double widest = Math.Max(1, size) / norm;
        return third > 0 ? Math.Min(widest, Math.Sqrt(2 * unit * Math.Max(smoothness, coupling) * Math.Max(size, 1e-3) / third) / norm) : widest;
    }

    private double Error(double h, double norm, double slope, double gradient) =>
        (third * h * norm * norm / 2) + (unit * ((slope * (y.Norm() + (h * norm))) + gradient) / h);
}
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
        first.Evaluate(new Request<V> { Points = request.Points, Blocks = request.Blocks, Sample = request.Sample, Weights = request.Weights, Gradients = mine, Values = values });
        for (int i = 0; i < mine.Length; i++) request.Gradients[i].Result.AddScaled(factor, scratch[i]);
        for (int i = 0; i < values.Length; i++) request.Values[i] += factor * values[i];
    }
}
