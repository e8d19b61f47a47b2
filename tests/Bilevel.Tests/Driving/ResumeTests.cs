namespace Bilevel.Tests;

/// <summary>A run that is stopped and resumed gives the bits of the uninterrupted one.</summary>
public sealed class ResumeTests
{
    public static TheoryData<string> Methods => [.. Cases.Keys];

    private static readonly Dictionary<string, IMethod> Cases = MakeCases();

    private static Dictionary<string, IMethod> MakeCases()
    {
        var cases = new Dictionary<string, IMethod>
        {
            ["f2sa"] = new F2sa(),
            ["f2sa, inner steps"] = new F2sa { InnerSteps = 5, LambdaIncrement = 0.1 },
            ["f2sa, noise, independent samples"] = new F2sa { Batch = 2, IndependentSamples = true, StepX = 1e-3 },
            ["f3sa"] = new F3sa(),
            ["f3sa, inner steps"] = new F3sa { Eta = 0.3, InnerSteps = 3, StepX = 0.03 },
            ["f3sa, noise, independent samples"] = new F3sa { Batch = 2, IndependentSamples = true, StepX = 1e-3 },
            ["f2sa-p"] = new F2saP(),
            ["f2sa-p, order 3"] = new F2saP { Order = 3, AverageNodes = true, InnerSteps = 2 },
            ["f2sa-p, order 4, noise"] = new F2saP { Order = 4, Batch = 2, InnerSteps = 3 },
            ["f2sa-p, order 1, noise, independent samples"] = new F2saP { Order = 1, Batch = 2, IndependentSamples = true, StepX = 1e-3 },
            ["f2ba"] = new F2ba { Lambda = 100 },
            ["f2ba, published"] = F2ba.Published(lambda: 50, innerSteps: 20, lowerSmoothness: 4, stepX: 0.05),
            ["f2ba, staged"] = new F2ba { Lambda = 1000, LambdaStart = 10, LambdaFactor = 3, Tolerance = 0.05 },
            ["f2ba, auto"] = new F2ba { Tolerance = 1e-3 },
            ["f2ba-plus, auto"] = new F2ba { Accelerated = true, Tolerance = 1e-5 },
            ["acc-f2ba, auto"] = new AccF2ba { Tolerance = 1e-3, Radius = 0.3, LeastRadius = 0.01 },
            ["acc-f2ba-plus, staged"] = new AccF2ba { Accelerated = true, Lambda = 1000, LambdaStart = 10, Tolerance = 0.05, Theta = 0.3 },
            ["f2bsa, noise"] = F2ba.Stochastic(2, 20, 3, 0.02),
            ["f2bsa, noise, independent samples"] = F2ba.Stochastic(2, 20, 3, 1e-3) with { IndependentSamples = true },
            ["f3bsa, noise"] = new F3bsa { Batch = 2, InnerSteps = 3, Lambda = 20, StepX = 0.02 },
            ["ogda"] = new Ogda { Tolerance = 0.01 },
            ["ogda, staged"] = new Ogda { Tolerance = 1e-3, Schedule = new PenaltySchedule { RhoStart = 3 } },
            ["extragradient"] = new Extragradient { Tolerance = 0.01 },
            ["smoothed-extragradient"] = new SmoothedExtragradient { Tolerance = 0.1 },
            ["proximal-point"] = new ProximalPoint { Tolerance = 0.01, Diameter = 4 },
            ["proximal-point, paper"] = new ProximalPoint { Tolerance = 0.1, Mode = ProximalPointMode.Paper, Smoothness = 100, Diameter = 4 },
            ["gda"] = new GradientDescentAscent { Tolerance = 0.1 },
            ["sapd, noise, growth and polish"] = new Sapd { Tolerance = 1e-3, Batch = 2, Iterations = 30, MostIterations = 60, PolishSteps = 4 },
            ["sapd, noise, restarts"] = new Sapd { Tolerance = 1e-2, Batch = 2, Iterations = 60, Restarts = 2, MovingCentre = true, Schedule = new PenaltySchedule { RhoStart = 10 } },
            ["constrained-quasi-newton"] = new ConstrainedQuasiNewton { Tolerance = 1e-2 },
            ["lv-hba"] = new LvHba(),
            ["lv-hba, sequential"] = new LvHba { Update = LvHbaUpdate.Sequential },
            ["ssgda"] = new Ssgda { StepLowerMin = 0.05 },
            ["ssgda, noise, decaying steps"] = new Ssgda { Batch = 2, StepLowerMin = 0.05, UpperDecay = StepDecay.Inverse, LowerDecay = StepDecay.Exponential },
            ["tsgda-1, noise, corrected"] = new Tsgda1 { Batch = 2, StepLowerMin = 0.05, UpperGradient = UpperGradient.FirstOrderCorrected },
            ["tsgda-1, reinit, partial"] = new Tsgda1 { StepLowerMin = 0.05, UpperGradient = UpperGradient.Partial, Initialisation = Initialisation.Reinit },
            ["tsgda-2, noise, independent samples"] = new Tsgda2 { Batch = 2, StepLowerMin = 0.05, StepUpper = 1e-3, IndependentSamples = true },
            ["f2ba-plus, auto, adam"] = new F2ba { Accelerated = true, Tolerance = 1e-2, Upper = new UpperStep { StepRule = StepRule.Adam } },
        };
        foreach (var rule in Enum.GetValues<StepRule>())
        {
            cases[$"f2sa, {rule}"] = new F2sa { Upper = new UpperStep { StepRule = rule }, StepX = 0.05 };
            cases[$"f2sa, noise, {rule}"] = new F2sa { Batch = 3, Upper = new UpperStep { StepRule = rule }, StepX = 0.02 };
        }

        foreach (var schedule in Enum.GetValues<F2saSchedule>())
        {
            cases[$"f2sa, noise, {schedule}"] = new F2sa { Schedule = schedule, Batch = 1 };
            cases[$"f3sa, noise, {schedule}"] = new F3sa { Schedule = schedule, Batch = 1, StepX = 0.02 };
        }

        return cases;
    }

