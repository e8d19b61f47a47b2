namespace Bilevel;

/// <summary>The extreme eigenvalues of a symmetric tridiagonal matrix, by bisection on Sturm counts.</summary>
internal static class TridiagonalEigenvalues
{
    /// <summary>The smallest and the largest.</summary>
    /// <param name="diagonal">The diagonal.</param>
    /// <param name="offDiagonal">The entries beside it; one beyond the last is ignored.</param>
    public static (double Smallest, double Largest) Extreme(IReadOnlyList<double> diagonal, IReadOnlyList<double> offDiagonal)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        for (int i = 0; i < diagonal.Count; i++)
        {
            double radius = (i > 0 ? Math.Abs(offDiagonal[i - 1]) : 0) + (i < diagonal.Count - 1 ? Math.Abs(offDiagonal[i]) : 0);
            (low, high) = (Math.Min(low, diagonal[i] - radius), Math.Max(high, diagonal[i] + radius));
        }

        return (Bisect(1), Bisect(diagonal.Count));

        double Bisect(int rank)
        {
            double a = low, b = high;
            for (int k = 0; k < 80; k++)
            {
                double middle = (a + b) / 2;
                if (CountBelow(diagonal, offDiagonal, middle) >= rank) b = middle;
                else a = middle;
            }

            return (a + b) / 2;
        }
    }

    private static int CountBelow(IReadOnlyList<double> diagonal, IReadOnlyList<double> offDiagonal, double value)
    {
        int count = 0;
        double pivot = 1;
        for (int i = 0; i < diagonal.Count; i++)
        {
            double square = i > 0 ? offDiagonal[i - 1] * offDiagonal[i - 1] : 0;
            pivot = diagonal[i] - value - (square / pivot);
            if (pivot == 0) pivot = -1e-300;
            if (pivot < 0) count++;
        }

        return count;
    }
}
