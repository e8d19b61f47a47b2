namespace Bilevel;

/// <summary>
/// The constants that step sizes and tolerances are computed from: those that the problem declares, and for the
/// others estimates from differences of gradients at the start. Estimates steer a method; no certificate uses them.
/// </summary>
/// <param name="LowerStrongConvexity">mu.</param>
/// <param name="LowerSmoothness">Lg1 in y.</param>
/// <param name="LowerCoupling">Bound on the norm of g_xy.</param>
/// <param name="UpperSmoothness">Lf1 in y.</param>
/// <param name="UpperCoupling">Bound on the norm of f_xy.</param>
/// <param name="StrongConvexityKnown">Whether mu was declared rather than estimated.</param>
public readonly record struct LocalConstants(
    double LowerStrongConvexity, double LowerSmoothness, double LowerCoupling, double UpperSmoothness, double UpperCoupling, bool StrongConvexityKnown)
{
    private const int PowerIterations = 20;
    private const double Safety = 1.2;

    /// <summary>Declared constants, completed by estimates at (x, y).</summary>
    public static LocalConstants Of<V>(BilevelProblem<V> problem, V x, V y)
        where V : class, IVector<V>
    {
        var known = problem.Constants;
        double lowerSmoothness = known.LowerSmoothness ?? Safety * LargestCurvature(problem.Lower, x, y);
        double upperSmoothness = known.UpperSmoothness ?? Safety * LargestCurvature(problem.Upper, x, y);
        double mu = known.LowerStrongConvexity ?? SmallestCurvature(problem.Lower, x, y, lowerSmoothness);
        return new LocalConstants(
            mu,
            lowerSmoothness > 0 ? lowerSmoothness : 1,
            known.LowerCoupling ?? Safety * LargestCoupling(problem.Lower, x, y),
            upperSmoothness,
            known.UpperCoupling ?? Safety * LargestCoupling(problem.Upper, x, y),
            known.LowerStrongConvexity is not null);
    }

    /// <summary>Saves or loads the constants.</summary>
    public static void Transfer(IArchive archive, ref LocalConstants constants)
    {
        double mu = constants.LowerStrongConvexity, lg = constants.LowerSmoothness, lc = constants.LowerCoupling, lf = constants.UpperSmoothness, uc = constants.UpperCoupling;
        bool known = constants.StrongConvexityKnown;
        archive.Transfer("mu", ref mu);
        archive.Transfer("lower smoothness", ref lg);
        archive.Transfer("lower coupling", ref lc);
        archive.Transfer("upper smoothness", ref lf);
        archive.Transfer("upper coupling", ref uc);
        archive.Transfer("mu known", ref known);
        constants = new LocalConstants(mu, lg, lc, lf, uc, known);
    }

    /// <summary>Estimates the norm of the Hessian in y by power iteration on differences of y-gradients.</summary>
    public static double LargestCurvature<V>(IObjective<V> objective, V x, V y)
        where V : class, IVector<V>
    {
        var hessian = new GradientDifference<V>(objective, x, y);
        return hessian.PowerIteration(PowerIterations, shift: 0);
    }

    /// <summary>Estimates the smallest eigenvalue of the Hessian in y, at least a millionth of <paramref name="largest"/>.</summary>
    public static double SmallestCurvature<V>(IObjective<V> objective, V x, V y, double largest)
        where V : class, IVector<V>
    {
        var hessian = new GradientDifference<V>(objective, x, y);
        double shifted = hessian.PowerIteration(2 * PowerIterations, shift: largest);
        return Math.Max((largest - shifted) / Safety, 1e-6 * largest);
    }

    private static double LargestCoupling<V>(IObjective<V> objective, V x, V y)
        where V : class, IVector<V>
    {
        var mixed = new GradientDifference<V>(objective, x, y);
        return mixed.CouplingNorm(PowerIterations / 2);
    }
}