    private static BilevelProblem<DenseVector<double>> Problem(string name, bool constrained)
    {
        var problem = CurvedLevels.Problem<double>();
        if (name.Contains("noise", StringComparison.Ordinal)) problem = problem with { Upper = new GaussianNoise<double>(problem.Upper, 0.1), Lower = new GaussianNoise<double>(problem.Lower, 0.1) };
        return constrained ? problem with { UpperSet = new Ball<double>(0.8), LowerSet = new Box<double>(-2, 2) } : problem;
    }

    private static readonly DenseVector<double> X = CurvedLevels.Vector<double>(3), Y = CurvedLevels.Vector<double>(4, -0.5);

    [Theory]
    [MemberData(nameof(Methods))]
    public void Stopped_at_any_iteration_and_resumed(string name) => AssertResumes(name, constrained: false);

    [Theory]
    [MemberData(nameof(Methods))]
    public void Stopped_at_any_iteration_and_resumed_with_constraints(string name) => AssertResumes(name, constrained: true);

    private static void AssertResumes(string name, bool constrained)
    {
        const long Total = 60;
        var problem = Problem(name, constrained);
        for (ulong trial = 0; trial < 6; trial++)
        {
            // Trial t stops t mod 3 + 1 times, at random iterations.
            long[] stops = [.. Enumerable.Range(0, ((int)trial % 3) + 1).Select(i => 1 + (long)(RandomBits.At(trial, (ulong)i) % (Total - 1))).Order()];
            long every = trial % 2 == 0 ? 0 : 7;
            var (whole, wholeTrace) = Sittings(Cases[name], problem, trial, every, [Total]);
            var (resumed, resumedTrace) = Sittings(Cases[name], problem, trial, every, [.. stops, Total]);
            AssertSame(whole, resumed, FormattableString.Invariant($"{name}, stopped at {string.Join(", ", stops)}"));
            Assert.Equal(Untimed(wholeTrace), Untimed(resumedTrace));
            Assert.NotEqual(SolveStatus.Diverged, whole.Status);
        }
    }

    private static (Solution<DenseVector<double>> Solution, IReadOnlyList<TraceRow> Trace) Sittings(IMethod method, BilevelProblem<DenseVector<double>> problem, ulong seed, long recordEvery, long[] limits)
    {
        var (store, trace) = (new MemoryCheckpoints(), new MemoryTrace());
        Solution<DenseVector<double>>? solution = null;
        foreach (long limit in limits)
        {
            solution = new Driver { Stop = Stop.Residual(1e-4, patience: 4) | Stop.Iterations(limit), Checkpoints = store, Resume = true, Trace = trace, RecordEvery = recordEvery }
                .Run(method, problem, X, Y, seed);
        }

        return (solution!, trace.Rows);
    }

