namespace Bilevel;

/// <summary>Bounds on the rounding errors of the two gradients of an objective at a point, as norms, and of its value.</summary>
/// <param name="X">Of the x-gradient.</param>
/// <param name="Y">Of the y-gradient.</param>
/// <param name="Value">Of the value.</param>
internal readonly record struct GradientRounding(double X, double Y, double Value)
{
    // Units of rounding that are granted whatever was measured.
    private const double Units = 4;

    // What is measured along one line may be that much below the largest error.
    private const double Safety = 8;

    private const double Offset = 0.3;

    // Fourth differences remove what is smooth and leave the rounding errors, times the root of the sum of the squares of the weights.
    private static readonly double[] Weights = [1, -4, 6, -4, 1];
    private static readonly double Gain = Math.Sqrt(70);

    /// <summary>
    /// The larger of a few units of rounding of the sizes involved and of what fourth differences of gradients and values
    /// along a random line show at spacings from a few units of rounding to where the smooth part would show; the latter
    /// sees what an objective cancels inside, and what a long sum adds up.
    /// </summary>
    /// <param name="objective">The objective.</param>
    /// <param name="x">The upper variable.</param>
    /// <param name="y">The lower variable.</param>
    /// <param name="slopeX">Bound on the mixed second derivative; 0 where none is known.</param>
    /// <param name="slopeY">Bound on the second derivative in y; 0 where none is known.</param>
    public static GradientRounding Of<V>(IObjective<V> objective, V x, V y, double slopeX, double slopeY)
        where V : class, IVector<V>
    {
        double precision = Precision.Of(y);
        V[] xs = new V[Weights.Length], ys = new V[Weights.Length], gx = new V[Weights.Length], gy = new V[Weights.Length];
        for (int j = 0; j < Weights.Length; j++) (xs[j], ys[j], gx[j], gy[j]) = (x.Copy(), y.Copy(), x.ZerosLike(), y.ZerosLike());
        var request = new PreparedRequest<V>(
            objective,
            [.. xs.Zip(ys, (a, b) => new[] { a, b })],
            [.. gx.Select((r, j) => new Output<V>(0, j, r)), .. gy.Select((r, j) => new Output<V>(1, j, r))],
            values: true);
        request.Evaluate();
        double measuredX = 0, measuredY = 0, measuredValue = 0, units = Units * precision, size = y.Norm();
        double modelX = units * ((slopeX * size) + gx[0].Norm()), modelY = units * ((slopeY * size) + gy[0].Norm()), modelValue = units * Math.Abs(request.Values[0]);

        // x moves by another share than y, for along (x, y) itself a homogeneous gradient would stay zero; and the points
        // lie to one side, for about a zero of the gradient the errors may be odd, which even weights do not see.
        V alongX = Line(x, 3), alongY = Line(y, 4);
        alongX.Scale(0.618);
        for (double spacing = 8 * precision; spacing <= Math.Pow(precision, 0.27); spacing *= 64)
        {
            for (int j = 0; j < Weights.Length; j++)
            {
                xs[j].CopyFrom(x);
                xs[j].AddScaled((j + Offset) * spacing, alongX);
                ys[j].CopyFrom(y);
                ys[j].AddScaled((j + Offset) * spacing, alongY);
            }

            request.Evaluate();
            double value = 0;
            for (int j = 0; j < Weights.Length; j++) value += Weights[j] * request.Values[j];
            measuredX = Larger(measuredX, FourthDifference(gx));
            measuredY = Larger(measuredY, FourthDifference(gy));
            measuredValue = Larger(measuredValue, Math.Abs(value) / Gain);
        }

        return new GradientRounding(Math.Max(modelX, Safety * measuredX), Math.Max(modelY, Safety * measuredY), Math.Max(modelValue, Safety * measuredValue));
    }

    // Where the objective is not finite nothing is seen.
    private static double Larger(double a, double b) => double.IsFinite(b) ? Math.Max(a, b) : a;

    private static double FourthDifference<V>(V[] gradients)
        where V : class, IVector<V>
    {
        gradients[0].Scale(Weights[0]);
        for (int j = 1; j < Weights.Length; j++) gradients[0].AddScaled(Weights[j], gradients[j]);
        return gradients[0].Norm() / Gain;
    }

    // A random direction as long as the point.
    private static V Line<V>(V point, ulong key)
        where V : class, IVector<V>
    {
        var line = point.Copy();
        if (line is IFillable) RandomDirection.Fill(line, key);
        double norm = line.Norm(), size = point.Norm();
        if (norm > 0) line.Scale((size > 0 ? size : 1) / norm);
        return line;
    }
}
