using Bilevel.Tasks;

namespace Bilevel.Cli.TestHost;

/// <summary>The tasks of the tests: each a quadratic, each with one property that a test needs.</summary>
public static class TestTasks
{
    public static IReadOnlyList<ITask> All { get; } =
    [
        new ToyTask("toy", "Quadratic with the answer x = c/2 in every component."),
        new ToyTask("slow", "The same with a pause in every evaluation.") { IsSlow = true },
        new ToyTask("plain", "The same without files of its own.") { WritesFile = false },
        new ToyTask("runaway", "A lower level whose step sizes are wrong on purpose, so that the run breaks down.") { RunsAway = true },
        new ToyTask("unchecked", "The same without declared constants, so that no certificate can be computed.") { DeclaresConstants = false },
        new ToyTask("bottomless", "A lower level that falls without end.") { IsBottomless = true },
        new ToyTask("doubted", "The same with a certificate that speaks against every answer.") { Certifier = new ToyTask.Doubt() },
        new ToyTask("wells", "An upper level with two wells, the worse one near the start.") { HasWells = true },
        new ToyTask("repeated", "A task that measures upper_value itself.") { RepeatsUpperValue = true },
        new ToyTask("wrong", "A lower level with a wrong gradient.") { HasWrongGradient = true },
        new PhasedTask(),
        new ToyTask("gallery", "A report with a section of every kind.") { HasSections = true },
        new ToyTask("<script>alert('task')</script>", "A task whose every text is <script>alert('markup')</script> & \"more\".") { IsHostile = true },
    ];
}

/// <summary>The settings of the test tasks.</summary>
public sealed record ToySettings
{
    /// <summary>Number of components.</summary>
    [Setting("Number of components.", Min = 1, Max = 1000)]
    public int Size { get; init; } = 3;

    /// <summary>Target c of the upper level.</summary>
    [Setting("Target c of the upper level.", Min = -100, Max = 100)]
    public double Target { get; init; } = 1;

    /// <summary>Shares its name with a setting of the methods.</summary>
    [Setting("Shares its name with a setting of the methods.", Min = 0)]
    public double Momentum { get; init; } = 0.25;

    /// <summary>Fails when it is built, as a task with unusable data does.</summary>
    [Setting("Fails when it is built, as a task with unusable data does.")]
    public bool BadData { get; init; }
}

/// <summary>f = |x - c|^2/2 + |y|^2/2 + a quartic in x, g = |y - x|^2/2.</summary>
public sealed class ToyTask(string name, string summary) : TaskOf<ToySettings>
{
    public bool IsSlow { get; init; }

    public bool WritesFile { get; init; } = true;

    public bool RunsAway { get; init; }

    public bool DeclaresConstants { get; init; } = true;

    public bool HasWrongGradient { get; init; }

    public bool HasSections { get; init; }

    public bool IsBottomless { get; init; }

    public bool HasWells { get; init; }

    public bool RepeatsUpperValue { get; init; }

    public ICertifier? Certifier { get; init; }

    public bool IsHostile { get; init; }

    public override string Name => name;

    public override string Summary => summary;

