namespace Bilevel;

/// <summary>The rounding unit of a vector's storage.</summary>
internal static class Precision
{
    public static double Of<V>(V vector) => vector is IStorable { Storage: "float32" } ? 1.2e-7 : 2.2e-16;

    /// <summary>The size below which numbers lose digits.</summary>
    public static double Smallest<V>(V vector) => vector is IStorable { Storage: "float32" } ? 1.2e-38 : 2.3e-308;
}