    [Fact]
    public void Patience_is_neither_lost_nor_doubled()
    {
        // At most the tolerance from iteration 10 on, so patience 5 is met at 14, wherever the run was stopped.
        for (long stop = 1; stop <= 16; stop++)
        {
            var store = new MemoryCheckpoints();
            Solution<DenseVector<double>>? solution = null;
            foreach (long limit in new[] { stop, stop, 100 })
            {
                solution = new Driver { Stop = Stop.Residual(0.1, patience: 5) | Stop.Iterations(limit), Checkpoints = store, Resume = true }
                    .Run(new ScriptedMethod(k => 1.0 / k), new TwoVariables().Problem, Vectors.Of(0), Vectors.Of(0));
            }

            Assert.Equal((SolveStatus.Converged, 14L), (solution!.Status, solution.Iterations));
        }
    }

    [Fact]
    public void Float_vectors_resume_too()
    {
        var problem = CurvedLevels.Problem<float>();
        problem = problem with { Upper = new GaussianNoise<float>(problem.Upper, 0.1), Lower = new GaussianNoise<float>(problem.Lower, 0.1) };
        Solution<DenseVector<float>> Run(MemoryCheckpoints store, long limit) => new Driver { Stop = Stop.Iterations(limit), Checkpoints = store, Resume = true }
            .Run(new F2sa { Batch = 2, StepX = 0.01, Upper = new UpperStep { StepRule = StepRule.Adam } }, problem, CurvedLevels.Vector<float>(3), CurvedLevels.Vector<float>(4));
        var whole = Run(new MemoryCheckpoints(), 60);
        for (long stop = 1; stop < 60; stop += 7)
        {
            var store = new MemoryCheckpoints();
            Run(store, stop);
            var resumed = Run(store, 60);
            Assert.Equal(whole.X.ToDoubles(), resumed.X.ToDoubles());
            Assert.Equal(whole.Y.ToDoubles(), resumed.Y.ToDoubles());
            Assert.Equal((whole.UpperValue, whole.Residual, whole.OracleCalls), (resumed.UpperValue, resumed.Residual, resumed.OracleCalls));
        }
    }

    [Fact]
    public void A_finished_run_takes_no_further_step()
    {
        var (store, trace) = (new MemoryCheckpoints(), new MemoryTrace());
        Driver Driver() => new() { Stop = Stop.Residual(1e-4) | Stop.Iterations(100_000), Checkpoints = store, Resume = true, Trace = trace };
        var first = Driver().Run(new F2ba(), Problem("", false), X, Y);
        var rows = Untimed(trace.Rows);
        var second = Driver().Run(new F2ba(), Problem("", false), X, Y);
        AssertSame(first, second, "finished");
        Assert.Equal(rows, Untimed(trace.Rows));
    }

    [Fact]
    public void Phases_resume_inside_either()
    {
        foreach (bool constrained in new[] { false, true })
        {
            var problem = Problem("noise", constrained);
            Phase[] Phases() =>
            [
                new(new F2sa { Batch = 2, StepX = 0.02, Upper = new UpperStep { StepRule = StepRule.Adam } }, Stop.Iterations(25)),
                new(new F2sa { Schedule = F2saSchedule.NoNoise }, Stop.Iterations(50)),
                new(new F2ba { Accelerated = true, Tolerance = 1e-3 }, Stop.Residual(1e-3, patience: 2) | Stop.Iterations(80)),
            ];

            Solution<DenseVector<double>> Run(MemoryCheckpoints store, MemoryTrace trace, long stopAt)
            {
                using var source = new CancellationTokenSource();
                var watched = problem with { Lower = problem.Lower };
                var sink = new Canceller(trace, stopAt, source);
                return new Driver { Checkpoints = store, Resume = true, Trace = sink, RecordEvery = 1 }.RunPhases(Phases(), watched, [X, Y], 3, source.Token);
            }

            var wholeTrace = new MemoryTrace();
            var whole = Run(new MemoryCheckpoints(), wholeTrace, long.MaxValue);
            Assert.True(whole.Iterations > 50);
            for (long stop = 1; stop < whole.Iterations; stop += 3)
            {
                var (store, trace) = (new MemoryCheckpoints(), new MemoryTrace());
                Assert.Equal(SolveStatus.Cancelled, Run(store, trace, stop).Status);
                var resumed = Run(store, trace, long.MaxValue);
                AssertSame(whole, resumed, FormattableString.Invariant($"stopped at {stop}"));
                Assert.Equal(Untimed(wholeTrace.Rows), Untimed(trace.Rows));
            }
        }
    }

