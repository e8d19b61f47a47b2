using System.Diagnostics;
using System.Globalization;
using System.Numerics.Tensors;
using Bilevel.Tasks;
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Benchmarks;

/// <summary>
/// The methods for constrained lower levels side by side: gradients and processor seconds until the follower's answer is feasible and
/// optimal to 1e-2, and until the leader's value is within one per cent of the best besides, as docs/numbers.md shows it. Only the
/// method's own work is timed, not what it is judged by.
/// </summary>
internal static class ConstrainedRace
{
    private const double Feasible = 1e-2, Optimal = 1e-2, Share = 1e-2;

    /// <summary>Runs every method on every problem and prints a table.</summary>
    /// <param name="seconds">Most processor seconds of a method on a problem.</param>
    public static void Print(double seconds)
    {
        foreach (var problem in (Racer[])[.. Quadratic(), Linear(1), Linear(5)])
        {
            Console.WriteLine($"\n{problem.Name}, best {problem.Best.ToString("G7", CultureInfo.InvariantCulture)}\n");
            Console.WriteLine($"| method | follower's answer: gradients / seconds | and the leader's: gradients / seconds | infeasibility | lower gap | {problem.Leader} |");
            Console.WriteLine("|---|---|---|---|---|---|");
            foreach (var (name, create) in problem.Methods) Console.WriteLine(Row(problem, name, create(), seconds));
        }
    }

    private static string Row(Racer problem, string name, Entry entry, double seconds)
    {
        var (instance, method) = entry;
        Warm(instance, method);
        OracleCounts upper = new(UpperCount), lower = new(LowerCount);
        var counted = (BilevelMinimaxProblem<DenseVector<double>>)instance.Problem.With(new CountingObjective<DenseVector<double>>(instance.Problem.Upper, upper), new CountingObjective<DenseVector<double>>(instance.Problem.Lower, lower));
        var began = Environment.CpuUsage.TotalTime;
        var run = method.Start(counted, instance.Start, 0);
        var spent = Environment.CpuUsage.TotalTime - began;
        string? follower = null, leader = null;
        var at = problem.Judge(run.Point);
        for (long k = 0; leader is null && spent.TotalSeconds < seconds && !double.IsInfinity(run.Residual);)
        {
            began = Environment.CpuUsage.TotalTime;
            for (long due = k + Math.Max(1, k / 50); k < due; k++) run.Step();
            spent += Environment.CpuUsage.TotalTime - began;
            at = problem.Judge(run.Point);
            bool answers = at.Infeasibility <= Feasible && Math.Abs(at.LowerGap) <= Optimal;
            if (answers) follower ??= Spent();
            if (answers && Math.Abs(at.Upper - problem.Best) <= Share * Math.Abs(problem.Best)) leader = Spent();
        }

        string end = "not in " + Spent();
        return string.Create(CultureInfo.InvariantCulture, $"| {name} | {follower ?? end} | {leader ?? end} | {at.Infeasibility:G2} | {at.LowerGap:G2} | {at.Upper:G6} |");

        string Spent() => string.Create(CultureInfo.InvariantCulture, $"{upper.Total + lower.Total:N0} / {spent.TotalSeconds:G2}");
    }

