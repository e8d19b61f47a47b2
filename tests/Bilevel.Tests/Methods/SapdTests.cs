namespace Bilevel.Tests;

/// <summary>The stochastic penalty method, on gradients with noise whose exact values only the certificate and the ends of subproblems see.</summary>
public sealed class SapdTests(ITestOutputHelper output)
{
    private const double Deviation = 0.05;

    private static BilevelMinimaxProblem<DenseVector<double>> Exact(string name) => name == "T1" ? new SmallSaddle().Problem : KktProblems.T2();

    private static DenseVector<double>[] StartOf(string name) => name == "T1" ? SmallSaddle.Start() : KktProblems.Point([-1], [0], [-0.5, -0.5], [0]);

    private static BilevelMinimaxProblem<DenseVector<double>> Noisy(BilevelMinimaxProblem<DenseVector<double>> problem, double deviation = Deviation) => problem with
    {
        Upper = new GaussianNoise<double>(problem.Upper, deviation),
        Lower = new GaussianNoise<double>(problem.Lower, deviation),
    };

    private static long Calls(Solution<DenseVector<double>> solution) => Math.Max(solution.UpperCalls.Points, (solution.LowerCalls.Points + 1) / 2);

    [Fact]
    public void Explore()
    {
        foreach (string name in new[] { "T1", "T2" })
        foreach (double eps in new[] { 0.25, 0.1, 0.03 })
        foreach (int polish in new[] { 0, 2000 })
        foreach (ulong seed in new ulong[] { 1, 2, 3 })
        {
            var clock = System.Diagnostics.Stopwatch.StartNew();
            var solution = new Driver { Stop = Stop.Certified(eps, 5) | Stop.Iterations(100_000) | Stop.OracleCalls(name == "T1" ? 20_000_000 : 8_000_000), CertifyAt = eps, Validate = false }
                .Run(new Sapd { Tolerance = eps, Batch = 1, PolishSteps = polish }, Noisy(Exact(name)), StartOf(name), seed);
            output.WriteLine(FormattableString.Invariant($"{name} {eps} polish {polish} seed {seed}: {solution.Status} it {solution.Iterations} calls {Calls(solution)} x {solution.X[0]:F4} {clock.ElapsedMilliseconds} ms {solution.Certificate}"));
        }
    }
}
