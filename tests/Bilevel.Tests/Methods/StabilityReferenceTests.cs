using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>
/// The measured reference run of stability, section 16: how far the iterates of the published methods move where one
/// upper example is replaced, against the printed measurements (of other random numbers) and their printed bounds.
/// </summary>
public sealed class StabilityReferenceTests
{
    private const int Dimension = 4, LowerExamples = 200, DataSeeds = 40, Replaced = 8;

    private const double Eta = 0.05, Gamma = 0.2, Share = 0.25;

    private static Ssgda Single(double eta = Eta) => new() { UpperGradient = UpperGradient.Partial, Batch = 1, StepUpper = eta, StepLowerMin = Gamma, StepLowerMax = Gamma };

    private static Tsgda1 Interleaved(int steps, Initialisation initialisation) =>
        new() { UpperGradient = UpperGradient.Partial, Batch = 1, StepUpper = Eta, StepLowerMin = Gamma, StepLowerMax = Gamma, InnerSteps = steps, Initialisation = initialisation };

    private static Tsgda2 Nested(int steps) =>
        new() { UpperGradient = UpperGradient.Partial, Batch = 1, StepUpper = Eta, StepLowerMin = Gamma, StepLowerMax = Gamma, InnerSteps = steps, MaximiserSteps = steps };

    [Fact]
    public void The_distance_grows_with_the_number_of_iterations()
    {
        // T, |dx|, |dy|, |dz|, bound on their sum.
        (int T, double X, double Y, double Z, double Bound)[] table =
        [
            (10, 0.01103, 0.002753, 0.002874, 0.03412),
            (30, 0.03369, 0.00970, 0.01365, 0.1453),
            (100, 0.06634, 0.01854, 0.02838, 1.012),
            (300, 0.08824, 0.02466, 0.03878, 31.4),
            (1000, 0.09098, 0.02569, 0.04065, 2.4e6),
        ];
        var distances = Distances(Single(), 50, [.. table.Select(r => r.T)]);
        for (int i = 0; i < table.Length; i++)
        {
            var (row, (x, y, z)) = (table[i], distances[i]);
            Assert.True(x + y + z <= row.Bound);
            Near(row.X, x);
            Near(row.Y, y);
            Near(row.Z, z);
        }
    }

    [Theory]
    [InlineData(25, 0.2965, 62.9)]
    [InlineData(100, 0.0729, 15.7)]
    [InlineData(400, 0.0196, 3.93)]
    public void It_falls_with_the_number_of_upper_examples(int examples, double sum, double bound) => Check(Single(), examples, 300, sum, bound);

    [Theory]
    [InlineData(0.01, 0.0356, 0.114)]
    [InlineData(0.1, 0.143, 4.09)]
    [InlineData(1, 0.168, 1.2e5)]
    public void It_grows_with_the_step(double eta, double sum, double bound) => Check(Single(eta), 50, 100, sum, bound);

    [Theory]
    [InlineData(0.3, StepDecay.Fixed, 0.95, 0.150, 4e7)]
    [InlineData(0.3, StepDecay.Exponential, 0.95, 0.138, 1.22)]
    [InlineData(0.3, StepDecay.Exponential, 0.85, 0.0679, 0.230)]
    [InlineData(0.9, StepDecay.Inverse, 0.95, 0.124, 1.28)]
    public void Decaying_steps_hold_it_down(double eta, StepDecay decay, double rate, double sum, double bound) =>
        Check(Single(eta) with { UpperDecay = decay, UpperBase = rate }, 50, 300, sum, bound);

    [Theory]
    [InlineData(1, Initialisation.Warm, 0.1133, 1.01)]
    [InlineData(5, Initialisation.Warm, 0.1142, 1.40)]
    [InlineData(20, Initialisation.Warm, 0.1143, 1.51)]
    [InlineData(1, Initialisation.Reinit, 0.0728, 0.208)]
    [InlineData(2, Initialisation.Reinit, 0.0825, 0.262)]
    [InlineData(5, Initialisation.Reinit, 0.102, 0.443)]
    [InlineData(20, Initialisation.Reinit, 0.115, 1.21)]
    public void Inner_steps_interleaved(int steps, Initialisation initialisation, double sum, double bound) => Check(Interleaved(steps, initialisation), 50, 100, sum, bound);

    [Theory]
    [InlineData(1, 0.1133, 1.01)]
    [InlineData(5, 0.1143, 1.40)]
    [InlineData(20, 0.1143, 1.48)]
    public void Inner_steps_nested(int steps, double sum, double bound) => Check(Nested(steps), 50, 100, sum, bound);

    [Fact]
    public void An_example_replaced_by_itself_changes_nothing()
    {
        var data = new Data(50, 1);
        var (a, b) = (data.Start(Single(), 1, -1, 0), data.Start(Single(), 1, 7, 7));
        for (int t = 0; t < 200; t++)
        {
            a.Step();
            b.Step();
        }

        Assert.Equal(a.Point.ToArray().Select(v => v.ToDoubles()), b.Point.ToArray().Select(v => v.ToDoubles()));
    }

