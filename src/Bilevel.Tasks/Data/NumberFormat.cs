namespace Bilevel.Tasks;

/// <summary>The number format of a computation.</summary>
public enum NumberFormat
{
    /// <summary>Double precision.</summary>
    Float64,

    /// <summary>Single precision: about twice as fast.</summary>
    Float32,
}
