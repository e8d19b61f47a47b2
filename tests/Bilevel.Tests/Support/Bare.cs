namespace Bilevel.Tests;

/// <summary>A vector of one component with the six operations and nothing else.</summary>
internal sealed class Bare : IVector<Bare>
{
    public double Component { get; set; }

    public int Length => 1;

    public Bare ZerosLike() => new();

    public void CopyFrom(Bare source) => Component = source.Component;

    public void Scale(double factor) => Component *= factor;

    public void AddScaled(double factor, Bare direction) => Component += factor * direction.Component;

    public double Dot(Bare other) => Component * other.Component;
}

/// <summary>(x^2 + y^2) / 2.</summary>
internal sealed class BareObjective : PointObjective<Bare>
{
    protected override double Value(ReadOnlySpan<Bare> point, Sample sample) => (point[0].Dot(point[0]) + point[1].Dot(point[1])) / 2;

    protected override void Gradient(ReadOnlySpan<Bare> point, int block, Sample sample, Bare result) => result.CopyFrom(point[block]);
}
