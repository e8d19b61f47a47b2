namespace Bilevel.Gauntlet;

/// <summary>A function of one variable, smooth to any order, with the largest absolute values of its second to fourth derivatives.</summary>
/// <param name="Kind">Which.</param>
internal readonly record struct Curve(CurveKind Kind)
{
    /// <summary>sup |phi''|.</summary>
    public double Second => Kind == CurveKind.SoftPlus ? 0.25 : 1;

    /// <summary>sup |phi'''|.</summary>
    public double Third => Kind switch
    {
        CurveKind.LogCosh => 4 / (3 * Math.Sqrt(3)),
        CurveKind.Root => 1.5 * Math.Pow(1.25, -2.5),
        CurveKind.SoftPlus => 1 / (6 * Math.Sqrt(3)),
        _ => 1,
    };

    /// <summary>sup |phi''''|.</summary>
    public double Fourth => Kind switch { CurveKind.LogCosh => 2, CurveKind.Root => 3, CurveKind.SoftPlus => 0.125, _ => 1 };

    /// <summary>Whether phi is convex.</summary>
    public bool IsConvex => Kind != CurveKind.Cosine;

    /// <summary>phi(t).</summary>
    public double Value(double t) => Kind switch
    {
        CurveKind.LogCosh => Math.Abs(t) + Math.Log(1 + Math.Exp(-2 * Math.Abs(t))) - Math.Log(2),
        CurveKind.Root => Math.Sqrt(1 + (t * t)),
        CurveKind.SoftPlus => Math.Max(t, 0) + Math.Log(1 + Math.Exp(-Math.Abs(t))),
        _ => Math.Cos(t),
    };

    /// <summary>phi'(t).</summary>
    public double First(double t) => Kind switch
    {
        CurveKind.LogCosh => Math.Tanh(t),
        CurveKind.Root => t / Math.Sqrt(1 + (t * t)),
        CurveKind.SoftPlus => Sigmoid(t),
        _ => -Math.Sin(t),
    };

    /// <summary>phi''(t).</summary>
    public double SecondAt(double t) => Kind switch
    {
        CurveKind.LogCosh => 4 * Sigmoid(2 * t) * Sigmoid(-2 * t),
        CurveKind.Root => Math.Pow(1 + (t * t), -1.5),
        CurveKind.SoftPlus => Sigmoid(t) * Sigmoid(-t),
        _ => -Math.Cos(t),
    };

    private static double Sigmoid(double t) => t >= 0 ? 1 / (1 + Math.Exp(-t)) : Math.Exp(t) / (1 + Math.Exp(t));
}

/// <summary>The functions of one variable.</summary>
internal enum CurveKind
{
    /// <summary>log cosh t.</summary>
    LogCosh,

    /// <summary>sqrt(1 + t^2).</summary>
    Root,

    /// <summary>log(1 + e^t).</summary>
    SoftPlus,

    /// <summary>cos t, the one that is not convex.</summary>
    Cosine,
}
