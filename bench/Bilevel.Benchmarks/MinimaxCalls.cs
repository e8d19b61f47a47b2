using System.Globalization;
using Bilevel.Tasks;

namespace Bilevel.Benchmarks;

/// <summary>
/// How many evaluations of the penalty function's rows the methods need until their point is certified, on the bilevel
/// minimax problems with known answers, as the tables of docs/numbers.md show it.
/// </summary>
internal static class MinimaxCalls
{
    private const long Most = 2_000_000, MostOfOthers = 400_000;

    private static readonly double[] Tolerances = [0.1, 0.03, 0.01, 0.001];

    // The printed figures of the fixed-step optimistic gradient method, certificate asked every 100 iterations.
    private static readonly Dictionary<string, double[]> Printed = new()
    {
        ["saddle-quadratic"] = [300, 1300, 4600, 69200],
        ["saddle-merely-convex"] = [600, 2100, 8400, 121900],
        ["constrained-qp-a"] = [300, 1300, 4600, 66000],
        ["constrained-qp-b"] = [double.NaN, double.NaN, 4800, 87100],
        ["constrained-qp-c"] = [300, 1100, 4000, 59900],
        ["group-dro-small"] = [100, 12000, 352000, double.NaN],
    };

    private static readonly string[] Problems =
    [
        "saddle-quadratic", "saddle-quadratic-nonconvex", "saddle-merely-convex", "constrained-qp-a", "constrained-qp-b", "constrained-qp-c",
        "group-dro-small", "saddle-generator", "saddle-generator-2", "matrix-game", "two-lines", "two-lines-critical",
    ];