/// <summary>Second derivatives along a direction from central differences of gradients.</summary>
internal sealed class GradientDifference<V>
    where V : class, IVector<V>
{
    private readonly V x, y, shifted, mirrored, shiftedX, mirroredX;
    private readonly PreparedRequest<V> yAlongY, xAlongY, yAlongX;
    private readonly V yResult, xResult;
    private readonly double relativeStep;

    public GradientDifference(IObjective<V> objective, V x, V y)
    {
        (this.x, this.y) = (x, y);
        (shifted, mirrored, yResult) = (y.ZerosLike(), y.ZerosLike(), y.ZerosLike());
        (shiftedX, mirroredX, xResult) = (x.ZerosLike(), x.ZerosLike(), x.ZerosLike());
        yAlongY = new(objective, [[x, shifted], [x, mirrored]], [new(BilevelProblem.Y, Output.Combined, yResult)], [1, -1]);
        xAlongY = new(objective, [[x, shifted], [x, mirrored]], [new(BilevelProblem.X, Output.Combined, xResult)], [1, -1]);
        yAlongX = new(objective, [[shiftedX, y], [mirroredX, y]], [new(BilevelProblem.Y, Output.Combined, yResult)], [1, -1]);
        relativeStep = Math.Cbrt(Precision.Of(y));
    }

    /// <summary>H v with H the Hessian in y; the result is overwritten by the next call.</summary>
    public V HessianTimes(V v, double? length = null)
    {
        double h = PlaceY(v, length);
        yAlongY.Evaluate();
        yResult.Scale(1 / (2 * h));
        return yResult;
    }

    /// <summary>The mixed derivative in x and y times a direction of y; the result is overwritten by the next call.</summary>
    public V MixedTimes(V v, double? length = null)
    {
        double h = PlaceY(v, length);
        xAlongY.Evaluate();
        xResult.Scale(1 / (2 * h));
        return xResult;
    }

    public double PowerIteration(int iterations, double shift)
    {
        var v = y.ZerosLike();
        RandomDirection.Fill(v, key: 1);
        double value = 0;
        for (int i = 0; i < iterations; i++)
        {
            double norm = v.Norm();
            if (!(norm > 0)) return 0;
            v.Scale(1 / norm);
            var image = HessianTimes(v);
            if (shift != 0)
            {
                image.Scale(-1);
                image.AddScaled(shift, v);
            }

            value = image.Norm();
            v.CopyFrom(image);
        }

        return value;
    }

    public double CouplingNorm(int iterations)
    {
        var v = y.ZerosLike();
        RandomDirection.Fill(v, key: 2);
        double value = 0;
        for (int i = 0; i < iterations; i++)
        {
            double norm = v.Norm();
            if (!(norm > 0)) return 0;
            v.Scale(1 / norm);
            var u = MixedTimes(v);
            value = u.Norm();
            if (!(value > 0)) return 0;
            double h = relativeStep * (1 + x.Norm()) / value;
            shiftedX.CopyFrom(x);
            shiftedX.AddScaled(h, u);
            mirroredX.CopyFrom(x);
            mirroredX.AddScaled(-h, u);
            yAlongX.Evaluate();
            v.CopyFrom(yResult);
        }

        return value;
    }

    private double PlaceY(V v, double? length)
    {
        double norm = v.Norm();
        double h = length ?? (norm > 0 ? relativeStep * (1 + y.Norm()) / norm : relativeStep);
        shifted.CopyFrom(y);
        shifted.AddScaled(h, v);
        mirrored.CopyFrom(y);
        mirrored.AddScaled(-h, v);
        return h;
    }
}

/// <summary>The rounding unit of a vector's storage.</summary>
internal static class Precision
{
    public static double Of<V>(V vector) => vector is IStorable { Storage: "float32" } ? 1.2e-7 : 2.2e-16;
}

/// <summary>A direction with random components, where the vector type lets them be set.</summary>
internal static class RandomDirection
{
    public static void Fill<V>(V vector, ulong key)
        where V : class, IVector<V>
    {
        if (vector is not IFillable fillable)
            throw new NotSupportedException($"Vectors of type {typeof(V).Name} cannot be filled with random numbers: implement {nameof(IFillable)}, or declare the constants of the problem.");
        fillable.Fill(i => RandomBits.Normal(key, (ulong)i));
    }
}
