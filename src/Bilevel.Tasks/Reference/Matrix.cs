using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>A small dense matrix, row by row, for closed forms and reference solutions.</summary>
internal sealed class Matrix
{
    private readonly double[] values;

    public Matrix(int rows, int columns, double[]? values = null)
    {
        (Rows, Columns, this.values) = (rows, columns, values ?? new double[rows * columns]);
        if (this.values.Length != rows * columns) throw new ArgumentException("The number of values is not rows times columns.", nameof(values));
    }

    public int Rows { get; }

    public int Columns { get; }

    public Span<double> Values => values;

    public ref double this[int row, int column] => ref values[(row * Columns) + column];

    public Span<double> Row(int row) => values.AsSpan(row * Columns, Columns);

    public static Matrix Diagonal(ReadOnlySpan<double> diagonal)
    {
        var m = new Matrix(diagonal.Length, diagonal.Length);
        for (int i = 0; i < diagonal.Length; i++) m[i, i] = diagonal[i];
        return m;
    }

    public static Matrix operator *(Matrix a, Matrix b)
    {
        if (a.Columns != b.Rows) throw new ArgumentException("The inner sizes of a matrix product differ.");
        var product = new Matrix(a.Rows, b.Columns);
        for (int i = 0; i < a.Rows; i++)
        {
            for (int k = 0; k < a.Columns; k++) TensorPrimitives.MultiplyAdd(b.Row(k), a[i, k], product.Row(i), product.Row(i));
        }

        return product;
    }

    public static Matrix operator +(Matrix a, Matrix b) => a.Plus(1, b);

    public static Matrix operator -(Matrix a, Matrix b) => a.Plus(-1, b);

    public Matrix Plus(double factor, Matrix other)
    {
        if (Rows != other.Rows || Columns != other.Columns) throw new ArgumentException("The sizes of two matrices differ.");
        var sum = new Matrix(Rows, Columns);
        TensorPrimitives.MultiplyAdd(other.values, factor, values, sum.values);
        return sum;
    }

    public Matrix Times(double factor)
    {
        var scaled = new Matrix(Rows, Columns);
        TensorPrimitives.Multiply(values, factor, scaled.values);
        return scaled;
    }

    public Matrix Transpose()
    {
        var transpose = new Matrix(Columns, Rows);
        for (int i = 0; i < Rows; i++)
        {
            for (int j = 0; j < Columns; j++) transpose[j, i] = this[i, j];
        }

        return transpose;
    }

    public Matrix Block(int row, int column, int rows, int columns)
    {
        var block = new Matrix(rows, columns);
        for (int i = 0; i < rows; i++) Row(row + i).Slice(column, columns).CopyTo(block.Row(i));
        return block;
    }

    /// <summary>The product with a vector.</summary>
    public double[] Times(ReadOnlySpan<double> vector)
    {
        var product = new double[Rows];
        AddTimes(1, vector, product);
        return product;
    }

    /// <summary>The product of the transpose with a vector.</summary>
    public double[] TransposeTimes(ReadOnlySpan<double> vector)
    {
        var product = new double[Columns];
        AddTransposeTimes(1, vector, product);
        return product;
    }

    /// <summary>result += factor * this * vector.</summary>
    public void AddTimes(double factor, ReadOnlySpan<double> vector, Span<double> result)
    {
        for (int i = 0; i < Rows; i++) result[i] += factor * TensorPrimitives.Dot(Row(i), vector);
    }

    /// <summary>result += factor * this' * vector.</summary>
    public void AddTransposeTimes(double factor, ReadOnlySpan<double> vector, Span<double> result)
    {
        for (int i = 0; i < Rows; i++) TensorPrimitives.MultiplyAdd(Row(i), factor * vector[i], result, result);
    }

    /// <summary>this += factor * v v' (square matrices).</summary>
    public void AddOuter(double factor, ReadOnlySpan<double> v)
    {
        for (int i = 0; i < Rows; i++) TensorPrimitives.MultiplyAdd(v, factor * v[i], Row(i), Row(i));
    }

