namespace Bilevel.Tests;

/// <summary>Steps allocate nothing, and memory does not grow with their number.</summary>
public sealed class AllocationTests
{
    private const int Steps = 1_000_000;

    [Fact]
    public void A_counted_step_allocates_nothing()
    {
        var problem = new TwoVariables().Problem;
        var counted = problem with
        {
            Upper = new CountingObjective<DenseVector<double>>(problem.Upper, new OracleCounts(2)),
            Lower = new CountingObjective<DenseVector<double>>(problem.Lower, new OracleCounts(2)),
        };
        var run = new F2sa { StepX = 1e-3 }.Start(counted, Vectors.Of(0), Vectors.Of(0), 0);
        run.Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Steps; i++) run.Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(run.Residual < 0.01);
    }

    public static TheoryData<string> Methods => [.. Cases.Keys];

    private static readonly Dictionary<string, IBilevelMethod> Cases = new()
    {
        ["f2ba"] = new F2ba(),
        ["f2ba-plus"] = new F2ba { Accelerated = true },
        ["acc-f2ba"] = new AccF2ba(),
        ["acc-f2ba-plus"] = new AccF2ba { Accelerated = true },
        ["f2bsa"] = F2ba.Stochastic(4, 1e4, 5, 0.1),
        ["f3bsa"] = new F3bsa { Lambda = 1e4 },
        ["f3sa"] = new F3sa { Eta = 0.1, StepX = 1e-2 },
        ["f3sa, batch, independent samples"] = new F3sa { Batch = 4, IndependentSamples = true, StepX = 1e-2 },
        ["f2sa-p"] = new F2saP(),
        ["f2sa-p, order 3, averages, batch"] = new F2saP { Order = 3, AverageNodes = true, Batch = 4 },
        ["f2sa-p, order 4, independent samples"] = new F2saP { Order = 4, Batch = 4, IndependentSamples = true },
    };

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_step_of_every_penalty_method_allocates_nothing(string name)
    {
        var problem = new TwoVariables().Problem;
        var counted = problem with
        {
            Upper = new CountingObjective<DenseVector<double>>(problem.Upper, new OracleCounts(2)),
            Lower = new CountingObjective<DenseVector<double>>(problem.Lower, new OracleCounts(2)),
        };
        var run = Cases[name].Start(counted, Vectors.Of(0), Vectors.Of(0), 0);
        for (int i = 0; i < 2_000; i++) run.Step();

        Assert.Equal(0, Allocation.Least(() => { for (int i = 0; i < 5_000; i++) run.Step(); }));
        Assert.True(run.Residual < 0.01);
    }

    [Fact]
    public void The_drivers_loop_allocates_per_row_alone()
    {
        // From a thousand steps to a million there are 80 more rows and doublings of the list that holds them.
        long Allocated(long steps)
        {
            var driver = new Driver { Stop = Stop.Iterations(steps) | (Stop.Residual(1e-300) & Stop.OracleCalls(long.MaxValue)), OracleBudget = long.MaxValue, Validate = false };
            long before = GC.GetAllocatedBytesForCurrentThread();
            var solution = driver.Run(new F2sa { StepX = 1e-3 }, new TwoVariables().Problem, Vectors.Of(0), Vectors.Of(0));
            Assert.Equal(steps, solution.Iterations);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Allocated(1_000);
        long few = Allocated(1_000), many = Allocated(Steps);
        Assert.InRange(many - few, 0, 40_000);
    }
}