    // What is compiled while it runs is compiled before the clock starts.
    private static void Warm(MinimaxInstance<DenseVector<double>> instance, IBilevelMinimaxMethod method)
    {
        var run = method.Start(instance.Problem, instance.Start, 0);
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed.TotalSeconds < 0.3) run.Step();
    }

    private static IEnumerable<Racer> Quadratic() => Enum.GetValues<ConstrainedQpCase>().Select(c =>
    {
        var settings = new ConstrainedQpSettings { Case = c };
        var answer = ConstrainedQpTask.Instance(settings).Answer!;
        double xb = c == ConstrainedQpCase.A ? 1 : 3.5;
        return new Racer($"`constrained-qp`, case {c.ToString().ToLowerInvariant()}", "F(x)", answer.UpperValue!.Value, Judge, Methods(() => ConstrainedQpTask.Instance(settings), () => ConstrainedQpTask.Instance(settings), new LvHba()));

        Verdict Judge(ReadOnlySpan<DenseVector<double>> point)
        {
            var (x, y) = (point[X1][0], point[Y1]);
            var best = ConstrainedQpTask.LowerSolution(x).Y;
            return new(Math.Max(0, y[0] + y[1] - x), (Square(y[0] - 2, y[1] - 1) - Square(best[0] - 2, best[1] - 1)) / 2, ConstrainedQpTask.Hyperobjective(x, xb));
        }
    });

    private static Racer Linear(int scale)
    {
        // The baselines get the constraints without the factor that suits ogda: LV-HBA moves its multipliers by their values,
        // and the quadratic penalty is on them. LV-HBA has the best of steps 0.05 and 0.5 and of c_0 = 1, 30, 100 and 300 at
        // scale 1.
        var settings = new ConstrainedLinearSettings { Scale = scale };
        var data = ConstrainedLinearTask.Data(settings);
        return new Racer(
            string.Create(CultureInfo.InvariantCulture, $"`constrained-linear`, ({data.UpperX.Length}, {data.UpperY.Length}, {data.Right.Length})"),
            "c'x + d'y",
            data.AllActive().Solve().Value,
            Judge,
            Methods(() => ConstrainedLinearTask.Instance(settings), () => ConstrainedLinearTask.Instance(settings with { RowFactor = 1 }), new LvHba { PenaltyStart = 30, StepJoint = 0.5, StepInner = 0.5, StepCentre = 0.1 }));

        Verdict Judge(ReadOnlySpan<DenseVector<double>> point)
        {
            ReadOnlySpan<double> x = point[X1].Span, y = point[Y1].Span;
            double infeasibility = data.Infeasibility(x, y), upper = data.Upper(x, y);

            // The linear program is solved only where its answer decides.
            var lower = infeasibility <= Feasible ? data.LowerLevel(x)?.Solve() : null;
            return new(infeasibility, lower?.Succeeded() == true ? TensorPrimitives.Dot(data.LowerCost, y) - lower.Bound : double.NaN, upper);
        }
    }

    private static (string, Func<Entry>)[] Methods(Func<MinimaxInstance<DenseVector<double>>> instance, Func<MinimaxInstance<DenseVector<double>>> unscaled, LvHba lvHba) =>
    [
        ("`auto` (`ogda`)", () => new(instance(), new Ogda { Tolerance = Optimal })),
        ("`proximal-point`", () => new(instance(), new ProximalPoint { Tolerance = Optimal })),
        ("`lu-mei`, paper", () => new(unscaled(), new FirstOrderPenalty { Tolerance = Optimal, Mode = FirstOrderPenaltyMode.Paper })),
        ("`lu-mei`, practical, fixed L", () => new(unscaled(), new FirstOrderPenalty { Tolerance = Optimal, AdaptiveSmoothness = false })),
        ("`lu-mei`, practical", () => new(unscaled(), new FirstOrderPenalty { Tolerance = Optimal })),
        ("`lv-hba`", () => new(unscaled(), lvHba)),
        ("`lv-hba`, sequential", () => new(unscaled(), lvHba with { Update = LvHbaUpdate.Sequential })),
    ];

    private static double Square(double a, double b) => (a * a) + (b * b);

    private delegate Verdict Judge(ReadOnlySpan<DenseVector<double>> point);

    private readonly record struct Verdict(double Infeasibility, double LowerGap, double Upper);

    private sealed record Entry(MinimaxInstance<DenseVector<double>> Instance, IBilevelMinimaxMethod Method);

    private sealed record Racer(string Name, string Leader, double Best, Judge Judge, (string Name, Func<Entry> Create)[] Methods);
}