    public override TaskInstance Create(ToySettings settings, TaskContext context)
    {
        if (settings.BadData) throw new InputException("The file toy.csv, line 3, holds 'abc' where a number belongs. Mend that line.");
        int n = settings.Size;
        double c = settings.Target, wrong = HasWrongGradient ? 1.1 : 1;
        var random = new DenseVector<double>(n);
        random.Fill(i => RandomBits.Normal(context.Seed, (ulong)i));
        IObjective<DenseVector<double>> upper = new FunctionObjective<DenseVector<double>>(
            (x, y) =>
            {
                double sum = 0;
                for (int i = 0; i < n; i++) sum += HasWells ? Well(y[i]) : (0.5 * (x[i] - c) * (x[i] - c)) + (0.5 * y[i] * y[i]);
                return sum;
            },
            (x, y, g) =>
            {
                for (int i = 0; i < n; i++) g[i] = HasWells ? 0 : x[i] - c;
            },
            (x, y, g) =>
            {
                for (int i = 0; i < n; i++) g[i] = HasWells ? WellSlope(y[i]) : y[i];
            });
        IObjective<DenseVector<double>> lower = new FunctionObjective<DenseVector<double>>(
            (x, y) =>
            {
                if (IsSlow) Thread.Sleep(1);
                double sum = 0;
                for (int i = 0; i < n; i++) sum += IsBottomless ? x[i] - y[i] : 0.5 * (y[i] - x[i]) * (y[i] - x[i]);
                return sum;
            },
            (x, y, g) =>
            {
                for (int i = 0; i < n; i++) g[i] = IsBottomless ? 1 : wrong * (x[i] - y[i]);
            },
            (x, y, g) =>
            {
                for (int i = 0; i < n; i++) g[i] = IsBottomless ? -1 : y[i] - x[i];
                if (IsSlow) Thread.Sleep(1);
            });
        var constants = new ProblemConstants { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = 1, LowerHessianLipschitz = 0, UpperSmoothness = HasWells ? 500 : 1, UpperCoupling = 0 };
        IMethod preset = IsSlow ? new F2sa { StepX = 0.02, LambdaGrowth = 1.02 }
            : RunsAway ? new F2sa { StepX = 1000, LambdaGrowth = 1 }
            : HasWells ? new F2ba { Accelerated = true, StepX = 0.02 }
            : new F2ba { Accelerated = true };
        return new BilevelInstance<DenseVector<double>>(new BilevelProblem<DenseVector<double>>(upper, lower) { Constants = DeclaresConstants && !IsBottomless ? constants : new ProblemConstants() }, random, new DenseVector<double>(n))
        {
            Components = v => v.ToDoubles(),
            Certifier = Certifier,
            FileNames = ["announced.csv"],
            Presets = [preset],
            Iterations = IsSlow ? 400 : 1000,
            Tolerance = 1e-4,
            Notes = IsHostile ? ["Note with <script>alert('note')</script>."] : WritesFile ? [$"{n} components, made from seed {context.Seed}."] : [],
            Evaluate = solution => new TaskOutcome
            {
                Metrics = [new("distance", Distance(solution.X, c / 2), IsHostile ? "<script>alert('metric')</script>" : "distance of x from the known answer"), new("undefined", double.NaN, "a number that is not one"), .. RepeatsUpperValue ? [new NamedNumber("upper_value", solution.UpperValue + 1e-9, "F(x): in the task's words")] : Array.Empty<NamedNumber>()],
                Files = WritesFile ? [new OutputFile("components.csv", IsHostile ? "<script>alert('file')</script>" : "x once more", writer => writer.WriteLine("x"))] : [],
                Sections = HasSections ? Gallery.Sections(context.Seed) : IsHostile ? Gallery.Filled("<script>alert('section')</script>") : [],
                References = HasSections ? Gallery.References : IsHostile ? [new(ReportCurve.UpperValue, "<script>alert('reference')</script>", 1)] : [],
                Summary = IsHostile ? "<script>alert('summary')</script>" : "",
            },
        };
    }

    // (y^2 - 1)^2 + 0.3 y: wells near -1.04 and 0.96.
    private static double Well(double y) => (((y * y) - 1) * ((y * y) - 1)) + (0.3 * y);

    private static double WellSlope(double y) => (4 * y * ((y * y) - 1)) + 0.3;

    // A certifier to which every answer is 45 times above the tolerance.
    internal sealed record Doubt : ICertifier
    {
        public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
            where V : class, IVector<V>
        {
            string summary = FormattableString.Invariant($"Not certified: the hypergradient is {45 * tolerance:G3} in norm, above the tolerance {tolerance:G3}.");
            return new(new Certificate(Verdict.NotCertified, tolerance, summary, [], [], 0, 0, 0) { Objection = summary }, point);
        }
    }

    private static double Distance(DenseVector<double> x, double answer)
    {
        double sum = 0;
        for (int i = 0; i < x.Length; i++) sum += (x[i] - answer) * (x[i] - answer);
        return Math.Sqrt(sum);
    }
}