    private static void Check(SaddleTrackingMethod method, int examples, int iterations, double sum, double bound)
    {
        var (x, y, z) = Distances(method, examples, [iterations])[0];
        Assert.True(x + y + z <= bound, FormattableString.Invariant($"{x + y + z} above {bound}"));
        Near(sum, x + y + z);
    }

    private static void Near(double printed, double measured) => Assert.InRange(measured, printed / (1 + Share), printed * (1 + Share));

    // The mean distances of x, y and z after so many iterations, over data seeds and replaced examples.
    private static (double X, double Y, double Z)[] Distances(SaddleTrackingMethod method, int examples, int[] checkpoints)
    {
        var sums = new (double X, double Y, double Z)[checkpoints.Length];
        for (int seed = 0; seed < DataSeeds; seed++)
        {
            var data = new Data(examples, (ulong)seed);
            IRun<DenseVector<double>>[] runs = [data.Start(method, (ulong)seed, -1, 0), .. Enumerable.Range(0, Replaced).Select(i => data.Start(method, (ulong)seed, i * examples / Replaced, examples + i))];
            for (int t = 0, next = 0; next < checkpoints.Length; t++)
            {
                if (t == checkpoints[next])
                {
                    foreach (var run in runs.Skip(1)) sums[next] = (sums[next].X + Distance(X1, run), sums[next].Y + Distance(Y1, run), sums[next].Z + Distance(Y2, run));
                    next++;
                }

                foreach (var run in runs) run.Step();
            }

            double Distance(int block, IRun<DenseVector<double>> run)
            {
                var difference = run.Point[block].Copy();
                difference.AddScaled(-1, runs[0].Point[block]);
                return difference.Norm();
            }
        }

        const double Count = DataSeeds * Replaced;
        return [.. sums.Select(s => (s.X / Count, s.Y / Count, s.Z / Count))];
    }

    // xi ~ N(1, 4 I), zeta ~ N(0, I) clipped to norm 2, and a few further xi for replacements.
    private sealed class Data
    {
        private readonly int examples;
        private readonly double[][] xi, zeta;

        public Data(int examples, ulong seed)
        {
            this.examples = examples;
            xi = [.. Enumerable.Range(0, examples + Replaced).Select(i => Normal(1000 + seed, i).Select(n => 1 + (2 * n)).ToArray())];
            zeta = [.. Enumerable.Range(0, LowerExamples).Select(i => Clipped(Normal(2000 + seed, i)))];
        }

        // A run with xi of one index replaced; an index of -1 replaces none.
        public IRun<DenseVector<double>> Start(SaddleTrackingMethod method, ulong seed, int index, int replacement)
        {
            double[][] used = [.. xi.Take(examples)];
            if (index >= 0) used[index] = xi[replacement];
            return method.Start(new BilevelMinimaxProblem<DenseVector<double>>(new Upper(used), new Lower(zeta)), BilevelMinimaxProblem.Start(Zeros(Dimension), Zeros(0), Zeros(Dimension), Zeros(Dimension)), seed);
        }

        private static DenseVector<double> Zeros(int length) => new(length);

        private static double[] Normal(ulong key, int index) => [.. Enumerable.Range(0, Dimension).Select(c => RandomBits.Normal(key, (ulong)((index * Dimension) + c)))];

        private static double[] Clipped(double[] vector)
        {
            double norm = Math.Sqrt(vector.Sum(v => v * v));
            return norm <= 2 ? vector : [.. vector.Select(v => 2 * v / norm)];
        }
    }

    // sqrt(1 + |x + 0.3 y + 0.3 z - xi|^2) + 0.05 |x|^2
    private sealed class Upper(double[][] xi) : PointObjective<DenseVector<double>>
    {
        private const double Coupling = 0.3, MuF = 0.1;

        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => throw new NotSupportedException();

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            if (block == X2) return;
            double[] example = xi[Minibatch.Index(sample, 0, xi.Length)];
            double square = 1;
            for (int i = 0; i < Dimension; i++)
            {
                result[i] = point[X1][i] + (Coupling * (point[Y1][i] + point[Y2][i])) - example[i];
                square += result[i] * result[i];
            }

            result.Scale((block == X1 ? 1 : Coupling) / Math.Sqrt(square));
            if (block == X1) result.AddScaled(MuF, point[X1]);
        }
    }

    // |y|^2/2 + y'z/2 - |z|^2/2 + y'(x/2 + zeta) - 0.3 z'x
    private sealed class Lower(double[][] zeta) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => throw new NotSupportedException();

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            double[] example = zeta[Minibatch.Index(sample, 0, zeta.Length)];
            for (int i = 0; i < Dimension; i++)
            {
                double x = point[0][i], y = point[1][i], z = point[2][i];
                result[i] = block == BilevelMinimaxProblem.Lower.Z1 ? y + (0.5 * z) + (0.5 * x) + example[i] : (0.5 * y) - z - (0.3 * x);
            }
        }
    }
}
