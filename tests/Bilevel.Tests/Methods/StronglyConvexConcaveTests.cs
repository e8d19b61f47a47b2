namespace Bilevel.Tests.Methods;

/// <summary>The solver of strongly-convex-strongly-concave saddle problems (bilevel minimax, section 6) on quadratics with a known saddle point.</summary>
public class StronglyConvexConcaveTests
{
    private const double SX = 2, SY = 0.05, L = 6;            // L/sx = 3, as in the proximal-point loop

    private static readonly SaddleConstants Constants = new(SX, SY, L);

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Reaches_the_solution_of_the_linear_system(bool anchored, bool publishedStop)
    {
        for (ulong key = 1; key <= 5; key++)
        {
            var game = new QuadraticGame(5, 4, SX, SY, L, key);
            var (outer, solver) = Solve(game, new SaddleSolverMode(anchored, publishedStop), 1e-6);

            // sy-strong monotonicity: a subgradient of norm tau lies within tau/sy of the saddle point.
            Assert.InRange(game.Distance(), 0, 1e-6 / SY);
            Assert.Equal(0, solver.CutOff);
            Assert.True(outer > 5);
        }
    }

    [Fact]
    public void Both_stopping_tests_end_at_one_point()
    {
        var (free, published) = (new QuadraticGame(5, 4, SX, SY, L, 3), new QuadraticGame(5, 4, SX, SY, L, 3));
        Solve(free, new SaddleSolverMode(false, false), 1e-7);
        Solve(published, new SaddleSolverMode(false, true), 1e-7);
        for (int b = 0; b < 2; b++)
        {
            var difference = free.Point[b].Copy();
            difference.AddScaled(-1, published.Point[b]);
            Assert.InRange(difference.Norm(), 0, 2e-7 / SY);
        }
    }

    [Fact]
    public void The_saddle_point_stays_where_it_is()
    {
        // Fixed-point identities of section 6.2: with p = q = 0 the subgradient vanishes, and so does every change of (z, y).
        var game = new QuadraticGame(5, 4, SX, SY, L, 2);
        game.Point[0].CopyFrom(game.Saddle[0]);
        game.Point[1].CopyFrom(game.Saddle[1]);
        var solver = new StronglyConvexConcave<DenseVector<double>>(game, new SaddleSolverMode(false, false));
        solver.Begin(Constants, 1e-9);
        for (int k = 0; k < 20; k++)
        {
            Assert.True(solver.Step());
            Assert.InRange(solver.Residual, 0, 1e-11);
            Assert.InRange(game.Distance(), 0, 1e-11);
        }
    }

    [Theory]
    [InlineData(true, 150, 290)]          // measured in the literature's experiments: 240 to 280
    [InlineData(false, 12, 35)]           // 22 to 31
    public void Inner_loops_take_as_many_iterations_as_they_were_measured_to(bool anchored, double least, double most)
    {
        var game = new QuadraticGame(5, 4, SX, SY, L, 1);
        var (outer, solver) = Solve(game, new SaddleSolverMode(anchored, PublishedStop: false), 1e-8);
        Assert.InRange(solver.InnerIterations / (double)outer, least, most);
    }

    [Fact]
    public void Outer_iterations_grow_with_the_logarithm_of_the_accuracy()
    {
        long[] counts = [.. new[] { 1e-3, 1e-6, 1e-9 }.Select(tau => Solve(new QuadraticGame(5, 4, SX, SY, L, 1), new SaddleSolverMode(false, false), tau).Outer)];
        double ratio = (counts[2] - counts[1]) / (double)(counts[1] - counts[0]);
        Assert.InRange(ratio, 0.5, 2);

        // sqrt(sx/sy) log(1/tau), with a small constant.
        Assert.InRange(counts[2] - counts[1], 1, 3 * Math.Sqrt(SX / SY) * Math.Log(1e3));
    }

    private static (long Outer, StronglyConvexConcave<DenseVector<double>> Solver) Solve(QuadraticGame game, SaddleSolverMode mode, double accuracy)
    {
        var solver = new StronglyConvexConcave<DenseVector<double>>(game, mode);
        solver.Begin(Constants, accuracy);
        long outer = 1;
        while (!solver.Step())
        {
            outer++;
            Assert.True(outer < 100_000, "no end");
        }

        return (outer, solver);
    }

    /// <summary>h = x'Ax/2 + x'My - y'By/2 - c'x - d'y with random A, M, B: sx, sy and L as told.</summary>
    private sealed class QuadraticGame : ISaddleFunction<DenseVector<double>>
    {
        private readonly double[,] jacobian;           // of the rows in (x, y)
        private readonly double[] constant;
        private readonly int n, m;
        private readonly DenseVector<double>[] rows;

        public QuadraticGame(int n, int m, double sx, double sy, double smoothness, ulong key)
        {
            (this.n, this.m) = (n, m);
            jacobian = new double[n + m, n + m];
            ulong position = 0;
            double Next() => RandomBits.Normal(key, position++);

            // Diagonal curvatures between the modulus and half of L, and a coupling of norm at most L/2.
            for (int i = 0; i < n; i++) jacobian[i, i] = i == 0 ? sx : sx + (((smoothness / 2) - sx) * RandomBits.Uniform(key + 1, (ulong)i));
            for (int j = 0; j < m; j++) jacobian[n + j, n + j] = j == 0 ? sy : sy + (((smoothness / 2) - sy) * RandomBits.Uniform(key + 2, (ulong)j));
            double[,] coupling = new double[n, m];
            double square = 0;
            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j < m; j++) square += Math.Pow(coupling[i, j] = Next(), 2);
            }

            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j < m; j++)
                {
                    double entry = coupling[i, j] * smoothness / (2 * Math.Sqrt(square));
                    (jacobian[i, n + j], jacobian[n + j, i]) = (entry, -entry);
                }
            }

            constant = [.. Enumerable.Range(0, n + m).Select(_ => Next())];
            Point = [new DenseVector<double>(n), new DenseVector<double>(m)];
            rows = [new DenseVector<double>(n), new DenseVector<double>(m)];
            double[] saddle = Dense.Solve(jacobian, constant);
            Saddle = [new DenseVector<double>(saddle[..n]), new DenseVector<double>(saddle[n..])];
        }

        public DenseVector<double>[] Point { get; }

        public DenseVector<double>[] Saddle { get; }

        public IReadOnlyList<DenseVector<double>> Rows => rows;

        public void Evaluate()
        {
            double[] u = [.. Point[0].ToDoubles(), .. Point[1].ToDoubles()];
            for (int i = 0; i < n + m; i++)
            {
                double sum = -constant[i];
                for (int j = 0; j < n + m; j++) sum += jacobian[i, j] * u[j];
                if (i < n) rows[0][i] = sum;
                else rows[1][i - n] = sum;
            }
        }

        public bool Maximises(int block) => block == 1;

        public void Prox(int block, DenseVector<double> at, double step)
        {
        }

        public double Distance()
        {
            double square = 0;
            for (int b = 0; b < 2; b++)
            {
                for (int i = 0; i < Point[b].Length; i++) square += Math.Pow(Point[b][i] - Saddle[b][i], 2);
            }

            return Math.Sqrt(square);
        }
    }
}
