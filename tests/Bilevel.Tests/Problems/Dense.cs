namespace Bilevel.Tests;

/// <summary>The little dense linear algebra that reference solutions need.</summary>
internal static class Dense
{
    public static double[] Times(double[,] a, double[] v) => [.. Enumerable.Range(0, a.GetLength(0)).Select(i => Enumerable.Range(0, v.Length).Sum(j => a[i, j] * v[j]))];

    public static double[] TransposedTimes(double[,] a, double[] v) => [.. Enumerable.Range(0, a.GetLength(1)).Select(j => Enumerable.Range(0, v.Length).Sum(i => a[i, j] * v[i]))];

    public static double[] Sum(double[] a, double factor, double[] b) => [.. a.Zip(b, (s, t) => s + (factor * t))];

    public static double Norm(double[] v) => Math.Sqrt(v.Sum(t => t * t));

    public static double[,] Sum(double[,] a, double factor, double[,] b) => Matrix(a.GetLength(0), a.GetLength(1), (i, j) => a[i, j] + (factor * b[i, j]));

    public static double[,] Matrix(int rows, int columns, Func<int, int, double> entry)
    {
        var m = new double[rows, columns];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++) m[i, j] = entry(i, j);
        }

        return m;
    }

    /// <summary>Solves a v = b by Gaussian elimination with row exchanges and one refinement.</summary>
    public static double[] Solve(double[,] a, double[] b)
    {
        var v = Eliminate(a, b);
        return Sum(v, 1, Eliminate(a, Sum(b, -1, Times(a, v))));
    }

    /// <summary>The spectral norm, a little from above.</summary>
    public static double SpectralNorm(double[,] a)
    {
        double[] v = [.. Enumerable.Range(0, a.GetLength(1)).Select(i => 1 + (0.1 * i))];
        double value = 0;
        for (int k = 0; k < 300; k++)
        {
            double norm = Norm(v);
            if (norm == 0) return 0;
            v = TransposedTimes(a, Times(a, [.. v.Select(t => t / norm)]));
            value = Math.Sqrt(Norm(v));
        }

        double frobenius = Math.Sqrt(a.Cast<double>().Sum(t => t * t));
        return Math.Min(frobenius, 1.001 * value);
    }

    /// <summary>A symmetric matrix with the given eigenvalues in a random orthogonal frame.</summary>
    public static double[,] Symmetric(Random random, double[] eigenvalues)
    {
        int n = eigenvalues.Length;
        var frame = new List<double[]>();
        while (frame.Count < n)
        {
            double[] v = Normal(random, n);
            foreach (var u in frame.Concat(frame)) v = Sum(v, -v.Zip(u, (s, t) => s * t).Sum(), u);
            double norm = Norm(v);
            if (norm > 1e-3) frame.Add([.. v.Select(t => t / norm)]);
        }

        return Matrix(n, n, (i, j) => Enumerable.Range(0, n).Sum(k => eigenvalues[k] * frame[k][i] * frame[k][j]));
    }

    public static double[] Normal(Random random, int n) => [.. Enumerable.Range(0, n).Select(_ => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))];

    public static double[,] NormalMatrix(Random random, int rows, int columns)
    {
        double[] entries = Normal(random, rows * columns);
        return Matrix(rows, columns, (i, j) => entries[(i * columns) + j]);
    }

    private static double[] Eliminate(double[,] matrix, double[] right)
    {
        int n = right.Length;
        double[,] a = (double[,])matrix.Clone();
        double[] b = [.. right];
        for (int k = 0; k < n; k++)
        {
            int pivot = Enumerable.Range(k, n - k).MaxBy(i => Math.Abs(a[i, k]));
            for (int j = 0; j < n; j++) (a[k, j], a[pivot, j]) = (a[pivot, j], a[k, j]);
            (b[k], b[pivot]) = (b[pivot], b[k]);
            for (int i = k + 1; i < n; i++)
            {
                double factor = a[i, k] / a[k, k];
                for (int j = k; j < n; j++) a[i, j] -= factor * a[k, j];
                b[i] -= factor * b[k];
            }
        }

        for (int i = n - 1; i >= 0; i--)
        {
            for (int j = i + 1; j < n; j++) b[i] -= a[i, j] * b[j];
            b[i] /= a[i, i];
        }

        return b;
    }
}
