using System.Globalization;
using System.Numerics;

namespace Bilevel;

/// <summary>
/// The Euclidean ball {x : ||x - centre|| &lt;= radius}. The projection moves an outside point p to
/// centre + radius * (p - centre) / ||p - centre||, O(n), correct to rounding for all finite points. A point with a
/// component that is NaN or infinite is left as it is, so that the failure stays visible.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed class Ball<T> : DenseSet<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly T[] centre;
    private readonly double radius;
    private readonly bool aboutOrigin;

    /// <summary>The ball about the origin, for vectors of any length.</summary>
    /// <param name="radius">Radius, positive and finite.</param>
    /// <exception cref="ArgumentOutOfRangeException">The radius is not positive and finite.</exception>
    public Ball(double radius)
        : this([], radius, aboutOrigin: true)
    {
    }

    /// <summary>The ball about a point, which is copied, for vectors of its length.</summary>
    /// <param name="centre">Centre; all components finite.</param>
    /// <param name="radius">Radius, positive and finite.</param>
    /// <exception cref="ArgumentException">A component of the centre is NaN or infinite.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The radius is not positive and finite.</exception>
    public Ball(ReadOnlySpan<T> centre, double radius)
        : this(centre.ToArray(), radius, aboutOrigin: false)
    {
    }

    private Ball(T[] centre, double radius, bool aboutOrigin)
    {
        if (!(radius > 0) || double.IsInfinity(radius))
            throw new ArgumentOutOfRangeException(nameof(radius), radius, "The radius of a ball must be positive and finite.");
        if (!Array.TrueForAll(centre, T.IsFinite)) throw new ArgumentException("The centre of a ball must be finite.", nameof(centre));
        this.centre = centre;
        this.radius = radius;
        this.aboutOrigin = aboutOrigin;
    }

    /// <summary>Twice the radius.</summary>
    public override double Diameter => 2 * radius;

    /// <inheritdoc/>
    public override void Project(Span<T> point)
    {
        CheckLength(point.Length);
        double scale = 1;
        double norm = EuclideanNorm.Distance(point, centre);
        if (norm <= radius) return;
        if (!double.IsFinite(norm))
        {
            foreach (T x in point)
            {
                if (!T.IsFinite(x)) return;
            }

            // Finite components whose distance overflows: only the direction matters, and it is found at any scale.
            scale = Math.ScaleB(1, -600);
            norm = EuclideanNorm.Distance(point, centre, scale);
        }

        double factor = radius / norm;
        for (int i = 0; i < point.Length; i++)
        {
            double offset = EuclideanNorm.Difference(point, centre, i, scale) * factor;
            point[i] = T.CreateTruncating(aboutOrigin ? offset : double.CreateTruncating(centre[i]) + offset);
        }
    }

    /// <inheritdoc/>
    public override string? Objection(int length) => aboutOrigin || length == centre.Length
        ? null
        : Invariant($"The ball's centre has {centre.Length} components; this vector has {length}.");

    /// <inheritdoc/>
    public override string ToString() => aboutOrigin
        ? Invariant($"the ball of radius {radius} about the origin")
        : Invariant($"the ball of radius {radius} about a centre in {centre.Length} dimensions");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
