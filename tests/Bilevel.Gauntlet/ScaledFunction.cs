using System.Numerics.Tensors;
using Bilevel.Tasks;

namespace Bilevel.Gauntlet;

/// <summary>
/// q(u, w) = w'Ww/2 + w'Mu + u'Uu/2 + a'u + b'w + sum_i c_i phi_i(p_i'w + d_i'u + t_i), with its second derivatives: f and g of a
/// problem of the gauntlet before their units.
/// </summary>
internal sealed record ScaledFunction
{
    /// <summary>W, symmetric.</summary>
    public required Matrix W { get; init; }

    /// <summary>M, rows by w and columns by u.</summary>
    public required Matrix M { get; init; }

    /// <summary>U, symmetric.</summary>
    public required Matrix U { get; init; }

    /// <summary>a.</summary>
    public required double[] LinearU { get; init; }

    /// <summary>b.</summary>
    public required double[] LinearW { get; init; }

    /// <summary>The terms of one variable.</summary>
    public required Ridge[] Ridges { get; init; }

    /// <summary>Number of components of u.</summary>
    public int SizeU => U.Rows;

    /// <summary>Number of components of w.</summary>
    public int SizeW => W.Rows;

    /// <summary>q.</summary>
    public double Value(ReadOnlySpan<double> u, ReadOnlySpan<double> w)
    {
        double sum = TensorPrimitives.Dot(LinearU, u) + TensorPrimitives.Dot(LinearW, w);
        for (int i = 0; i < SizeW; i++) sum += w[i] * ((TensorPrimitives.Dot(W.Row(i), w) / 2) + TensorPrimitives.Dot(M.Row(i), u));
        for (int i = 0; i < SizeU; i++) sum += u[i] * TensorPrimitives.Dot(U.Row(i), u) / 2;
        foreach (var ridge in Ridges) sum += ridge.Weight * ridge.Curve.Value(ridge.At(u, w));
        return sum;
    }

    /// <summary>q_w.</summary>
    public void GradientW(ReadOnlySpan<double> u, ReadOnlySpan<double> w, Span<double> result)
    {
        LinearW.CopyTo(result);
        W.AddTimes(1, w, result);
        M.AddTimes(1, u, result);
        foreach (var ridge in Ridges) TensorPrimitives.MultiplyAdd(ridge.P, ridge.Weight * ridge.Curve.First(ridge.At(u, w)), result, result);
    }

    /// <summary>q_u.</summary>
    public void GradientU(ReadOnlySpan<double> u, ReadOnlySpan<double> w, Span<double> result)
    {
        LinearU.CopyTo(result);
        U.AddTimes(1, u, result);
        M.AddTransposeTimes(1, w, result);
        foreach (var ridge in Ridges) TensorPrimitives.MultiplyAdd(ridge.D, ridge.Weight * ridge.Curve.First(ridge.At(u, w)), result, result);
    }

    /// <summary>q_ww.</summary>
    public Matrix HessianW(ReadOnlySpan<double> u, ReadOnlySpan<double> w)
    {
        var hessian = W.Times(1);
        foreach (var ridge in Ridges) hessian.AddOuter(ridge.Weight * ridge.Curve.SecondAt(ridge.At(u, w)), ridge.P);
        return hessian;
    }

    /// <summary>q_wu, rows by w and columns by u.</summary>
    public Matrix HessianMixed(ReadOnlySpan<double> u, ReadOnlySpan<double> w)
    {
        var mixed = M.Times(1);
        foreach (var ridge in Ridges)
        {
            double factor = ridge.Weight * ridge.Curve.SecondAt(ridge.At(u, w));
            for (int i = 0; i < SizeW; i++) TensorPrimitives.MultiplyAdd(ridge.D, factor * ridge.P[i], mixed.Row(i), mixed.Row(i));
        }

        return mixed;
    }

