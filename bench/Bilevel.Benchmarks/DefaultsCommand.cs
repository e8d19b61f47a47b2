using System.Diagnostics;
using System.Globalization;
using Bilevel.Tasks;

namespace Bilevel.Benchmarks;

/// <summary>
/// <c>defaults [task] [--method NAME] [--seconds 20] [--threads 2]</c>: every method on every task as the tool runs it when told nothing
/// else: the task's preset of the method or the method's defaults, the task's tolerance and number of iterations. What is said is held
/// against what the task knows of its answer.
/// </summary>
internal static class DefaultsCommand
{
    /// <summary>Runs the command.</summary>
    public static void Run(string[] arguments)
    {
        var options = new Arguments(arguments);
        double seconds = options.Number("seconds", 20);
        string? method = options.Text("method");
        List<(string Name, Func<TaskInstance> Create)> problems = [.. Problems().Where(p => options.First is not { } name || p.Name == name)];
        List<(string Task, Func<TaskInstance> Create, MethodEntry Method)> runs =
            [.. problems.SelectMany(p => MethodCatalog.All.Where(m => method is null || m.Name == method).Select(m => (p.Name, p.Create, m)))];
        var rows = new DefaultRow[runs.Count];
        Parallel.For(0, runs.Count, new ParallelOptions { MaxDegreeOfParallelism = (int)options.Number("threads", 2) }, i => rows[i] = runs[i].Create().Accept(new DefaultVisitor(runs[i].Task, runs[i].Method, seconds)));

        Console.WriteLine("| task | method | outcome | status | certificate | F | known | true measure / tolerance | gradients | seconds |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|");
        foreach (var row in rows.Where(r => r.Outcome != Outcome.Refused)) Console.WriteLine(row);
        Console.WriteLine();
        string[] names = [.. MethodCatalog.All.Select(m => m.Name).Where(n => rows.Any(r => r.Method == n && r.Outcome != Outcome.Refused))];
        Console.WriteLine($"| task | {string.Join(" | ", names)} |");
        Console.WriteLine($"|---|{string.Concat(names.Select(_ => "---|"))}");
        foreach (var task in problems) Console.WriteLine($"| {task.Name} | {string.Join(" | ", names.Select(n => Sign(rows.FirstOrDefault(r => r.Task == task.Name && r.Method == n)?.Outcome)))} |");
        Console.WriteLine();
        foreach (var group in rows.GroupBy(r => r.Outcome).OrderBy(g => g.Key)) Console.WriteLine(FormattableString.Invariant($"{Sign(group.Key)}: {group.Count()} ({group.Key})"));
        foreach (var row in rows.Where(r => r.Outcome == Outcome.Refused).GroupBy(r => (r.Method, r.Status))) Console.WriteLine(FormattableString.Invariant($"refused: {row.Key.Method} on {string.Join(", ", row.Select(r => r.Task))}: {row.Key.Status}"));
    }

    private static IEnumerable<(string Name, Func<TaskInstance> Create)> Problems()
    {
        foreach (var task in TaskCatalog.All) yield return (task.Name, () => task.Create([], new TaskContext()));
        foreach (var (name, create) in KnownProblems.All.Where(p => TaskCatalog.All.All(t => t.Name != p.Name))) yield return (name, create);
        foreach (var (name, create) in KnownProblems.Minimax.Where(p => TaskCatalog.All.All(t => t.Name != p.Name))) yield return (name, create);
    }

    private static string Sign(Outcome? outcome) => outcome switch
    {
        Outcome.Certified => "certified",
        Outcome.Said => "said",
        Outcome.SolvedUnsaid => "unsaid",
        Outcome.NotSolved => "not",
        Outcome.Unknown => "?",
        Outcome.Wrong => "**WRONG**",
        Outcome.Failed => "**failed**",
        _ => "",
    };

    /// <summary>What was reached, and what was said of it.</summary>
    internal enum Outcome
    {
        /// <summary>Certified, and nothing known contradicts it.</summary>
        Certified,

        /// <summary>Solved as far as is known, and said to be converged.</summary>
        Said,

        /// <summary>Solved, and not said so.</summary>
        SolvedUnsaid,

        /// <summary>Not solved, and not said to be.</summary>
        NotSolved,

        /// <summary>Said to be converged where the task knows nothing to hold it against.</summary>
        Unknown,

        /// <summary>Said to be converged or certified, and it is not so.</summary>
        Wrong,

        /// <summary>An exception.</summary>
        Failed,

        /// <summary>The method refused the problem.</summary>
        Refused,
    }

