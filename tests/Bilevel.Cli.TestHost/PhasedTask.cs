using Bilevel.Tasks;

namespace Bilevel.Cli.TestHost;

/// <summary>The settings of <see cref="PhasedTask"/>.</summary>
public sealed record PhasedSettings
{
    /// <summary>File of training rows.</summary>
    [Setting("File of training rows.")]
    public string Train { get; init; } = "";
}

/// <summary>
/// Hyper-cleaning of a table that waits in one of its phases, so that a test can end the process there: the phase is named by one
/// variable of the environment, and the file that appears when it is reached by another.
/// </summary>
public sealed class PhasedTask : TaskOf<PhasedSettings>
{
    /// <summary>Names the phase.</summary>
    public const string PhaseVariable = "BILEVEL_TEST_PHASE";

    /// <summary>Names the file that appears.</summary>
    public const string MarkVariable = "BILEVEL_TEST_MARK";

    /// <inheritdoc/>
    public override string Name => "phased";

    /// <inheritdoc/>
    public override string Summary => "Hyper-cleaning that can be stopped in any of its phases.";

    /// <inheritdoc/>
    public override TaskInstance Create(PhasedSettings settings, TaskContext context)
    {
        var inner = new HyperCleaning().Create(new HyperCleaningSettings { Train = settings.Train }, context with { Stage = stage => Reach(stage.StartsWith("baselines 2", StringComparison.Ordinal) ? "baselines" : "") });
        Reach("reading");
        var instance = (BilevelInstance<DenseVector<double>>)inner;
        return new BilevelInstance<DenseVector<double>>(instance.Problem with { Lower = new Waiting(instance.Problem.Lower) }, instance.X, instance.Y)
        {
            Components = instance.Components,
            Presets = instance.Presets,
            Iterations = instance.Iterations,
            Tolerance = instance.Tolerance,
            Certifier = new WaitingCertifier(),
            Notes = instance.Notes,
            FileNames = instance.FileNames,
            Hyperobjective = instance.Hyperobjective,
            Evaluate = solution =>
            {
                var outcome = instance.Evaluate(solution);
                return outcome with { Files = [.. outcome.Files.Select(file => file with { Write = writer => Half(file, writer) })] };
            },
        };
    }

    // Where the phase is reached the process waits to be ended.
    private static void Reach(string phase)
    {
        if (phase.Length == 0 || Environment.GetEnvironmentVariable(PhaseVariable) != phase || Environment.GetEnvironmentVariable(MarkVariable) is not { } mark) return;
        File.WriteAllText(mark, phase);
        Thread.Sleep(TimeSpan.FromSeconds(30));
    }

    private static void Half(OutputFile file, TextWriter writer)
    {
        using var text = new StringWriter { NewLine = "\n" };
        file.Write(text);
        string whole = text.ToString();
        writer.Write(whole.AsSpan(0, whole.Length / 2));
        writer.Flush();
        Reach("writing");
        writer.Write(whole.AsSpan(whole.Length / 2));
    }

    private sealed class Waiting(IObjective<DenseVector<double>> inner) : IObjective<DenseVector<double>>
    {
        // Behind the checks of the start and the first checkpoints.
        private const int Calls = 150;

        private int calls;

        public void Evaluate(in Request<DenseVector<double>> request)
        {
            if (++calls == Calls) Reach("run");
            inner.Evaluate(request);
        }
    }

    private sealed record WaitingCertifier : ICertifier
    {
        public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
            where V : class, IVector<V>
        {
            Reach("certificate");
            return Certifiers.For(problem).Check(problem, point, tolerance, penalty, quick);
        }
    }
}
