using Objective = Bilevel.FunctionObjective<Bilevel.DenseVector<double>>;

namespace Bilevel.Tests;

/// <summary>What is zero where a run starts proves nothing: no constant that was estimated there ends it.</summary>
public sealed class DeadZoneTests(ITestOutputHelper output)
{
    private static readonly Dictionary<string, IMethod> Methods = new()
    {
        ["f2sa"] = new F2sa(),
        ["f3sa"] = new F3sa(),
        ["f2sa-p"] = new F2saP(),
        ["f2ba"] = new F2ba(),
        ["f2ba-plus"] = new F2ba { Accelerated = true },
        ["acc-f2ba"] = new AccF2ba(),
        ["f2bsa"] = F2ba.Stochastic(8, 1e4, 10, 0.1),
        ["f3bsa"] = new F3bsa { Lambda = 1e4 },
        ["quasi-newton"] = new QuasiNewton(),
        ["auto"] = new Auto(),
        ["ogda"] = new Ogda(),
        ["extragradient"] = new Extragradient(),
        ["ssgda"] = new Ssgda(),
        ["lv-hba"] = new LvHba(),
        ["constrained-quasi-newton"] = new ConstrainedQuasiNewton(),
    };

    public static TheoryData<string> Names => [.. Methods.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_coupling_that_is_zero_at_the_start_ends_no_run(string name)
    {
        const double Tolerance = 1e-4;
        int converged = 0;
        for (ulong seed = 0; seed < 12; seed++)
        {
            var (problem, slope, x, y) = Draw(seed);
            var solution = new Driver { Stop = Stop.Residual(Tolerance) | Stop.Iterations(3000) }.Run(Methods[name], problem, [x, y]);
            if (!solution.Converged) continue;
            converged++;
            double truth = slope(solution.X[0]);
            Assert.True(truth <= 2 * Tolerance, $"{name}, seed {seed}: |F'| = {truth} at x = {solution.X[0]} after {solution.Iterations}: {solution.StatusMessage}");
        }

        output.WriteLine($"{name}: {converged} of 12 converged");
    }

    [Fact]
    public void Methods_that_choose_lambda_leave_a_dead_zone()
    {
        foreach (string name in new[] { "f2ba", "f2ba-plus", "auto" })
        {
            for (ulong seed = 0; seed < 12; seed++)
            {
                var (problem, slope, x, y) = Draw(seed);
                var solution = new Driver { Stop = Stop.Residual(1e-4) | Stop.Iterations(3000) }.Run(Methods[name], problem, [x, y]);
                Assert.True(slope(solution.X[0]) < 1e-2, $"{name}, seed {seed}: {slope(solution.X[0])} at x = {solution.X[0]}: {solution.StatusMessage}");
            }
        }
    }

    // f = ((y - a)^2 + r x^2)/2. Even seeds: g is flat where |y - x| <= w, and the leader chooses among the follower's answers. Odd
    // seeds: g = (y - b)^2/2 + c e^x y^2/2 from y = 0, where g_xy = c e^x y is zero and the answer is not.
    private static (BilevelProblem<DenseVector<double>> Problem, Func<double, double> Slope, DenseVector<double> X, DenseVector<double> Y) Draw(ulong seed)
    {
        double Uniform(ulong i, double low, double high) => low + ((high - low) * RandomBits.Uniform(seed, i));
        double w = Uniform(0, 0.5, 2), r = Uniform(1, 0.02, 0.3), x0 = Uniform(2, -1, 1), a = x0 + w + Uniform(3, 0.5, 3), b = Uniform(4, 0.5, 2), c = Uniform(5, 0.5, 2);
        var upper = new Objective((x, y) => (Math.Pow(y[0] - a, 2) + (r * x[0] * x[0])) / 2, (x, _, result) => result[0] = r * x[0], (_, y, result) => result[0] = y[0] - a);
        if (seed % 2 == 0)
        {
            double Beyond(double t) => t - Math.Clamp(t, -w, w);
            var lower = new Objective(
                (x, y) => Math.Pow(Beyond(y[0] - x[0]), 2) / 2, (x, y, result) => result[0] = -Beyond(y[0] - x[0]), (x, y, result) => result[0] = Beyond(y[0] - x[0]));
            return (new(upper, lower), x => Math.Abs((r * x) - Beyond(a - x)), Vectors.Of(x0), Vectors.Of(x0));
        }

        var turning = new Objective(
            (x, y) => (Math.Pow(y[0] - b, 2) / 2) + (c * Math.Exp(x[0]) * y[0] * y[0] / 2),
            (x, y, result) => result[0] = c * Math.Exp(x[0]) * y[0] * y[0] / 2,
            (x, y, result) => result[0] = y[0] - b + (c * Math.Exp(x[0]) * y[0]));
        return (
            new(upper, turning),
            x =>
            {
                // y* = b / (1 + c e^x)
                double answer = b / (1 + (c * Math.Exp(x)));
                return Math.Abs((r * x) + ((answer - a) * -answer * answer * c * Math.Exp(x) / b));
            },
            Vectors.Of(x0),
            Vectors.Of(0));
    }
}