    [Fact]
    public void What_a_method_derives_from_its_start_is_derived_from_the_start_of_its_phase()
    {
        Phase[] phases = [new(new ScriptedMethod(_ => 1), Stop.Iterations(3)), new(new ScriptedMethod(_ => 1), Stop.Iterations(9))];
        var whole = new Driver().RunPhases(phases, new TwoVariables().Problem, [Vectors.Of(1), Vectors.Of(0)]);
        var store = new MemoryCheckpoints();
        new Driver { Checkpoints = store }.RunPhases([phases[0], phases[1] with { Stop = Stop.Iterations(5) }], new TwoVariables().Problem, [Vectors.Of(1), Vectors.Of(0)]);
        var resumed = new Driver { Checkpoints = store, Resume = true }.RunPhases(phases, new TwoVariables().Problem, [Vectors.Of(1), Vectors.Of(0)]);
        double y = (3 * 2.0) + (6 * 8);
        Assert.Equal(Math.Pow(y - 5, 2), whole.Trace[^1].LowerValue);
        AssertSame(whole, resumed, "two phases");
    }

    [Fact]
    public void Time_counts_over_all_sittings()
    {
        var (clock, store) = (new ManualClock(), new MemoryCheckpoints());
        var method = new ScriptedMethod(_ => 1) { OnStep = _ => clock.Advance(TimeSpan.FromSeconds(1)) };
        foreach (var (limit, iterations) in new[] { (4, 4L), (10, 10), (10, 10) })
        {
            var solution = new Driver { Stop = Stop.Time(TimeSpan.FromSeconds(limit)), Clock = clock, Checkpoints = store, Resume = true }.Run(method, new TwoVariables().Problem, Vectors.Of(0), Vectors.Of(0));
            Assert.Equal((SolveStatus.TimeLimit, iterations, (double)limit), (solution.Status, solution.Iterations, solution.Seconds));
            clock.Advance(TimeSpan.FromHours(1));
        }
    }

    [Fact]
    public void A_budget_is_kept_and_a_torn_iteration_is_never_saved()
    {
        // 6 gradients per iteration: 100 end inside iteration 17. The run goes on from iteration 10 with a budget of 600.
        var problem = new TwoVariables().Problem;
        DenseVector<double> x = Vectors.Of(0.5), y = Vectors.Of(0);
        var (store, trace) = (new MemoryCheckpoints(), new MemoryTrace());
        var torn = new Driver { Stop = Stop.Iterations(1_000), OracleBudget = 100, CheckpointEvery = 10, Checkpoints = store, Trace = trace }.Run(new F2sa(), problem, x, y);
        Assert.Equal((SolveStatus.OracleLimit, 16L), (torn.Status, torn.Iterations));
        Assert.Equal(10, store.Load()!.Info.Iteration);
        var resumed = new Driver { Stop = Stop.Iterations(1_000), OracleBudget = 600, Checkpoints = store, Trace = trace, Resume = true }.Run(new F2sa(), problem, x, y);
        var wholeTrace = new MemoryTrace();
        var whole = new Driver { Stop = Stop.Iterations(1_000), OracleBudget = 600, Trace = wholeTrace }.Run(new F2sa(), problem, x, y);
        Assert.Equal(100, whole.Iterations);
        AssertSame(whole, resumed, "budget");
        Assert.Equal(Untimed(wholeTrace.Rows), Untimed(trace.Rows));
        Assert.Equal("The checkpoint is of a run with another oracle budget.", Assert.Throws<CheckpointException>(() => new Driver { Checkpoints = store, Resume = true }.Run(new F2sa(), problem, x, y)).Message);
    }

    [Fact]
    public void Another_run_is_refused()
    {
        var store = new MemoryCheckpoints();
        var problem = CurvedLevels.Problem<double>();
        new Driver { Stop = Stop.Iterations(3), Checkpoints = store, Description = "task a" }.Run(new F2sa(), problem, X, Y, 5);
        string Refusal(IBilevelMethod method, DenseVector<double>? x = null, string description = "task a", ulong seed = 5, StoppingRule? stop = null) =>
            Assert.Throws<CheckpointException>(() => new Driver { Stop = stop ?? Stop.Iterations(9), Checkpoints = store, Resume = true, Description = description }.Run(method, problem, x ?? X, Y, seed)).Message;
        Assert.Equal("The checkpoint is of another run: the description was 'task a' and is 'task b'. Resume with what it was begun with, or begin anew elsewhere.", Refusal(new F2sa(), description: "task b"));
        Assert.Contains("another run: seed was '5' and is '6'. Resume", Refusal(new F2sa(), seed: 6), StringComparison.Ordinal);
        Assert.Contains("another run: method was 'f2sa' and is 'f2ba'. Resume", Refusal(new F2ba()), StringComparison.Ordinal);
        Assert.Contains("another run: the description was 'task a' and is not given; data was not given and is '7'. Resume", Refusal(new F2sa(), description: "data: 7"), StringComparison.Ordinal);
        Assert.Equal("The checkpoint holds point[BilevelProblem.X] as 24 bytes of float64, this run has 32 bytes of float64: it belongs to a run of other sizes or precision.", Refusal(new F2sa(), CurvedLevels.Vector<double>(4)));
        const string Foreign = "it belongs to a run with another method, other settings or other stopping rules.";
        Assert.Contains(Foreign, Refusal(new F2sa { Upper = new UpperStep { StepRule = StepRule.Adam } }), StringComparison.Ordinal);
        Assert.Contains(Foreign, Refusal(new F2sa(), stop: Stop.Iterations(9) | Stop.Residual(1e-9)), StringComparison.Ordinal);
    }

