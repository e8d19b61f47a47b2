using System.Globalization;
using System.Numerics;
using System.Numerics.Tensors;
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// Affine constraints c(x, z) = A x + B z - b with dense matrices. A request is answered for all its points in one pass
/// over the rows of A and B, without allocation, and the difference of two x-gradients costs one product.
/// </summary>
/// <typeparam name="T">double or float.</typeparam>
public sealed class LinearConstraints<T> : IConstraints<DenseVector<T>>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly T[] a, b, right;
    private readonly int columnsX, columnsZ;
    private readonly Lazy<double> lipschitz;
    private double[] values = [];          // c_i at every point

    /// <summary>Makes the constraints A x + B z - b; all numbers are copied.</summary>
    /// <param name="a">A, row by row; empty where the constraints do not depend on x.</param>
    /// <param name="b">B, row by row; empty where they do not depend on z.</param>
    /// <param name="right">b, one number per constraint.</param>
    /// <exception cref="ArgumentException">There is no constraint, a matrix does not have as many rows as there are constraints, or a number is not finite.</exception>
    public LinearConstraints(ReadOnlySpan<T> a, ReadOnlySpan<T> b, ReadOnlySpan<T> right)
    {
        if (right.IsEmpty) throw new ArgumentException("There is no constraint; give one row or more.", nameof(right));
        Count = right.Length;
        columnsX = Columns(a.Length, nameof(a));
        columnsZ = Columns(b.Length, nameof(b));
        (this.a, this.b, this.right) = (a.ToArray(), b.ToArray(), right.ToArray());
        foreach (var numbers in new[] { this.a, this.b, this.right })
        {
            if (!Array.TrueForAll(numbers, T.IsFinite)) throw new ArgumentException("A coefficient of a linear constraint is not finite.");
        }

        lipschitz = new Lazy<double>(Norm);
    }

    /// <inheritdoc/>
    public int Count { get; }

    /// <summary>L_c: an upper bound of the spectral norm of [A B], within a millionth of it where one side has at most 256 rows; computed when first asked for.</summary>
    public double? Lipschitz => lipschitz.Value;

    /// <summary>Zero: the Jacobian is constant.</summary>
    public double? GradientLipschitz => 0;

    /// <summary>Row i of A; empty where the constraints do not depend on x.</summary>
    public ReadOnlySpan<T> RowA(int i) => a.AsSpan(i * columnsX, columnsX);

    /// <summary>Row i of B; empty where the constraints do not depend on z.</summary>
    public ReadOnlySpan<T> RowB(int i) => b.AsSpan(i * columnsZ, columnsZ);

    /// <summary>b.</summary>
    public ReadOnlySpan<T> RightSide => right;

    /// <summary>The constraints with every row multiplied by a positive factor. Their multipliers are those of these constraints divided by the factors.</summary>
    /// <param name="factors">One positive factor per constraint.</param>
    public LinearConstraints<T> Scaled(ReadOnlySpan<double> factors)
    {
        ScaledConstraints.Check(factors, Count);
        var scaled = new LinearConstraints<T>(a, b, right);
        for (int i = 0; i < Count; i++)
        {
            var factor = T.CreateTruncating(factors[i]);
            foreach (var row in new[] { scaled.a.AsMemory(i * columnsX, columnsX), scaled.b.AsMemory(i * columnsZ, columnsZ), scaled.right.AsMemory(i, 1) })
                TensorPrimitives.Multiply(row.Span, factor, row.Span);
        }

        return scaled;
    }

    /// <summary>The factors that give every row of [A B] norm 1 (bilevel minimax, section 8.2: scale the rows first); 1 for a row of zeros.</summary>
    public double[] UnitRowFactors()
    {
        var factors = new double[Count];
        for (int i = 0; i < Count; i++)
        {
            double x = EuclideanNorm.Of(RowA(i)), z = EuclideanNorm.Of(RowB(i)), norm = Math.Sqrt((x * x) + (z * z));
            factors[i] = norm > 0 ? 1 / norm : 1;
        }

        return factors;
    }

    /// <inheritdoc/>
    public void Evaluate(in Request<DenseVector<T>> request)
    {
        int points = request.PointCount;
        if (values.Length < points) values = new double[points];
        bool needsValues = request.Values.Length > 0;
        for (int p = 0; p < points; p++) CheckLengths(request.Point(p));
        foreach (ref readonly var output in request.Gradients)
        {
            if (output.Block == Lower.Z2) needsValues = true;
            else output.Result.Span.Clear();
        }

        request.Values.Clear();
        for (int i = 0; i < Count; i++)
        {
            if (needsValues) ValuesOf(i, request);
            foreach (ref readonly var output in request.Gradients)
            {
                if (output.Block == Lower.Z2)
                {
                    output.Result[i] = T.CreateTruncating(output.Point == Output.Combined ? TensorPrimitives.Dot(request.Weights, values.AsSpan(0, points)) : values[output.Point]);
                    continue;
                }

                var multiplier = T.CreateTruncating(output.Point == Output.Combined ? Combined(i, request) : Multiplier(i, request.Point(output.Point)));
                if (multiplier != T.Zero) TensorPrimitives.MultiplyAdd(output.Block == Lower.X1 ? RowA(i) : RowB(i), multiplier, output.Result.Span[..(output.Block == Lower.X1 ? columnsX : columnsZ)], output.Result.Span);
            }
        }
    }

    // c_i at every point, and its share of the values.
    private void ValuesOf(int i, in Request<DenseVector<T>> request)
    {
        double ofX = 0;
        for (int p = 0; p < request.PointCount; p++)
        {
            var point = request.Point(p);
            if (p == 0 || !ReferenceEquals(point[Lower.X1], request.Point(p - 1)[Lower.X1])) ofX = Times(RowA(i), point[Lower.X1]) - double.CreateTruncating(right[i]);
            values[p] = ofX + Times(RowB(i), point[Lower.Z1]);
            if (request.Values.Length > 0) request.Values[p] += Multiplier(i, point) * values[p];
        }
    }

    private static double Times(ReadOnlySpan<T> row, DenseVector<T> vector) =>
        row.IsEmpty ? 0 : double.CreateTruncating(TensorPrimitives.Dot(row, vector.Span));

    private static double Multiplier(int i, ReadOnlySpan<DenseVector<T>> point) => double.CreateTruncating(point[Lower.Z2][i]);

    private static double Combined(int i, in Request<DenseVector<T>> request)
    {
        double sum = 0;
        for (int p = 0; p < request.PointCount; p++) sum += request.Weights[p] * Multiplier(i, request.Point(p));
        return sum;
    }

    private void CheckLengths(ReadOnlySpan<DenseVector<T>> point)
    {
        if (point[Lower.Z2].Length != Count)
            throw new ArgumentException(Invariant($"There are {Count} constraints and {point[Lower.Z2].Length} multipliers; there must be one multiplier per constraint."));
        if ((columnsX > 0 && point[Lower.X1].Length != columnsX) || (columnsZ > 0 && point[Lower.Z1].Length != columnsZ))
            throw new ArgumentException(Invariant($"The constraints A x + B z <= b are for x of length {columnsX} and z of length {columnsZ}; they were given {point[Lower.X1].Length} and {point[Lower.Z1].Length}."));
    }

    private int Columns(int numbers, string name) => numbers % Count == 0
        ? numbers / Count
        : throw new ArgumentException(Invariant($"A matrix of {numbers} numbers cannot have {Count} rows, one per constraint."), name);

    private double Norm()
    {
        int columns = columnsX + columnsZ;
        var matrix = new double[Count * columns];
        for (int i = 0; i < Count; i++)
        {
            var row = matrix.AsSpan(i * columns, columns);
            TensorPrimitives.ConvertTruncating(RowA(i), row);
            TensorPrimitives.ConvertTruncating(RowB(i), row[columnsX..]);
        }

        return SpectralNorm.UpperBound(matrix, Count, columns);
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