    /// <summary>Bounds on the derivatives that hold everywhere.</summary>
    public DerivativeBounds Bounds()
    {
        Matrix ww = new(SizeW, SizeW), uu = new(SizeU, SizeU), wu = new(SizeW, SizeU), third = new(SizeW, SizeW), thirdU = new(SizeU, SizeU), fourth = new(SizeW, SizeW), fourthU = new(SizeU, SizeU);
        double p = 0, d = 0;
        bool convex = true;
        foreach (var ridge in Ridges)
        {
            double c = Math.Abs(ridge.Weight);
            convex &= ridge.Curve.IsConvex && ridge.Weight >= 0;
            ww.AddOuter(c * ridge.Curve.Second, ridge.P);
            uu.AddOuter(c * ridge.Curve.Second, ridge.D);
            for (int i = 0; i < SizeW; i++) TensorPrimitives.MultiplyAdd(ridge.D, c * ridge.Curve.Second * ridge.P[i], wu.Row(i), wu.Row(i));
            third.AddOuter(c * ridge.Curve.Third, ridge.P);
            thirdU.AddOuter(c * ridge.Curve.Third, ridge.D);
            fourth.AddOuter(c * ridge.Curve.Fourth, ridge.P);
            fourthU.AddOuter(c * ridge.Curve.Fourth, ridge.D);
            (p, d) = (Math.Max(p, TensorPrimitives.Norm(ridge.P)), Math.Max(d, TensorPrimitives.Norm(ridge.D)));
        }

        // Where all phi'' lie in [0, sup], sum c phi'' p d' lies within half of (sum c sup p p', sum c sup d d') around its middle.
        double spread = Math.Sqrt(Largest(ww) * Largest(uu));
        double mixed = convex ? M.Plus(0.5, wu).SpectralNorm() + (spread / 2) : M.SpectralNorm() + spread;
        double third1 = Largest(third), fourth1 = Largest(fourth);
        return new DerivativeBounds(
            Least: SymmetricEigenvalues.Of(W)[0],
            WW: Largest(W.Plus(1, ww)),
            UU: Largest(U.Plus(1, uu)),
            WU: mixed,
            WWW: third1 * p,
            WWU: Math.Min(p * Math.Sqrt(third1 * Largest(thirdU)), d * third1),
            WWWW: fourth1 * p * p,
            WWWU: Math.Min(p * p * Math.Sqrt(fourth1 * Largest(fourthU)), p * d * fourth1));
    }

    private static double Largest(Matrix symmetric) => Math.Max(0, SymmetricEigenvalues.Of(symmetric)[^1]);
}

/// <summary>c phi(p'w + d'u + t).</summary>
/// <param name="Curve">phi.</param>
/// <param name="Weight">c.</param>
/// <param name="P">p.</param>
/// <param name="D">d.</param>
/// <param name="Shift">t.</param>
internal sealed record Ridge(Curve Curve, double Weight, double[] P, double[] D, double Shift)
{
    /// <summary>p'w + d'u + t.</summary>
    public double At(ReadOnlySpan<double> u, ReadOnlySpan<double> w) => TensorPrimitives.Dot(P, w) + TensorPrimitives.Dot(D, u) + Shift;
}

/// <summary>Bounds on the norms of derivatives, named by the variables; <paramref name="Least"/> is the least eigenvalue of W, a modulus of convexity in w where all terms of one variable are convex.</summary>
internal readonly record struct DerivativeBounds(double Least, double WW, double UU, double WU, double WWW, double WWU, double WWWW, double WWWU);

/// <summary>A scaled function in the problem's units: s q(x / s_x - c_x, y / s_y - c_y).</summary>
/// <param name="function">q.</param>
/// <param name="scale">s.</param>
/// <param name="units">The units of x and y.</param>
internal sealed class ScaledObjective(ScaledFunction function, double scale, Units units) : PointObjective<DenseVector<double>>
{
    private readonly double[] u = new double[function.SizeU], w = new double[function.SizeW];

    /// <inheritdoc/>
    protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
    {
        Read(point);
        return scale * function.Value(u, w);
    }

    /// <inheritdoc/>
    protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
    {
        Read(point);
        if (block == BilevelProblem.X) function.GradientU(u, w, result.Span);
        else function.GradientW(u, w, result.Span);
        TensorPrimitives.Multiply(result.Span, scale / (block == BilevelProblem.X ? units.X : units.Y), result.Span);
    }

    private void Read(ReadOnlySpan<DenseVector<double>> point)
    {
        units.ReadX(point[BilevelProblem.X].Span, u);
        units.ReadY(point[BilevelProblem.Y].Span, w);
    }
}

/// <summary>x = s_x (u + c_x), y = s_y (w + c_y).</summary>
/// <param name="X">s_x.</param>
/// <param name="Y">s_y.</param>
/// <param name="CentreX">c_x.</param>
/// <param name="CentreY">c_y.</param>
internal sealed record Units(double X, double Y, double[] CentreX, double[] CentreY)
{
    /// <summary>u from x.</summary>
    public void ReadX(ReadOnlySpan<double> x, Span<double> u)
    {
        for (int i = 0; i < u.Length; i++) u[i] = (x[i] / X) - CentreX[i];
    }

    /// <summary>w from y.</summary>
    public void ReadY(ReadOnlySpan<double> y, Span<double> w)
    {
        for (int i = 0; i < w.Length; i++) w[i] = (y[i] / Y) - CentreY[i];
    }

    /// <summary>u from x.</summary>
    public double[] ToU(DenseVector<double> x)
    {
        var u = new double[x.Length];
        ReadX(x.Span, u);
        return u;
    }

    /// <summary>w from y.</summary>
    public double[] ToW(DenseVector<double> y)
    {
        var w = new double[y.Length];
        ReadY(y.Span, w);
        return w;
    }

    /// <summary>x from u.</summary>
    public DenseVector<double> ToX(double[] u) => new([.. u.Select((v, i) => X * (v + CentreX[i]))]);

    /// <summary>y from w.</summary>
    public DenseVector<double> ToY(double[] w) => new([.. w.Select((v, i) => Y * (v + CentreY[i]))]);
}
