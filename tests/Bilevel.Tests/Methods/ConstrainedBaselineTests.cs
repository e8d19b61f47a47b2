using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>What methods for constrained lower levels alone share.</summary>
public sealed class ConstrainedBaselineTests
{
    private static readonly Dictionary<string, IBilevelMinimaxMethod> Cases = new()
    {
        ["lv-hba"] = new LvHba(),
        ["lv-hba, sequential"] = new LvHba { Update = LvHbaUpdate.Sequential },
        ["constrained-quasi-newton"] = new ConstrainedQuasiNewton(),
        ["constrained-quasi-newton, one rho"] = new ConstrainedQuasiNewton { Rho = 100, RhoStart = 100 },
        ["lu-mei"] = new FirstOrderPenalty { Tolerance = 0.1, StageSteps = 5 },
        ["lu-mei, paper"] = new FirstOrderPenalty { Tolerance = 0.1, Mode = FirstOrderPenaltyMode.Paper },
    };

    public static TheoryData<string> Methods => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_step_allocates_nothing(string name)
    {
        var problem = new ConstrainedQp().Problem;
        var counted = problem with
        {
            Upper = new CountingObjective<DenseVector<double>>(problem.Upper, new OracleCounts(UpperCount)),
            Lower = new CountingObjective<DenseVector<double>>(problem.Lower, new OracleCounts(LowerCount)),
        };
        var run = Cases[name].Start(counted, ConstrainedQp.Start(0), 0);
        for (int i = 0; i < 300; i++) run.Step();

        Assert.Equal(0, Allocation.Least(() => { for (int i = 0; i < 100; i++) run.Step(); }));
        Assert.True(double.IsFinite(run.Residual));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Stopped_at_any_iteration_and_resumed(string name)
    {
        const long Total = 60;
        for (ulong trial = 0; trial < 4; trial++)
        {
            foreach (bool equality in new[] { false, true })
            {
                long[] stops = [.. Enumerable.Range(0, ((int)trial % 3) + 1).Select(i => 1 + (long)(RandomBits.At(trial, (ulong)i) % (Total - 1))).Order()];
                var whole = Sittings(Cases[name], equality, [Total]);
                var resumed = Sittings(Cases[name], equality, [.. stops, Total]);
                Assert.Equal(whole.Point.Select(b => b.ToDoubles()), resumed.Point.Select(b => b.ToDoubles()));
                Assert.Equal((whole.Residual, whole.Penalty, whole.OracleCalls, whole.Iterations), (resumed.Residual, resumed.Penalty, resumed.OracleCalls, resumed.Iterations));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void What_is_not_of_their_class_is_refused(string name)
    {
        var method = Cases[name];
        var qp = new ConstrainedQp().Problem;
        DenseVector<double>[] start = ConstrainedQp.Start(0), withAdversary = [.. start];
        withAdversary[X2] = Vectors.Of(0);
        Refused(qp with { Upper = new SelectedBlocks<DenseVector<double>>(new ConstrainedQp.Upper(1), X1, Y1) }, withAdversary, "this one has an adversary x2");
        Refused(qp with { Upper = new SelectedBlocks<DenseVector<double>>(new ConstrainedQp.Upper(1), Y2, Y1) }, start, "f of this one depends on the multipliers y2");
        Refused(Lift.UpperConstraints(qp, new UpperConstraints<double>(ConstrainedQp.Budget)), [start[X1], Vectors.Of(0), .. start[2..]], "this one has constraints of the leader");
        Refused(new SmallSaddle().Problem with { Upper = new SelectedBlocks<DenseVector<double>>(new ConstrainedQp.Upper(1), X1, Y1) }, SmallSaddle.Start(), "the lower level of this one is a game");

        void Refused(BilevelMinimaxProblem<DenseVector<double>> problem, DenseVector<double>[] point, string what)
        {
            var findings = ((IMethod)method).Validate(problem, point);
            Assert.Contains(findings, f => f.Severity == Severity.Error && f.What.Contains($"The method {method.Name} is for problems whose f depends on x and y", StringComparison.Ordinal) && f.What.Contains(what, StringComparison.Ordinal));
        }
    }

    private static Solution<DenseVector<double>> Sittings(IBilevelMinimaxMethod method, bool equality, long[] limits)
    {
        var qp = new ConstrainedQp();
        if (equality) qp = qp with { Lower = qp.Lower with { Equalities = 1, EqualityOptimalBound = 3 } };
        var store = new MemoryCheckpoints();
        Solution<DenseVector<double>>? solution = null;
        foreach (long limit in limits) solution = new Driver { Stop = Stop.Iterations(limit), Checkpoints = store, Resume = true }.Run(method, qp.Problem, ConstrainedQp.Start(0));
        return solution!;
    }
}