    /// <summary>The mean of a a' over the rows a, each times its weight.</summary>
    public Matrix SecondMoment(ReadOnlySpan<double> weights = default)
    {
        var moment = new Matrix(Columns, Columns);
        for (int i = 0; i < Rows; i++) moment.AddOuter((weights.IsEmpty ? 1 : weights[i]) / Rows, Row(i));
        return moment;
    }

    /// <summary>The largest singular value.</summary>
    public double SpectralNorm() => Math.Sqrt(Math.Max(0, SymmetricEigenvalues.Of(Transpose() * this)[^1]));
}

/// <summary>Solves systems with a symmetric positive definite matrix.</summary>
internal sealed class Cholesky
{
    private readonly Matrix factor;

    private Cholesky(Matrix factor) => this.factor = factor;

    /// <exception cref="ArgumentException">The matrix is not positive definite to working precision.</exception>
    public static Cholesky Of(Matrix matrix) => TryOf(matrix) ?? throw new ArgumentException("The matrix is not positive definite.", nameof(matrix));

    /// <summary>The factorisation; null when the matrix is not positive definite to working precision.</summary>
    public static Cholesky? TryOf(Matrix matrix)
    {
        int n = matrix.Rows;
        var l = new Matrix(n, n);
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double rest = matrix[i, j];
                for (int k = 0; k < j; k++) rest -= l[i, k] * l[j, k];
                if (i == j && !(rest > 0)) return null;
                l[i, j] = i == j ? Math.Sqrt(rest) : rest / l[j, j];
            }
        }

        return new Cholesky(l);
    }

    public double[] Solve(ReadOnlySpan<double> right)
    {
        int n = factor.Rows;
        double[] v = right.ToArray();
        for (int i = 0; i < n; i++)
        {
            for (int k = 0; k < i; k++) v[i] -= factor[i, k] * v[k];
            v[i] /= factor[i, i];
        }

        for (int i = n - 1; i >= 0; i--)
        {
            for (int k = i + 1; k < n; k++) v[i] -= factor[k, i] * v[k];
            v[i] /= factor[i, i];
        }

        return v;
    }

    public Matrix Solve(Matrix right)
    {
        var columns = right.Transpose();
        for (int j = 0; j < columns.Rows; j++) Solve(columns.Row(j)).CopyTo(columns.Row(j));
        return columns.Transpose();
    }
}

/// <summary>Eigenvalues of a small symmetric matrix, by cyclic Jacobi rotations.</summary>
internal static class SymmetricEigenvalues
{
    private const int Sweeps = 60;

    /// <summary>The eigenvalues in ascending order.</summary>
    public static double[] Of(Matrix matrix)
    {
        var a = matrix.Times(1);
        int n = a.Rows;
        for (int sweep = 0; sweep < Sweeps; sweep++)
        {
            double off = 0, all = 0;
            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j < n; j++) (off, all) = (off + (i == j ? 0 : a[i, j] * a[i, j]), all + (a[i, j] * a[i, j]));
            }

            if (off <= 1e-30 * all) break;
            for (int p = 0; p < n; p++)
            {
                for (int q = p + 1; q < n; q++) Rotate(a, p, q);
            }
        }

        double[] values = [.. Enumerable.Range(0, n).Select(i => a[i, i])];
        Array.Sort(values);
        return values;
    }

    // Makes a[p, q] zero by a rotation in the plane of p and q.
    private static void Rotate(Matrix a, int p, int q)
    {
        if (a[p, q] == 0) return;
        double ratio = (a[q, q] - a[p, p]) / (2 * a[p, q]);
        double tangent = Math.CopySign(1, ratio) / (Math.Abs(ratio) + Math.Sqrt(1 + (ratio * ratio)));
        double cosine = 1 / Math.Sqrt(1 + (tangent * tangent)), sine = tangent * cosine;
        for (int k = 0; k < a.Rows; k++) (a[k, p], a[k, q]) = ((cosine * a[k, p]) - (sine * a[k, q]), (sine * a[k, p]) + (cosine * a[k, q]));
        for (int k = 0; k < a.Rows; k++) (a[p, k], a[q, k]) = ((cosine * a[p, k]) - (sine * a[q, k]), (sine * a[p, k]) + (cosine * a[q, k]));
    }
}
