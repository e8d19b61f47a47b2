namespace Bilevel.Tests;

/// <summary>Gradients that are wrong in one way or another are refused at the start, whatever the class of the problem.</summary>
public sealed class WrongGradientTests
{
    private const int Size = 1000, Trials = 20;

    public static TheoryData<string> Kinds => ["sign of one", "factor", "rounded", "added", "unwritten"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_wrong_gradient_is_refused_in_a_bilevel_problem(string kind)
    {
        for (ulong seed = 0; seed < Trials; seed++)
        {
            ulong drawn = RandomBits.At(seed, 5);
            bool isUpper = (drawn & 1) == 0;
            int block = (drawn & 2) == 0 ? BilevelProblem.X : BilevelProblem.Y;
            IObjective<DenseVector<double>> right = new Waves(seed), wrong = new Spoiled(right, block, kind, seed);
            var problem = new BilevelProblem<DenseVector<double>>(isUpper ? wrong : right, isUpper ? right : wrong);
            AssertRefused(Validator.Check([], problem, Start(seed, 0), Start(seed, 1)), isUpper, problem.Blocks[block].Name, $"{kind}, seed {seed}");
            Assert.Empty(Validator.Check([], problem with { Upper = right, Lower = right }, Start(seed, 0), Start(seed, 1)));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_wrong_gradient_is_refused_in_a_minimax_problem(string kind)
    {
        for (ulong seed = 0; seed < Trials; seed++)
        {
            int block = (int)(seed % 4);
            IObjective<DenseVector<double>> right = new Waves(seed), wrong = new Spoiled(right, block, kind, seed);
            var problem = new BilevelMinimaxProblem<DenseVector<double>>(wrong, right) { X2 = new Box<double>(-50, 50) };
            string name = problem.Blocks[problem.UpperBlocks[block]].Name;
            DenseVector<double>[] start = [.. Enumerable.Range(0, 6).Select(b => Start(seed, (ulong)b))];
            AssertRefused(Validator.Check([], problem, start), true, name, $"{kind}, seed {seed}");
        }
    }

    private static void AssertRefused(IReadOnlyList<Finding> findings, bool isUpper, string block, string what)
    {
        var errors = findings.Where(f => f.Severity == Severity.Error).ToList();
        Assert.True(errors.Count > 0, what);
        Assert.All(errors, e => Assert.Contains(isUpper ? "upper objective f" : "lower objective g", e.What, StringComparison.Ordinal));
        Assert.Contains(errors, e => e.What.Contains($" in {block} ", StringComparison.Ordinal) || e.What.Contains(block, StringComparison.Ordinal));
    }

    private static DenseVector<double> Start(ulong seed, ulong block)
    {
        var start = new DenseVector<double>(Size);
        start.Fill(i => 3 * RandomBits.Normal(RandomBits.At(seed, 100 + block), (ulong)i));
        return start;
    }

    // sum over the components of all blocks of a v^2 / 2 + b v + sin v, and (sum over the blocks of their mean)^2 / 2.
    private sealed class Waves(ulong seed) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double sum = 0;
            for (int b = 0; b < point.Length; b++)
            {
                for (int i = 0; i < point[b].Length; i++)
                {
                    double v = point[b][i];
                    sum += (Curvature(b, i) * v * v / 2) + (Slope(b, i) * v) + Math.Sin(v);
                }
            }

            return sum + (Mean(point) * Mean(point) / 2);
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            double mean = Mean(point) / point[block].Length;
            for (int i = 0; i < result.Length; i++) result[i] = (Curvature(block, i) * point[block][i]) + Slope(block, i) + Math.Cos(point[block][i]) + mean;
        }

        private double Curvature(int b, int i) => RandomBits.Uniform(RandomBits.At(seed, (ulong)b), (ulong)(2 * i));

        private double Slope(int b, int i) => RandomBits.Uniform(RandomBits.At(seed, (ulong)b), (ulong)((2 * i) + 1)) - 0.5;

        private static double Mean(ReadOnlySpan<DenseVector<double>> point)
        {
            double sum = 0;
            foreach (var block in point) sum += block.Span.ToArray().Average();
            return sum;
        }
    }

    private sealed class Spoiled(IObjective<DenseVector<double>> right, int block, string kind, ulong seed) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            var before = new DenseVector<double>[request.Gradients.Length];
            for (int o = 0; o < before.Length; o++) before[o] = request.Gradients[o].Result.Copy();
            right.Evaluate(request);
            for (int o = 0; o < before.Length; o++)
            {
                var output = request.Gradients[o];
                if (output.Block == block) Spoil(output.Result, before[o]);
            }
        }

        private void Spoil(DenseVector<double> result, DenseVector<double> before)
        {
            int one = (int)(RandomBits.At(seed, 9) % (ulong)result.Length);
            switch (kind)
            {
                case "sign of one": result[one] = -result[one]; break;
                case "factor": result.Scale(1.019); break;
                case "rounded":
                    for (int i = 0; i < result.Length; i++) result[i] = Math.Round(result[i], 3);
                    break;
                case "added": result.AddScaled(1, before); break;
                default: result.CopyFrom(before); break;
            }
        }
    }
}