    [Fact]
    public void Another_machine_gives_a_warning_and_goes_on()
    {
        foreach (bool runtime in new[] { false, true })
        {
            var store = new MemoryCheckpoints { OnLoad = c => c with { Info = runtime ? c.Info with { Runtime = "Old 1.0" } : c.Info with { InstructionSet = "Abacus" } } };
            Driver Driver(long limit) => new() { Stop = Stop.Iterations(limit), Checkpoints = store, Resume = true };
            Driver(5).Run(new F2sa(), Problem("", false), X, Y);
            var solution = Driver(9).Run(new F2sa(), Problem("", false), X, Y);
            var finding = Assert.Single(solution.Findings);
            Assert.Equal(Severity.Warning, finding.Severity);
            Assert.StartsWith(runtime ? $"The checkpoint was computed on {CheckpointInfo.CurrentInstructionSet} with Old 1.0, this is" : "The checkpoint was computed on Abacus with ", finding.What, StringComparison.Ordinal);
            Assert.Equal("The run goes on, but its last bits may differ from an uninterrupted one.", finding.Remedy);
            Assert.Equal(9, solution.Iterations);
        }
    }

    [Fact]
    public void Without_a_checkpoint_a_resume_starts_anew()
    {
        var trace = new MemoryTrace();
        trace.Append(default);
        var solution = new Driver { Stop = Stop.Iterations(5), Checkpoints = new MemoryCheckpoints(), Resume = true, Trace = trace }.Run(new F2sa(), Problem("", false), X, Y);
        Assert.Equal((5L, 6), (solution.Iterations, trace.Rows.Count));
        Assert.Equal(5, new Driver { Stop = Stop.Iterations(5), Resume = true }.Run(new F2sa(), Problem("", false), X, Y).Iterations);
    }

    [Fact]
    public void Vectors_that_cannot_be_saved_say_so()
    {
        var problem = new BilevelProblem<Bare>(new BareObjective(), new BareObjective()) { Constants = new TwoVariables().Problem.Constants };
        var e = Assert.Throws<CheckpointException>(() => new Driver { Stop = Stop.Iterations(2), Checkpoints = new MemoryCheckpoints() }.Run(new F2sa(), problem, new Bare(), new Bare()));
        Assert.Equal("Vectors of type Bare cannot be saved: implement IStorable to use checkpoints.", e.Message);
    }

    internal static void AssertSame(Solution<DenseVector<double>> expected, Solution<DenseVector<double>> actual, string what)
    {
        Assert.Equal((what, expected.Status, expected.StatusMessage, expected.Iterations), (what, actual.Status, actual.StatusMessage, actual.Iterations));
        foreach (var (a, b) in expected.Point.Zip(actual.Point)) Assert.Equal(Bits(a.ToDoubles()), Bits(b.ToDoubles()));
        Assert.Equal(
            Bits([expected.UpperValue, expected.LowerValue, expected.Residual, expected.Penalty]),
            Bits([actual.UpperValue, actual.LowerValue, actual.Residual, actual.Penalty]));
        Assert.Equal(expected.UpperCalls.Gradients.ToArray(), actual.UpperCalls.Gradients.ToArray());
        Assert.Equal(expected.LowerCalls.Gradients.ToArray(), actual.LowerCalls.Gradients.ToArray());
    }

    internal static TraceRow[] Untimed(IEnumerable<TraceRow> rows) => [.. rows.Select(r => r with { Seconds = 0 })];

    private static ulong[] Bits(double[] numbers) => Array.ConvertAll(numbers, BitConverter.DoubleToUInt64Bits);

    private sealed class Canceller(MemoryTrace trace, long at, CancellationTokenSource source) : ITraceSink
    {
        public IReadOnlyList<TraceRow> CutTo(int rows) => trace.CutTo(rows);

        public void Append(in TraceRow row)
        {
            trace.Append(row);
            if (row.Iteration == at) source.Cancel();
        }
    }
}
