namespace Bilevel.Tests;

/// <summary>
/// A random bilevel problem with affine constraints of the follower, in random units: f, g, x, y from 1e-6 to 1e6, rows from 1e-4 to
/// 1e4, condition to 1e4, the start to 1e3 units away. In plain units f = sum a (u - t)^2 / 2 + |w - s|^2 / 2 and
/// phi = w'H w / 2 - w'H (W u + w0) subject to A w + B u &lt;= b. Its follower is solved by trying all active sets.
/// </summary>
internal sealed class ScaledQuadratic
{
    private readonly int n, m, rows;
    private readonly double[,] hessian, response, a, b;
    private readonly double[] offset, right, target, weight, wanted;
    private readonly double scaleF, scaleG, unitX, unitY, condition;
    private readonly double[] rowScale, start;

    public ScaledQuadratic(int seed)
    {
        var random = new Random(seed);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double Power(double low, double high) => Math.Pow(10, low + ((high - low) * random.NextDouble()));
        (n, m) = (1 + random.Next(4), 2 + random.Next(6));
        rows = 1 + random.Next(Math.Min(3, m));
        condition = Power(0, 4);
        (hessian, response, a, b) = (new double[m, m], Fill(m, n, Normal), Fill(rows, m, Normal), Fill(rows, n, () => 0.3 * Normal()));
        double[,] basis = Orthonormal(m, Normal);
        for (int e = 0; e < m; e++)
        {
            for (int i = 0; i < m; i++)
            {
                for (int j = 0; j < m; j++) hessian[i, j] += Math.Pow(condition, -(double)e / (m - 1)) * basis[e, i] * basis[e, j];
            }
        }

        double[] Vector(int length, Func<double> draw) => [.. Enumerable.Range(0, length).Select(_ => draw())];
        (offset, right, target, wanted) = (Vector(m, Normal), Vector(rows, () => 0.5 * Normal()), Vector(n, Normal), Vector(m, Normal));
        weight = Vector(n, () => Power(-2, 0));
        (scaleF, scaleG, unitX, unitY) = (Power(-6, 6), Power(-6, 6), Power(-6, 6), Power(-6, 6));
        rowScale = Vector(rows, () => Power(-4, 4));
        double far = Power(0, 3);
        start = Vector(n, () => far * Normal());
    }

    public BilevelMinimaxProblem<DenseVector<double>> Problem
    {
        get
        {
            double[] Plain(DenseVector<double> v, double unit) => [.. v.ToDoubles().Select(c => c / unit)];
            void Put(double[] gradient, double scale, DenseVector<double> result)
            {
                for (int i = 0; i < gradient.Length; i++) result[i] = scale * gradient[i];
            }

            var upper = new FunctionObjective<DenseVector<double>>(
                (x, y) => scaleF * Upper(Plain(x, unitX), Plain(y, unitY)),
                (x, _, r) => Put([.. Plain(x, unitX).Select((u, i) => weight[i] * (u - target[i]))], scaleF / unitX, r),
                (_, y, r) => Put([.. Plain(y, unitY).Select((w, i) => w - wanted[i])], scaleF / unitY, r));
            var lower = new FunctionObjective<DenseVector<double>>(
                (x, y) => scaleG * Lower(Plain(x, unitX), Plain(y, unitY)),
                (_, y, r) => Put(Times(response, Times(hessian, Plain(y, unitY), false), true), -scaleG / unitX, r),
                (x, y, r) => Put(LowerGradient(Plain(x, unitX), Plain(y, unitY)), scaleG / unitY, r));
            double[] ofX = [.. Enumerable.Range(0, rows * n).Select(k => rowScale[k / n] * b[k / n, k % n] / unitX)];
            double[] ofY = [.. Enumerable.Range(0, rows * m).Select(k => rowScale[k / m] * a[k / m, k % m] / unitY)];
            var constraints = new LinearConstraints<double>(ofX, ofY, [.. right.Zip(rowScale, (r, s) => r * s)]);
            return Lift.ConstrainedLowerLevel(upper, new ConstrainedLowerLevel<double>(lower, constraints) { StrongConvexity = scaleG / (condition * unitY * unitY) });
        }
    }

    public DenseVector<double>[] Start => BilevelMinimaxProblem.Start(new DenseVector<double>([.. start.Select(u => u * unitX)]), new DenseVector<double>(m), new DenseVector<double>(rows));

    /// <summary>|grad F(x0)|, from differences of F.</summary>
    public double StartGradient
    {
        get
        {
            double sum = 0;
            for (int i = 0; i < n; i++)
            {
                double h = 1e-6 * (1 + Math.Abs(start[i]));
                double[] up = [.. start], down = [.. start];
                (up[i], down[i]) = (start[i] + h, start[i] - h);
                double d = (F(up) - F(down)) / (2 * h);
                sum += d * d;
            }

            return Math.Sqrt(sum) * scaleF / unitX;
        }
    }

