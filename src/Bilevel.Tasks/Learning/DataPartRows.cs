using System.Numerics;

namespace Bilevel.Tasks;

/// <summary>The rows of a part of a data set as kernels want them.</summary>
internal static class DataPartRows
{
    /// <summary>The feature rows.</summary>
    public static FeatureRows<T> Features<T>(this DataPart part)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => FeatureRows<T>.From(part.Source.Table, part.Rows);
}
