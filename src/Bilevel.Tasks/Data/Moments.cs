namespace Bilevel.Tasks;

/// <summary>Mean, spread and range of numbers that come one at a time (Welford 1962; Chan, Golub and LeVeque 1979).</summary>
internal struct Moments()
{
    // A spread as small as this beside the numbers is their rounding.
    private const double Rounding = 1e-12;

    public long Count { get; private set; }

    public double Mean { get; private set; }

    public double Squares { get; private set; }

    public double Least { get; private set; } = double.PositiveInfinity;

    public double Greatest { get; private set; } = double.NegativeInfinity;

    /// <summary>Whether the numbers are the same, but for rounding.</summary>
    public readonly bool AreConstant => Greatest - Least <= Rounding * Math.Max(Math.Abs(Least), Math.Abs(Greatest));

    public static Moments Of(Moments one, Moments other)
    {
        if (other.Count == 0) return one;
        if (one.Count == 0) return other;
        long count = one.Count + other.Count;
        double difference = other.Mean - one.Mean;
        return new Moments
        {
            Count = count,
            Mean = one.Mean + (difference * other.Count / count),
            Squares = one.Squares + other.Squares + (difference * difference * one.Count * other.Count / count),
            Least = Math.Min(one.Least, other.Least),
            Greatest = Math.Max(one.Greatest, other.Greatest),
        };
    }

    /// <summary>Counts a number in the range alone.</summary>
    public void Extend(double value)
    {
        Count++;
        Least = Math.Min(Least, value);
        Greatest = Math.Max(Greatest, value);
    }

    public void Add(double value)
    {
        Extend(value);
        double difference = value - Mean;
        Mean += difference / Count;
        Squares += difference * (value - Mean);
    }

    /// <summary>The same with so many zeros more.</summary>
    public readonly Moments WithZeros(long count) =>
        count == 0 ? this : Of(this, new Moments { Count = count, Least = 0, Greatest = 0 });
}

/// <summary>
/// How a number becomes a feature: moved and scaled to mean 0 and deviation 1 over the training file, and kept within
/// <see cref="Beyond"/> times the distance from the mean that occurs there.
/// </summary>
/// <param name="Mean">What is subtracted.</param>
/// <param name="Scale">By what the difference is divided; above 0.</param>
/// <param name="Reach">The largest size of the result.</param>
internal readonly record struct FeatureScale(double Mean, double Scale, double Reach)
{
    /// <summary>Numbers of another file that are more than so many times as far from the mean as any of the training file are taken at that distance.</summary>
    public const double Beyond = 4;

    /// <summary>Numbers as they are.</summary>
    public static FeatureScale None { get; } = new(0, 1, double.PositiveInfinity);

    /// <summary>The scale of the numbers of a training file; null where it is not finite.</summary>
    public static FeatureScale? Of(in Moments moments)
    {
        if (moments.AreConstant) return new FeatureScale(moments.Least, 1, 0);
        double deviation = Math.Sqrt(moments.Squares / moments.Count);
        double reach = Beyond * Math.Max(moments.Greatest - moments.Mean, moments.Mean - moments.Least) / deviation;
        return double.IsFinite(moments.Mean) && double.IsFinite(reach) && deviation > 0 ? new FeatureScale(moments.Mean, deviation, reach) : null;
    }

    /// <summary>The feature of a number.</summary>
    public double At(double value) => Math.Clamp((value - Mean) / Scale, -Reach, Reach);

    /// <summary>Whether a number is farther from the mean than is taken.</summary>
    public bool IsBeyond(double value) => !(Math.Abs((value - Mean) / Scale) <= Reach);
}
