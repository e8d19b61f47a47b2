using System.Globalization;

namespace Bilevel.Tasks.Tests.HyperCleaning;

/// <summary>The settings of the methods that hyper-cleaning brings: they fit tables of any size, or the method is refused with the reason.</summary>
public sealed class CleaningPresetTests : IDisposable
{
    // A long run of the default method, once for all.
    private static readonly Lazy<double> Best = new(() =>
    {
        using var own = new CleaningPresetTests();
        var instance = Create(own.Table(rows: 200, classes: 3, seed: 4));
        return instance.UpperValueAt(new Driver { Stop = Stop.Residual(1e-6) | Stop.Iterations(300) }.Run(instance.Presets[0], instance.Problem, instance.X, instance.Y, 4).Point);
    });

    private readonly string folder = Directory.CreateTempSubdirectory("bilevel-presets-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    public static TheoryData<string> Methods => [.. MethodCatalog.All.Select(m => m.Name).Where(n => n != "auto")];

    [Theory]
    [MemberData(nameof(Methods))]
    public void Every_method_works_on_a_small_table_or_is_refused_with_a_remedy(string name)
    {
        var instance = Create(Table(rows: 200, classes: 3, seed: 4));
        if (instance.Unsuited.TryGetValue(name, out string? reason))
        {
            Assert.StartsWith($"The method {name} ", reason);
            Assert.Contains("Use quasi-newton", reason);
            return;
        }

        // As the tool runs it, but for the limit.
        var method = Assert.Single(instance.Presets, p => p.Name == name);
        Assert.DoesNotContain(method.Validate(instance.Problem, instance.Start), f => f.Severity == Severity.Error);
        var solution = new Driver { Stop = Stop.Residual(instance.Tolerance / 2) | Stop.Iterations(300) }.Run(method, instance.Problem, instance.X, instance.Y, 4);
        double start = instance.UpperValueAt(instance.Start), end = instance.UpperValueAt(solution.Point), best = Best.Value;
        Assert.True(end - best <= 0.1 * (start - best), string.Create(CultureInfo.InvariantCulture, $"F fell from {start:G6} to {end:G6}, where {best:G6} is known."));
    }

    [Theory]
    [InlineData(200, 2)]
    [InlineData(300, 6)]
    [InlineData(800, 4)]
    public void The_default_method_is_certified_on_small_tables(int rows, int classes)
    {
        var instance = Create(Table(rows, classes, seed: (ulong)rows));
        var solution = new Driver { Stop = Stop.Residual(instance.Tolerance / 2) | Stop.Iterations(instance.Iterations), CertifyAt = instance.Tolerance }.Run(instance.Presets[0], instance.Problem, instance.X, instance.Y, 1);
        Assert.True(solution.Certificate!.Verdict == Verdict.Certified, solution.Certificate.Summary);
    }

    [Theory]
    [InlineData(1_000, 4)]
    [InlineData(20_000, 2)]
    public void The_default_stops_near_a_longer_run(int rows, int classes)
    {
        var instance = Create(Table(rows, classes, seed: (ulong)rows));
        double Run(double tolerance)
        {
            var solution = new Driver { Stop = Stop.Residual(tolerance) | Stop.Iterations(300) }.Run(((QuasiNewton)instance.Presets[0]) with { Tolerance = tolerance }, instance.Problem, instance.X, instance.Y, 1);
            return instance.UpperValueAt(solution.Point);
        }

        // Of what there is to gain.
        double start = instance.UpperValueAt(instance.Start), end = Run(instance.Tolerance / 2), best = Run(instance.Tolerance / 50), early = Run(1e-2);
        Assert.InRange((end - best) / (start - best), -1e-6, 5e-3);
        Assert.True((early - best) / (start - best) > 2e-2);
    }

    [Theory]
    [InlineData(200, 1e-4)]
    [InlineData(5_000, 1e-4)]
    [InlineData(50_000, 1e-5)]
    [InlineData(1_000_000, 5e-7)]
    public void The_tolerance_falls_with_the_number_of_rows(int rows, double expected)
    {
        Assert.Equal(expected, CleaningPresets.Tolerance(rows), expected * 1e-12);

        // The methods aim at what the tool leaves them.
        Assert.Equal(expected / 2, CleaningPresets.Of(rows, rows, 0.5).OfType<QuasiNewton>().Single().Tolerance, expected * 1e-12);
    }

    [Fact]
    public void A_minibatch_never_has_more_items_than_there_are_rows()
    {
        foreach (var (rows, trusted) in new[] { (160, 40), (2500, 100), (100_000, 20_000) })
        {
            foreach (var method in CleaningPresets.Of(rows, trusted, 0.5))
            {
                var batch = MethodCatalog.Find(method.Name).Schema.Settings.FirstOrDefault(s => s.Name == "batch");
                if (batch is not null) Assert.InRange(int.Parse(batch.Read(method), CultureInfo.InvariantCulture), 0, Math.Min(rows, trusted));
            }
        }
    }

    private static BilevelInstance<DenseVector<double>> Create(string path) =>
        (BilevelInstance<DenseVector<double>>)new Tasks.HyperCleaning().Create([new("train", path), new("corruption", "0.3")], new TaskContext(Seed: 2));

    // Classes around random centres.
    private string Table(int rows, int classes, ulong seed)
    {
        const int Features = 5;
        string path = Path.Combine(folder, FormattableString.Invariant($"{rows}-{classes}.csv"));
        using var writer = new StreamWriter(path);
        writer.Write(string.Join(',', Enumerable.Range(0, Features).Select(j => $"f{j}")) + ",label\n");
        for (int i = 0; i < rows; i++)
        {
            int label = i % classes;
            for (int j = 0; j < Features; j++)
                writer.Write(string.Create(CultureInfo.InvariantCulture, $"{(1.5 * RandomBits.Normal(seed, (ulong)((label * Features) + j))) + RandomBits.Normal(seed + 1, (ulong)((i * Features) + j)):F3},"));
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"c{label}\n"));
        }

        return path;
    }
}
