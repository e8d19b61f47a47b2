using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Bilevel.Tasks.Tests.Recorded;

/// <summary>The runs whose bits are recorded: every method, with settings of its own, on every problem that it takes, for a fixed number of steps.</summary>
internal static class RecordedRuns
{
    private const long Seed = 5;

    // Lower levels of other curvature than one would leave after a few steps; what counts is that every statement of a step is passed.
    private static readonly (string Name, IMethod Method)[] Bilevel =
    [
        ("f2sa", new F2sa { InnerSteps = 3, StepX = 0.05 }),
        ("f2sa, published schedule", new F2sa { Schedule = F2saSchedule.NoNoise, Offset = 100, StepX = 0.05, CGamma = 0.05 }),
        ("f2sa, minibatches", new F2sa { InnerSteps = 2, StepX = 0.05, Batch = 16, Upper = new UpperStep { StepRule = StepRule.Momentum } }),
        ("f3sa", new F3sa { InnerSteps = 2, StepX = 0.05, Eta = 0.2, Batch = 16 }),
        ("f2sa-p", new F2saP { InnerSteps = 3, Lambda = 1000, StepX = 0.05 }),
        ("f2sa-p, order 3", new F2saP { Order = 3, InnerSteps = 3, Lambda = 1000, StepX = 0.05, Upper = new UpperStep { StepRule = StepRule.Normalised } }),
        ("f2ba", new F2ba { InnerLimit = 50, Tolerance = 1e-4, StepX = 0.1 }),
        ("f2ba-plus", new F2ba { Accelerated = true, InnerLimit = 50, Tolerance = 1e-4, StepX = 0.1 }),
        ("f2ba-plus, adam", new F2ba { Accelerated = true, Lambda = 100, InnerSteps = 10, StepX = 0.05, Upper = new UpperStep { StepRule = StepRule.Adam } }),
        ("f2ba-plus, adagrad-norm", new F2ba { Accelerated = true, Lambda = 100, InnerSteps = 10, StepX = 0.05, Upper = new UpperStep { StepRule = StepRule.AdagradNorm } }),
        ("quasi-newton", new QuasiNewton { Tolerance = 1e-4, Memory = 5, FirstMove = 0.5, InnerLimit = 200 }),
        ("quasi-newton, lambda fixed", new QuasiNewton { Tolerance = 1e-4, Lambda = 1000, Memory = 5, FirstMove = 0.5, InnerLimit = 200 }),
        ("acc-f2ba", new AccF2ba { Lambda = 100, InnerSteps = 10, StepX = 0.02, Tolerance = 1e-4 }),
        ("acc-f2ba-plus", new AccF2ba { Accelerated = true, InnerLimit = 50, StepX = 0.02, Tolerance = 1e-4 }),
        ("f2bsa", F2ba.Stochastic(batch: 16, lambda: 100, innerSteps: 3, stepX: 0.05)),
        ("f3bsa", new F3bsa { Batch = 16, Lambda = 100, InnerSteps = 3, StepX = 0.05, Eta = 0.2 }),
        ("ogda", new Ogda { Tolerance = 1e-2 }),
    ];

    private static readonly (string Name, IMethod Method)[] Minimax =
    [
        ("ogda", new Ogda { Tolerance = 1e-2 }),
        ("ogda, rho fixed", new Ogda { Tolerance = 1e-2, Schedule = new PenaltySchedule { Rho = 50 } }),
        ("extragradient", new Extragradient { Tolerance = 1e-2 }),
        ("smoothed-extragradient", new SmoothedExtragradient { Tolerance = 1e-2 }),
        ("gda", new GradientDescentAscent { Tolerance = 1e-2 }),
        ("proximal-point", new ProximalPoint { Tolerance = 1e-2, Diameter = 10 }),
        ("sapd", new Sapd { Tolerance = 1e-2, Batch = 0 }),
        ("ssgda", new Ssgda { Perturbation = 1e-2, StepUpper = 0.01 }),
        ("tsgda-1", new Tsgda1 { Perturbation = 1e-2 }),
        ("tsgda-2", new Tsgda2 { Perturbation = 1e-2 }),
        ("lv-hba", new LvHba()),
        ("lu-mei", new FirstOrderPenalty { Tolerance = 0.1 }),
        ("constrained-quasi-newton", new ConstrainedQuasiNewton { Tolerance = 1e-2, Memory = 5, InnerLimit = 200 }),
    ];

