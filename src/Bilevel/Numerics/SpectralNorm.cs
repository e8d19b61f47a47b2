using System.Numerics.Tensors;

namespace Bilevel;

/// <summary>Upper bounds of the largest singular value. A power iteration approaches it from below, so it is not used.</summary>
internal static class SpectralNorm
{
    // Above this size the squarings below cost too much.
    private const int LargestGram = 256;

    private const double RelativeExcess = 1e-6;

    /// <summary>
    /// An upper bound of the norm of a matrix given row by row: within a millionth where the smaller side has at most
    /// 256 rows, otherwise the smaller of the Frobenius norm and the geometric mean of the largest row and column sums.
    /// </summary>
    public static double UpperBound(ReadOnlySpan<double> matrix, int rows, int columns)
    {
        double largest = matrix.IsEmpty ? 0 : TensorPrimitives.MaxMagnitude(matrix);
        largest = Math.Abs(largest);
        if (!(largest > 0)) return 0;
        var scaled = new double[matrix.Length];
        TensorPrimitives.Divide(matrix, largest, scaled);
        return largest * OfScaled(scaled, rows, columns);
    }

    private static double OfScaled(double[] matrix, int rows, int columns)
    {
        double frobenius = TensorPrimitives.Norm<double>(matrix), rowSum = 0;
        var columnSums = new double[columns];
        for (int i = 0; i < rows; i++)
        {
            var row = matrix.AsSpan(i * columns, columns);
            rowSum = Math.Max(rowSum, TensorPrimitives.SumOfMagnitudes<double>(row));
            for (int j = 0; j < columns; j++) columnSums[j] += Math.Abs(row[j]);
        }

        double simple = Math.Min(frobenius, Math.Sqrt(rowSum * TensorPrimitives.Max<double>(columnSums)));
        int size = Math.Min(rows, columns);
        if (size is 1 or > LargestGram) return simple * (1 + 1e-12);

        // |M|^2 = |G|, and |G|^(2^k) = |G^(2^k)| <= its Frobenius norm <= sqrt(size) |G^(2^k)|.
        double[] gram = Gram(matrix, rows, columns, size), square = new double[size * size];
        double logarithm = 0, share = 0.5;
        while (true)
        {
            double norm = TensorPrimitives.Norm<double>(gram);
            logarithm += share * Math.Log(norm);
            if (share * Math.Log(size) / 2 <= RelativeExcess) break;
            TensorPrimitives.Divide(gram, norm, gram);
            share /= 2;
            for (int i = 0; i < size; i++)
            {
                for (int j = 0; j <= i; j++)
                    square[(i * size) + j] = square[(j * size) + i] = TensorPrimitives.Dot<double>(gram.AsSpan(i * size, size), gram.AsSpan(j * size, size));
            }

            (gram, square) = (square, gram);
        }

        return Math.Min(simple, Math.Exp(logarithm)) * (1 + (1e-12 * size));
    }

    private static double[] Gram(double[] matrix, int rows, int columns, int size)
    {
        var gram = new double[size * size];
        if (rows == size)
        {
            for (int i = 0; i < size; i++)
            {
                for (int j = 0; j <= i; j++)
                    gram[(i * size) + j] = gram[(j * size) + i] = TensorPrimitives.Dot<double>(matrix.AsSpan(i * columns, columns), matrix.AsSpan(j * columns, columns));
            }
        }
        else
        {
            for (int i = 0; i < rows; i++)
            {
                var row = matrix.AsSpan(i * columns, columns);
                for (int j = 0; j < size; j++) TensorPrimitives.MultiplyAdd(row, row[j], gram.AsSpan(j * size, size), gram.AsSpan(j * size, size));
            }
        }

        return gram;
    }
}