    private sealed record DefaultRow(string Task, string Method, Outcome Outcome, string Status, string Verdict = "", double Value = double.NaN, double Known = double.NaN, double Measure = double.NaN, long Gradients = 0, double Seconds = 0)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"| {Task} | {Method} | {Sign(Outcome)} | {Status} | {Verdict} | {Value:G6} | {(double.IsNaN(Known) ? "" : Known.ToString("G6", CultureInfo.InvariantCulture))} | {(double.IsNaN(Measure) ? "" : Measure.ToString("G3", CultureInfo.InvariantCulture))} | {Gradients:N0} | {Seconds:G2} |");
    }

    private sealed class DefaultVisitor(string task, MethodEntry entry, double seconds) : ITaskVisitor<DefaultRow>
    {
        // As the tool has it: a method that stops by its own residual gets half of the tolerance.
        private const double ResidualShare = 0.5;

        public DefaultRow Visit<V>(TaskInstance<V> instance)
            where V : class, IVector<V>
        {
            double share = instance.StopsByCertificate ? 1 : ResidualShare;
            var method = Configured(instance, share * instance.Tolerance);
            var rule = (instance.StopsByCertificate ? Stop.Certified(instance.Tolerance) : Stop.Residual(share * instance.Tolerance)) | Stop.Iterations(instance.Iterations) | Stop.Time(TimeSpan.FromSeconds(seconds));
            var watch = Stopwatch.StartNew();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(3 * seconds));
            try
            {
                var solution = new Driver { Stop = rule, CertifyAt = instance.Tolerance, Certifier = instance.Certifier }.Run(method, instance.Problem, instance.Start, seed: 0, limit.Token);
                double measure = Measure(instance, solution) / instance.Tolerance;
                bool certified = solution.Certificate?.Verdict == Verdict.Certified, said = certified || solution.Converged;
                var outcome = double.IsNaN(measure) ? certified ? Outcome.Certified : said ? Outcome.Unknown : Outcome.NotSolved
                    : measure <= Allowed(instance) ? certified ? Outcome.Certified : said ? Outcome.Said : Outcome.SolvedUnsaid
                    : said ? Outcome.Wrong : Outcome.NotSolved;
                return new DefaultRow(task, entry.Name, outcome, solution.Status.ToString(), solution.Certificate?.Verdict.ToString() ?? "none", solution.Certificate?.UpperValue ?? solution.UpperValue, instance.Answer?.UpperValue ?? double.NaN, measure, solution.OracleCalls, watch.Elapsed.TotalSeconds);
            }
            catch (InvalidProblemException e)
            {
                return new DefaultRow(task, entry.Name, Outcome.Refused, e.Message.ReplaceLineEndings(" "));
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                return new DefaultRow(task, entry.Name, Outcome.Failed, $"{e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}");
            }
        }

        // |grad F| to twice the tolerance; an epsilon-KKT point of a minimax problem promises it only up to a constant of the problem.
        private static double Allowed<V>(TaskInstance<V> instance)
            where V : class, IVector<V> => instance.Problem is BilevelMinimaxProblem<V> ? 10 : 2;

        private IMethod Configured(TaskInstance instance, double tolerance)
        {
            const string Name = "tolerance";
            var preset = instance.Preset(entry.Name);
            var own = entry.Schema.Settings.FirstOrDefault(s => s.Name == Name);
            return own is null || own.Read(preset) != own.Read(entry.Defaults) ? preset : entry.With(preset, [KeyValuePair.Create(Name, tolerance.ToString("R", CultureInfo.InvariantCulture))]);
        }

        // |grad F|, or its projected form, where the task knows it; the true gap of the lower level of a minimax problem; NaN otherwise.
        private static double Measure<V>(TaskInstance<V> instance, Solution<V> solution)
            where V : class, IVector<V>
        {
            if (instance.Answer?.Hypergradient is { } gradient)
            {
                // A leader who maximises goes up.
                double sign = instance.Problem is BilevelMinimaxProblem<V> { UpperSense: Sense.Maximise } ? 1 : -1;
                var step = Projected(gradient(solution.X));
                double norm = step.Norm();
                if (!(norm > instance.Tolerance)) return norm;

                // At a kink no gradient is small, but a convex combination of those on its two sides is: the other is looked for a tolerance further.
                var beyond = solution.X.Copy();
                beyond.AddScaled(instance.Tolerance / norm, step);
                instance.Problem.Blocks[0].Term.Project(beyond);
                var other = Projected(gradient(beyond));
                other.AddScaled(-1, step);
                double share = other.Norm() > 0 ? Math.Clamp(-step.Dot(other) / other.Dot(other), 0, 1) : 0;
                step.AddScaled(double.IsFinite(share) ? share : 0, other);
                return step.Norm();

                V Projected(V slope)
                {
                    var moved = solution.X.Copy();
                    moved.AddScaled(sign, slope);
                    instance.Problem.Blocks[0].Term.Project(moved);
                    moved.AddScaled(-1, solution.X);
                    return moved;
                }
            }

            return instance.Answer?.Gap is { } gap && solution.Point.Count == BilevelMinimaxProblem.BlockCount ? gap(solution.X, solution["y1"], solution["y2"]) : double.NaN;
        }
    }
}