    /// <summary>How much lower F is at the best of random points nearby, relative to what the run has gained.</summary>
    public double Descent(DenseVector<double> x)
    {
        double[] at = [.. x.ToDoubles().Select(v => v / unitX)];
        var random = new Random(7);
        double here = F(at), best = here;
        for (double radius = 1e-2; radius > 1e-6; radius /= 1.05)
        {
            double[] near = [.. at.Select(u => u + (radius * ((2 * random.NextDouble()) - 1)))];
            double value = F(near);
            if (value < best) (best, at) = (value, near);
        }

        return (here - best) / Math.Max(1, Math.Abs(F(start) - best));
    }

    private double F(double[] u) => Upper(u, Answer(u));

    private double Upper(double[] u, double[] w) => (u.Select((v, i) => weight[i] * (v - target[i]) * (v - target[i])).Sum() + w.Select((v, i) => (v - wanted[i]) * (v - wanted[i])).Sum()) / 2;

    private double Lower(double[] u, double[] w)
    {
        double[] centre = Centre(u), image = Times(hessian, w, false);
        return image.Select((h, i) => h * ((w[i] / 2) - centre[i])).Sum();
    }

    private double[] LowerGradient(double[] u, double[] w) => Times(hessian, [.. w.Zip(Centre(u), (p, q) => p - q)], false);

    private double[] Centre(double[] u) => [.. Times(response, u, false).Zip(offset, (p, q) => p + q)];

    // The one active set whose solution is feasible with multipliers that are not negative.
    private double[] Answer(double[] u)
    {
        double[] best = [], shift = Times(b, u, false);
        double least = double.PositiveInfinity;
        for (int set = 0; set < 1 << rows; set++)
        {
            int[] active = [.. Enumerable.Range(0, rows).Where(i => (set >> i & 1) == 1)];
            int size = m + active.Length;
            var matrix = new double[size, size + 1];
            double[] force = Times(hessian, Centre(u), false);
            for (int i = 0; i < m; i++)
            {
                for (int j = 0; j < m; j++) matrix[i, j] = hessian[i, j];
                matrix[i, size] = force[i];
            }

            for (int e = 0; e < active.Length; e++)
            {
                for (int j = 0; j < m; j++) matrix[j, m + e] = matrix[m + e, j] = a[active[e], j];
                matrix[m + e, size] = right[active[e]] - shift[active[e]];
            }

            double[] solved = Eliminate(matrix, size), w = solved[..m], image = Times(a, w, false);
            bool isFeasible = Enumerable.Range(0, rows).All(i => image[i] + shift[i] - right[i] <= 1e-8 * (1 + Math.Abs(right[i] - shift[i])));
            if (!isFeasible || solved[m..].Any(l => l < -1e-9)) continue;
            double value = Lower(u, w);
            if (value < least) (least, best) = (value, w);
        }

        return best;
    }

    private static double[] Eliminate(double[,] matrix, int size)
    {
        for (int p = 0; p < size; p++)
        {
            int pivot = Enumerable.Range(p, size - p).MaxBy(i => Math.Abs(matrix[i, p]));
            for (int j = 0; j <= size; j++) (matrix[p, j], matrix[pivot, j]) = (matrix[pivot, j], matrix[p, j]);
            for (int i = p + 1; i < size; i++)
            {
                double factor = matrix[i, p] / matrix[p, p];
                for (int j = p; j <= size; j++) matrix[i, j] -= factor * matrix[p, j];
            }
        }

        var solution = new double[size];
        for (int i = size - 1; i >= 0; i--)
        {
            double sum = matrix[i, size];
            for (int j = i + 1; j < size; j++) sum -= matrix[i, j] * solution[j];
            solution[i] = sum / matrix[i, i];
        }

        return solution;
    }

    private static double[] Times(double[,] matrix, double[] vector, bool transposed)
    {
        var result = new double[matrix.GetLength(transposed ? 1 : 0)];
        for (int i = 0; i < matrix.GetLength(0); i++)
        {
            for (int j = 0; j < matrix.GetLength(1); j++) result[transposed ? j : i] += matrix[i, j] * vector[transposed ? i : j];
        }

        return result;
    }

    private static double[,] Fill(int height, int width, Func<double> draw)
    {
        var matrix = new double[height, width];
        for (int i = 0; i < height; i++)
        {
            for (int j = 0; j < width; j++) matrix[i, j] = draw() / Math.Sqrt(width);
        }

        return matrix;
    }

    private static double[,] Orthonormal(int size, Func<double> draw)
    {
        double[,] basis = Fill(size, size, draw);
        for (int i = 0; i < size; i++)
        {
            for (int p = 0; p <= i; p++)
            {
                double dot = 0, norm = 0;
                for (int j = 0; j < size; j++) dot += basis[i, j] * basis[p, j];
                if (p < i)
                {
                    for (int j = 0; j < size; j++) basis[i, j] -= dot * basis[p, j];
                    continue;
                }

                norm = Math.Sqrt(dot);
                for (int j = 0; j < size; j++) basis[i, j] /= norm;
            }
        }

        return basis;
    }
}
