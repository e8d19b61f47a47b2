namespace Bilevel.Tests;

/// <summary>Tests of the whole process, during which no other test runs.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public class Alone;

/// <summary>The memory of the process over a long run.</summary>
[Collection(nameof(Alone))]
public class MemoryTests
{
    private const int Steps = 1_000_000;

    [Fact]
    public void Memory_stays_flat()
    {
        var run = new F2sa { StepX = 1e-3 }.Start(new TwoVariables().Problem, Vectors.Of(0), Vectors.Of(0), 0);
        for (int i = 0; i < 1_000; i++) run.Step();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < Steps; i++) run.Step();
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 4 << 20);
        GC.KeepAlive(run);
    }
}