    // As hyper-cleaning likes them.
    private static readonly (string Name, IMethod Method, int Steps)[] Cleaning =
    [
        ("quasi-newton", new QuasiNewton { LambdaStart = 30, Lambda = 300, FirstMove = 28, Tolerance = 5e-5, Memory = 20 }, 4),
        ("f2sa", new F2sa { InnerSteps = 5, Batch = 500, SamplePerIteration = true, StepZ = 0.5, Lambda = 1, LambdaGrowth = 1, LambdaIncrement = 0.1, StepX = 0.05, Upper = new UpperStep { StepRule = StepRule.Adam } }, 20),
        ("f3sa", new F3sa { InnerSteps = 5, Batch = 500, Eta = 0.2, StepZ = 0.5, Lambda = 1, LambdaGrowth = 1, LambdaIncrement = 0.1, StepX = 0.05, Upper = new UpperStep { StepRule = StepRule.Adam } }, 10),
        ("f2sa-p", new F2saP { InnerSteps = 5, Batch = 500, Lambda = 100, StepLower = 0.5, StepX = 0.05, Upper = new UpperStep { StepRule = StepRule.Adam } }, 20),
        ("f2ba", new F2ba { Lambda = 100, InnerSteps = 20, StepX = 0.05, Upper = new UpperStep { StepRule = StepRule.Adam } }, 3),
        ("f2ba-plus", new F2ba { Accelerated = true, Lambda = 100, InnerSteps = 20, StepX = 0.05, Upper = new UpperStep { StepRule = StepRule.Adam } }, 3),
        ("acc-f2ba", new AccF2ba { Lambda = 100, InnerSteps = 20, StepX = 100 }, 3),
        ("acc-f2ba-plus", new AccF2ba { Accelerated = true, Lambda = 100, InnerSteps = 20, StepX = 100 }, 3),
        ("f2bsa", F2ba.Stochastic(batch: 500, lambda: 100, innerSteps: 10, stepX: 100), 10),
        ("f3bsa", new F3bsa { Batch = 500, Lambda = 100, InnerSteps = 10, StepX = 100, Eta = 0.2 }, 10),
    ];

    /// <summary>The runs on small problems, by the method; the name says which settings.</summary>
    public static IReadOnlyList<RecordedMethod> Small()
    {
        // Every problem is built once, for all methods.
        RecordedProblem[] known = [.. KnownProblems.All.Select(p => Problem(p.Name, p.Create))], minimax = [.. KnownProblems.Minimax.Select(p => Problem(p.Name, p.Create))];
        RecordedProblem[] digits = [Digits("digits, float64", "float64", null, "300", "200"), Digits("digits, float32", "float32", null, "300", "200")];
        return
        [
            .. Bilevel.Select(m => new RecordedMethod("bilevel: " + m.Name, m.Method, 10, known)),
            .. Minimax.Select(m => new RecordedMethod("minimax: " + m.Name, m.Method, 10, minimax)),
            .. Cleaning.Select(m => new RecordedMethod("cleaning: " + m.Name, m.Method, m.Steps, digits)),
        ];
    }

    /// <summary>The runs on MNIST.</summary>
    /// <param name="folder">The folder that holds mnist/.</param>
    public static IReadOnlyList<RecordedMethod> Mnist(string folder)
    {
        RecordedProblem[] images = [.. new[] { "float64", "float32" }.Select(p => Digits(p, p, Path.Combine(folder, "mnist"), "5000", "5000"))];
        return [.. Cleaning.Select(m => new RecordedMethod("mnist: " + m.Name, m.Method, m.Steps, images))];
    }

    private static RecordedProblem Problem(string name, Func<TaskInstance> create) => new(name, new Lazy<TaskInstance>(create));

    private static RecordedProblem Digits(string name, string precision, string? folder, string train, string validation) => Problem(name, () => new Tasks.HyperCleaning().Create(
        [new("precision", precision), new("train-size", train), new("validation-size", validation), new("test-size", "10"), new("corruption", "0.5"), new("corruption-kind", "uniform"), new("ridge", "0.001")],
        new TaskContext((ulong)Seed, folder, Environment.ProcessorCount)));

    /// <summary>Runs a method and takes the checksums of its point.</summary>
    internal sealed class Checksums(IMethod method, int steps) : ITaskVisitor<Checksum?>
    {
        public Checksum? Visit<V>(TaskInstance<V> instance)
            where V : class, IVector<V>
        {
            if (method.Validate(instance.Problem, instance.Start).Any(f => f.Severity == Severity.Error)) return null;
            var run = method.Start(instance.Problem, instance.Start, (ulong)Seed);
            for (int k = 0; k < steps; k++) run.Step();
            return new Checksum(Of(run.Point[..1]), Of(run.Point[1..]));
        }

        private static string Of<V>(ReadOnlySpan<V> blocks)
            where V : class, IVector<V>
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var block in blocks) hash.AppendData(Bytes(block));
            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }

        private static ReadOnlySpan<byte> Bytes<V>(V block)
            where V : class, IVector<V> => block switch
            {
                DenseVector<double> wide => Bytes<double>(wide.Span),
                DenseVector<float> narrow => Bytes<float>(narrow.Span),
                _ => throw new NotSupportedException($"No bytes of {typeof(V).Name} are known."),
            };

        private static ReadOnlySpan<byte> Bytes<T>(ReadOnlySpan<T> numbers)
            where T : unmanaged, INumberBase<T> => MemoryMarshal.AsBytes(numbers);
    }
}

/// <summary>A method whose runs are recorded.</summary>
/// <param name="Name">Names it, its settings and the kind of problem.</param>
/// <param name="Method">The method; what the record says of its settings goes first.</param>
/// <param name="Steps">Number of steps.</param>
/// <param name="Problems">The problems.</param>
internal sealed record RecordedMethod(string Name, IMethod Method, int Steps, IReadOnlyList<RecordedProblem> Problems);

/// <summary>A problem that recorded runs are made on.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Instance">The problem and its start.</param>
internal sealed record RecordedProblem(string Name, Lazy<TaskInstance> Instance);

/// <summary>SHA-256 of the bytes of the leader's block and of all others.</summary>
/// <param name="X">Of x.</param>
/// <param name="Y">Of y, or of the other blocks of a minimax problem in their order.</param>
internal sealed record Checksum(string X, string Y);
