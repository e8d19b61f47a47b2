using System.Globalization;
using Bilevel.Tasks;

namespace Bilevel.Benchmarks;

/// <summary>
/// The measured reference of the stochastic penalty method (bilevel minimax, section 9.4), and how many evaluations of
/// the penalty function's rows sapd needs beside the optimistic gradient method on exact gradients, as docs/methods/sapd.md shows it.
/// </summary>
internal static class StochasticCalls
{
    private const double Deviation = 0.05;

    private const int ReferenceIterations = 20_000, ReferenceSubproblems = 400, Bunch = 50;

    private static readonly string[] Problems = ["saddle-quadratic", "saddle-merely-convex", "constrained-qp-a", "group-dro-small"];

    public static void Print()
    {
        Console.WriteLine("calls until certified: ogda, exact / sapd, exact / sapd, noise 0.05, batch 1, least to most of five seeds\n");
        foreach (string name in Problems)
        {
            foreach (double tolerance in new[] { 0.25, 0.1, 0.03 })
            {
                var instance = KnownProblems.CreateMinimax(name);
                string Exact(IMethod method) => Text(Run(method, instance.Problem, instance, tolerance, 0));
                var noisy = Enumerable.Range(3001, 5).Select(seed => Run(new Sapd { Tolerance = tolerance, Batch = 1 }, Noisy(instance.Problem), instance, tolerance, (ulong)seed)).OrderBy(Calls).ToArray();
                string range = noisy.All(s => s.Converged) ? $"{Text(noisy[0])} to {Text(noisy[^1])}" : $"{noisy.Count(s => s.Converged)} of {noisy.Length}";
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| `{name}` | {tolerance} | {Exact(new Ogda { Tolerance = tolerance })} | {Exact(new Sapd { Tolerance = tolerance, Batch = 0 })} | {range} |"));
            }
        }

        Console.WriteLine("\nreference, epsilon = 0.25\n");
        foreach (var (name, diameter, minimiserNoise, maximiserNoise) in new[] { ("saddle-quadratic", 12, 0.37, 0.29), ("saddle-merely-convex", 8.94427191, 0.45, 0.4) })
        {
            var instance = KnownProblems.CreateMinimax(name);
            var method = Sapd.Reference(0.25, instance.Problem.Constants, diameter, minimiserNoise, maximiserNoise, ReferenceIterations);
            var solution = new Driver { Stop = Stop.Iterations((long)ReferenceSubproblems * ReferenceIterations / Bunch), CertifyAt = 0.25 }.Run(method, Noisy(instance.Problem), instance.Start, 1);
            var certificate = solution.Certificate!;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| `{name}` | {Calls(solution):N0} | {certificate["minimiser_residual"]:G3} | {certificate["maximiser_residual"]:G3} | {certificate["gap_bound"]:G3} | {solution.X[0]:F4} | {certificate.Verdict} |"));
        }
    }

    private static BilevelMinimaxProblem<DenseVector<double>> Noisy(BilevelMinimaxProblem<DenseVector<double>> problem) => problem with
    {
        Upper = new GaussianNoise<double>(problem.Upper, Deviation),
        Lower = new GaussianNoise<double>(problem.Lower, Deviation),
    };

    private static Solution<DenseVector<double>> Run(IMethod method, BilevelMinimaxProblem<DenseVector<double>> problem, MinimaxInstance<DenseVector<double>> instance, double tolerance, ulong seed) =>
        new Driver { Stop = Stop.Certified(tolerance, 20) | Stop.OracleCalls(20_000_000) }.Run(method, problem, instance.Start, seed);

    private static long Calls(Solution<DenseVector<double>> solution) => Math.Max(solution.UpperCalls.Points, (solution.LowerCalls.Points + 1) / 2);

    private static string Text(Solution<DenseVector<double>> solution) => solution.Converged ? Calls(solution).ToString("N0", CultureInfo.InvariantCulture) : "-";
}