    public static void Print()
    {
        var answers = Problems.ToDictionary(p => p, p => Tolerances.Select(eps => Run(p, new Auto { Tolerance = eps }, eps, 20, Most)).ToArray());
        Console.WriteLine("\n`auto` every 20 / every 100, reference (* as printed), reference over `auto` every 100\n");
        foreach (string problem in Problems)
        {
            var cells = new List<string>();
            for (int i = 0; i < Tolerances.Length; i++)
            {
                double eps = Tolerances[i];
                long every20 = Calls(answers[problem][i]), every100 = Calls(Run(problem, new Auto { Tolerance = eps }, eps, 100, Most));
                double printed = Printed.GetValueOrDefault(problem)?[i] ?? double.NaN;
                var reference = Run(problem, Ogda.Reference(eps, KnownProblems.CreateMinimax(problem).Problem.Constants), eps, 100, Most);
                string figure = reference.Converged ? Text(reference.Iterations) : ">" + Text(Most);
                if (reference.Converged && printed == reference.Iterations) figure += "*";
                else if (double.IsFinite(printed)) figure += string.Create(CultureInfo.InvariantCulture, $" ({printed} printed)");
                string ratio = string.Create(CultureInfo.InvariantCulture, $"{(double)reference.Iterations / every100:G3}");
                cells.Add($"{Text(every20)} / {Text(every100)}, {figure}, {(reference.Converged ? "" : ">")}{ratio}");
            }

            Console.WriteLine($"| `{problem}` | {string.Join(" | ", cells)} |");
        }

        Console.WriteLine("\nanswers of `auto`: x1 at each tolerance, x1*, F - F* at the last; slope of calls every 20\n");
        foreach (string problem in Problems)
        {
            var answer = KnownProblems.CreateMinimax(problem).Answer!;
            var solutions = answers[problem];
            string[] x1 = [.. solutions.Select(s => s.X.Length > 2 ? "|.| = " + Number(s.X.Norm()) : string.Join(", ", s.X.ToDoubles().Select(Number)))];
            string best = answer.X is not { } known ? "not unique" : known.Length > 2 ? "|.| = " + Number(known.Norm()) : string.Join(", ", known.ToDoubles().Select(Number));
            double[] distances = [.. solutions.Select(s => answer.X is { } a ? Distance(s.X, a) : double.NaN)];
            double above = answer.Hyperobjective!(solutions[^1].X) - answer.UpperValue!.Value;
            Console.WriteLine($"| `{problem}` | {string.Join(" | ", x1)} | {best} | {string.Join(", ", distances.Select(Short))} | {Short(above)} | {Short(Slope([.. solutions.Select(Calls)]))} |");
        }

        Console.WriteLine("\nother methods, every 20\n");
        foreach (string problem in Problems)
        {
            var cells = new List<string>();
            foreach (Func<double, IMethod> method in new Func<double, IMethod>[] { eps => new Extragradient { Tolerance = eps }, eps => new SmoothedExtragradient { Tolerance = eps }, eps => new GradientDescentAscent { Tolerance = eps } })
            {
                foreach (double eps in new[] { 0.1, 0.01, 0.001 })
                {
                    var solution = Run(problem, method(eps), eps, 20, MostOfOthers);
                    cells.Add(solution.Converged ? Text(Calls(solution)) : "-");
                }
            }

            Console.WriteLine($"| `{problem}` | {string.Join(" | ", cells)} |");
        }

        Console.WriteLine("\ngradients of one certificate at the answers of `auto`, quick / full, and microseconds\n");
        foreach (string problem in Problems)
        {
            var cells = new List<string>();
            foreach (int i in new[] { 0, 2, 3 })
            {
                var (solution, instance) = (answers[problem][i], KnownProblems.CreateMinimax(problem));
                foreach (bool quick in new[] { true, false })
                {
                    var certificate = new KktCertificate();
                    Certificate Ask() => certificate.Check(instance.Problem, solution.Point, Tolerances[i], solution.Penalty, quick).Certificate;
                    var times = new double[25];
                    long gradients = 0;
                    for (int t = 0; t < times.Length; t++)
                    {
                        long began = TimeProvider.System.GetTimestamp();
                        gradients = Ask().OracleCalls;
                        times[t] = TimeProvider.System.GetElapsedTime(began).TotalMicroseconds;
                    }

                    Array.Sort(times);
                    cells.Add(string.Create(CultureInfo.InvariantCulture, $"{gradients} ({times[times.Length / 2]:F0} us)"));
                }
            }

            // At the start, where nothing passes: what the rule pays at most of its questions.
            var beginning = KnownProblems.CreateMinimax(problem);
            cells.Add(Text(new KktCertificate().Check(beginning.Problem, beginning.Start, 0.01, 100, quick: true).Certificate.OracleCalls));
            Console.WriteLine($"| `{problem}` | {string.Join(" | ", cells)} |");
        }
    }

    private static Solution<DenseVector<double>> Run(string name, IMethod method, double tolerance, long every, long most)
    {
        var instance = KnownProblems.CreateMinimax(name);
        return new Driver { Stop = Stop.Certified(tolerance, every) | Stop.Iterations(most) }.Run(method, instance.Problem, instance.Start);
    }

    private static long Calls(Solution<DenseVector<double>> solution) => Math.Max(solution.UpperCalls.Points, (solution.LowerCalls.Points + 1) / 2);

    private static double Distance(DenseVector<double> x, DenseVector<double> solution)
    {
        var difference = x.Copy();
        difference.AddScaled(-1, solution);
        return difference.Norm();
    }

    // Least squares of log calls against log 1/eps.
    private static double Slope(long[] calls)
    {
        double[] x = [.. Tolerances.Select(eps => Math.Log(1 / eps))], y = [.. calls.Select(c => Math.Log(c))];
        return x.Zip(y, (a, b) => (a - x.Average()) * (b - y.Average())).Sum() / x.Sum(a => (a - x.Average()) * (a - x.Average()));
    }

    private static string Text(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Number(double number) => number.ToString("F4", CultureInfo.InvariantCulture);

    private static string Short(double number) => number.ToString("G2", CultureInfo.InvariantCulture);
}
