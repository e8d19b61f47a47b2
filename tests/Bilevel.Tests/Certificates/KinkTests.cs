namespace Bilevel.Tests;

/// <summary>
/// Followers in boxes whose best answer is y_i = clamp(a_i x_i, low_i, high_i), and leaders who want y_i up, and x_i down and near high_i / a_i: F has its minimum where
/// every y_i meets its upper bound, at x_i = high_i / a_i, and a kink there.
/// </summary>
public sealed class KinkTests
{
    private static readonly int Attacks = int.TryParse(Environment.GetEnvironmentVariable("BILEVEL_ATTACKS"), out int count) ? count : 20;

    [Fact]
    public void A_minimum_at_a_kink_is_found_certified_and_named()
    {
        int certified = 0;
        for (int seed = 0; seed < Attacks; seed++)
        {
            var c = new Clamped(seed, stationary: true);
            var solution = BilevelSolver.Solve(c.Problem, Vectors.Of(c.Start), Vectors.Of(c.Middle), c.Tolerance);
            double[] x = [.. solution.X.ToDoubles()];
            double away = x.Zip(c.Kink, (a, b) => Math.Abs(a - b)).Max() / c.Kink.Max(Math.Abs);
            if (solution.Certificate!.Verdict != Verdict.Certified) continue;
            certified++;
            Assert.Equal(SolveStatus.Converged, solution.Status);
            Assert.True(away <= 2e-6, $"seed {seed}: {away} away. {solution.Certificate}");
            Assert.True(solution.Certificate["kink_bound"] <= c.Tolerance, $"seed {seed}: {solution.Certificate}");
            Assert.Contains("kink", solution.StatusMessage, StringComparison.Ordinal);
        }

        FixedSamples.Note(Attacks);
        Assert.True(certified >= 0.8 * Attacks, $"only {certified} of {Attacks} are certified");
    }

    [Fact]
    public void Beside_the_kink_it_is_certified_and_where_F_falls_on_it_is_not()
    {
        for (int seed = 0; seed < Attacks; seed++)
        {
            foreach (bool stationary in new[] { true, false })
            {
                var c = new Clamped(seed, stationary);
                var random = new Random(seed + 77);
                double size = Dense.Norm(c.Kink);
                double[] x = [.. c.Kink.Select(t => t + (1e-7 * size / Math.Sqrt(c.Kink.Length) * ((2 * random.NextDouble()) - 1)))];
                var certificate = new HypergradientCertificate().Check(c.Problem, Vectors.Of(x), Vectors.Of(c.Answer(x)), c.Tolerance, double.NaN);
                Assert.True((certificate.Verdict == Verdict.Certified) == stationary, $"seed {seed}: {certificate}");
                if (!stationary) continue;
                Assert.True(certificate["kink_radius"] <= 1.1e-6 * size);
                Assert.True(certificate["stationarity_bound"] > c.Tolerance);
            }
        }

        FixedSamples.Note(2 * Attacks);
    }

    [Fact]
    public void A_kink_that_only_wrong_gradients_show_is_not_certified()
    {
        for (int seed = 0; seed < Attacks; seed++)
        {
            var c = new Clamped(seed, stationary: false, lies: true);
            double[] x = [.. c.Kink.Select(t => t * (1 + (1e-7 * Math.Sin(seed + t))))];
            var certificate = new HypergradientCertificate().Check(c.Problem, Vectors.Of(x), Vectors.Of(c.Answer(x)), c.Tolerance, double.NaN);
            Assert.True(certificate.Verdict != Verdict.Certified, $"seed {seed}: {certificate}");
        }

        FixedSamples.Note(Attacks);
    }

    private sealed class Clamped
    {
        private readonly double[] a, low, high, up, down;

        public Clamped(int seed, bool stationary, bool lies = false)
        {
            var random = new Random(seed);
            int n = random.Next(1, 5);
            double size = Math.Pow(10, 6 - (12 * random.NextDouble())), unit = Math.Pow(10, 6 - (12 * random.NextDouble()));
            double[] Draw(double least, double most) => [.. Enumerable.Range(0, n).Select(_ => least + ((most - least) * random.NextDouble()))];
            a = Draw(0.3, 3);
            low = [.. Draw(-3, -1).Select(t => size * t)];
            high = [.. Draw(1, 3).Select(t => size * t)];
            down = [.. Draw(0.3, 1).Select(t => unit * t)];
            up = [.. Draw(1.2, 3).Select((t, i) => t * down[i] / a[i])];
            Start = [.. Draw(-0.9, 0.9).Select(t => size * t / 3)];
            Kink = [.. high.Select((h, i) => h / a[i])];
            Middle = new double[n];
            Tolerance = 1e-4 * unit;

            // With y_i wanted no more than x_i is unwanted, F falls across the kink.
            double[] told = [.. up];
            if (!stationary) up[0] = -up[0];
            if (!lies) told = up;
            double steep = 3 * unit / size;
            var f = new ArrayObjective<double>(
                at => at[0].Select((x, i) => (down[i] * x) + (steep * (x - Kink[i]) * (x - Kink[i]) / 2)).Sum() - at[1].Zip(up, (y, u) => y * u).Sum(),
                (at, block) => [.. at[0].Select((x, i) => block == 0 ? down[i] + (steep * (x - Kink[i])) : -told[i])]);
            var g = new ArrayObjective<double>(at => Rest(at).Sum(r => r * r) / 2, (at, block) => block == 0 ? [.. Rest(at).Select((r, i) => -a[i] * r)] : Rest(at));
            Problem = new BilevelProblem<DenseVector<double>>(f, g)
            {
                LowerSet = new Box<double>(low, high),
                Constants = new ProblemConstants { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = a.Max(), LowerHessianLipschitz = 0, UpperSmoothness = 0, UpperCoupling = 0 },
            };
        }

        public BilevelProblem<DenseVector<double>> Problem { get; }

        public double[] Start { get; }

        public double[] Middle { get; }

        public double[] Kink { get; }

        public double Tolerance { get; }

        public double[] Answer(double[] x) => [.. x.Select((t, i) => Math.Clamp(a[i] * t, low[i], high[i]))];

        private double[] Rest(double[][] at) => [.. at[1].Select((y, i) => y - (a[i] * at[0][i]))];
    }
}
