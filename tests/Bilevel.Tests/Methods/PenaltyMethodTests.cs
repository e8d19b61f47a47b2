namespace Bilevel.Tests;

/// <summary>What the methods on the penalty function of a minimax problem share.</summary>
public sealed class PenaltyMethodTests
{
    private static readonly Dictionary<string, IBilevelMinimaxMethod> Cases = new()
    {
        ["ogda"] = new Ogda { Tolerance = 0.01 },
        ["ogda, fixed step"] = Ogda.Reference(0.01, new SmallSaddle().Problem.Constants),
        ["ogda, staged"] = new Ogda { Tolerance = 1e-3, Schedule = new PenaltySchedule { RhoStart = 10, RhoFactor = 2 } },
        ["extragradient"] = new Extragradient { Tolerance = 0.01 },
        ["smoothed-extragradient"] = new SmoothedExtragradient { Tolerance = 0.01 },
        ["gda"] = new GradientDescentAscent { Tolerance = 0.01 },
        ["sapd"] = new Sapd { Tolerance = 0.01, Batch = 2, Iterations = 10, Regularisation = 0 },
        ["sapd, subproblems of two steps"] = new Sapd { Tolerance = 0.01, Batch = 2, Iterations = 60, Regularisation = 0 },
        ["sapd, restarts, moving centre"] = new Sapd { Tolerance = 0.01, Batch = 2, Iterations = 5, Restarts = 2, MovingCentre = true, Schedule = new PenaltySchedule { RhoStart = 10 } },
    };

    public static TheoryData<string> Methods => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_step_allocates_nothing(string name)
    {
        var problem = new SmallSaddle().Problem;
        var counted = problem with
        {
            Upper = new CountingObjective<DenseVector<double>>(problem.Upper, new OracleCounts(BilevelMinimaxProblem.UpperCount)),
            Lower = new CountingObjective<DenseVector<double>>(problem.Lower, new OracleCounts(BilevelMinimaxProblem.LowerCount)),
        };
        var run = Cases[name].Start(counted, SmallSaddle.Start(), 0);
        for (int i = 0; i < 2_000; i++) run.Step();

        Assert.Equal(0, Allocation.Least(() => { for (int i = 0; i < 20_000; i++) run.Step(); }));
        Assert.True(run.Residual < 1e-6);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Stopped_at_any_iteration_and_resumed(string name)
    {
        const long Total = 150;
        for (ulong trial = 0; trial < 8; trial++)
        {
            long[] stops = [.. Enumerable.Range(0, ((int)trial % 3) + 1).Select(i => 1 + (long)(RandomBits.At(trial, (ulong)i) % (Total - 1))).Order()];
            var (whole, wholeTrace) = Sittings(Cases[name], [Total]);
            var (resumed, resumedTrace) = Sittings(Cases[name], [.. stops, Total]);
            Assert.Equal(whole.Point.Select(b => b.ToDoubles()), resumed.Point.Select(b => b.ToDoubles()));
            Assert.Equal((whole.Residual, whole.Penalty, whole.OracleCalls, whole.Iterations), (resumed.Residual, resumed.Penalty, resumed.OracleCalls, resumed.Iterations));
            Assert.Equal(wholeTrace.Select(r => r with { Seconds = 0 }), resumedTrace.Select(r => r with { Seconds = 0 }));
        }
    }

    [Fact]
    public void The_residual_is_that_of_the_certificate()
    {
        // An element of the subdifferential at the point: K1 and K2 of a certificate with a short step are the same.
        var problem = new SmallSaddle().Problem;
        var run = new Ogda { Tolerance = 0.01 }.Start(problem, SmallSaddle.Start(), 0);
        for (int i = 0; i < 600; i++)
        {
            run.Step();
            var rows = new MinimaxPenalty<DenseVector<double>>(problem, run.Point.ToArray());
            rows.Evaluate(run.Penalty);

            // Inside all intervals the subdifferential is the gradient.
            double norm = Math.Sqrt(rows.Rows.Sum(r => r.Dot(r)));
            if (run.Point[BilevelMinimaxProblem.X2][0] is > -2 and < 2 && run.Point[0][0] is > -3 and < 3) Assert.Equal(norm, run.Residual, 1e-9 * (1 + norm));
        }

        Assert.True(run.Residual < 0.01);
    }

    [Fact]
    public void Rho_rises_where_the_gap_stays_above_the_tolerance()
    {
        // f ten times as steep: at rho = 1/epsilon the residuals vanish while the gap does not fall below epsilon.
        var problem = new SmallSaddle(F: 10).Problem;
        const double Tolerance = 0.1;
        Driver driver = new() { Stop = Stop.Certified(Tolerance, 20) | Stop.Iterations(20_000), CertifyAt = Tolerance };
        var held = driver.Run(new Ogda { Tolerance = Tolerance, Schedule = new PenaltySchedule { Rho = 10 } }, problem, SmallSaddle.Start());
        Assert.Equal((SolveStatus.IterationLimit, Verdict.NotCertified), (held.Status, held.Certificate!.Verdict));
        Assert.True(held.Residual < 1e-6 && held.Certificate["gap_bound"] > Tolerance);

        var solution = driver.Run(new Ogda { Tolerance = Tolerance }, problem, SmallSaddle.Start());
        Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
        Assert.InRange(solution.Penalty, 10.1, 100);
        Assert.Equal(SmallSaddle.Answer, solution.X[0], 1.0);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.001)]
    public void The_saddle_start_solves_the_lower_level_first(double tolerance)
    {
        var saddle = new SmallSaddle();
        var calls = new OracleCounts(BilevelMinimaxProblem.LowerCount);
        var problem = saddle.Problem with { Lower = new CountingObjective<DenseVector<double>>(saddle.Problem.Lower, calls) };
        var run = new Ogda { Tolerance = tolerance, Schedule = new PenaltySchedule { SaddleSteps = 100_000 } }.Start(problem, SmallSaddle.Start(4, -4), 0);
        double[] u = [.. run.Point.ToArray().Select(b => b[0])];
        Assert.InRange(saddle.Gap(u[0], u[2], u[3]), 0, tolerance);
        Assert.Equal((u[2], u[3]), (u[4], u[5]));
        Assert.Equal(2, u[0]);

        // A start that is good enough is left as it is, for one penalty call.
        calls = new OracleCounts(BilevelMinimaxProblem.LowerCount);
        problem = saddle.Problem with { Lower = new CountingObjective<DenseVector<double>>(saddle.Problem.Lower, calls) };
        var kept = new Ogda { Tolerance = tolerance }.Start(problem, SmallSaddle.Start(), 0);
        Assert.Equal((-1.0, -1.0, 2), (kept.Point[2][0], kept.Point[3][0], calls.Points));

        var without = new Ogda { Schedule = new PenaltySchedule { SaddleSteps = 0 } }.Start(problem, SmallSaddle.Start(4, -4), 0);
        Assert.Equal((4.0, -4.0), (without.Point[2][0], without.Point[3][0]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_saddle_start_averages_where_gradients_cycle(bool withConstants)
    {
        // min over z1, max over z2 of z1 z2 on [-1, 1]^2: descent ascent circles, the average of extragradient does not.
        var bilinear = new FunctionOfThree((_, z1, z2) => z1 * z2, (_, _, _) => 0, (_, _, z2) => z2, (_, z1, _) => z1);
        var problem = new SmallSaddle().Problem with
        {
            Lower = bilinear,
            Z1 = new Box<double>(-1, 1, 1),
            Z2 = new Box<double>(-1, 1, 1),
            Constants = withConstants ? new MinimaxConstants { LowerSmoothness = 1 } : new MinimaxConstants(),
        };
        var run = new Ogda { Tolerance = 1e-3, Schedule = new PenaltySchedule { SaddleSteps = 100_000 } }.Start(problem, SmallSaddle.Start(1, 1), 0);

        // gap = |y1| + |y2|
        Assert.InRange(Math.Abs(run.Point[2][0]) + Math.Abs(run.Point[3][0]), 0, 1e-3);
    }

    [Fact]
    public void Bilevel_problems_are_solved_through_their_lift()
    {
        // The minimiser of the penalty function at lambda = rho, in closed form.
        const double Lambda = 100;
        var small = new TwoVariables();
        foreach (IBilevelMinimaxMethod method in new IBilevelMinimaxMethod[]
        {
            new Ogda { Tolerance = 1e-2, Schedule = new PenaltySchedule { Rho = Lambda } },
            new Extragradient { Tolerance = 1e-2, Schedule = new PenaltySchedule { Rho = Lambda } },
            new SmoothedExtragradient { Tolerance = 1e-2, Schedule = new PenaltySchedule { Rho = Lambda } },
        })
        {
            var solution = new Driver { Stop = Stop.Residual(1e-9) | Stop.Iterations(50_000) }.Run(method, small.Problem, Vectors.Of(2), Vectors.Of(-1));
            var reference = new Driver { Stop = Stop.Residual(1e-10) | Stop.Iterations(200_000) }.Run(new F2ba { Lambda = Lambda, Tolerance = 1e-10 }, small.Problem, Vectors.Of(2), Vectors.Of(-1));

            // At rest there, and the residual is the bias of rho.
            double x = solution.X[0], truth = Math.Abs((small.A * small.P * ((small.P * x) - small.C)) + (small.B * x));
            Assert.Equal(SolveStatus.IterationLimit, solution.Status);
            Assert.InRange(solution.Residual, 0.99 * truth, 1.5 * truth);
            Assert.Equal(2, solution.Point.Count);
            Assert.Equal(reference.X[0], solution.X[0], 1e-6);
            Assert.Equal(small.P * solution.X[0], solution.Y[0], 1e-6);
        }
    }

    [Fact]
    public void A_lift_needs_vectors_of_other_lengths()
    {
        var finding = Assert.Single(((IMethod)new Ogda()).Validate<Bare>(new BilevelProblem<Bare>(new BareObjective(), new BareObjective()), [new Bare(), new Bare()]));
        Assert.Equal("Vectors of type Bare cannot be made in other lengths, which the lift to a minimax problem needs.", finding.What);
    }

    [Fact]
    public void A_method_for_another_class_is_refused()
    {
        var e = Assert.Throws<InvalidProblemException>(() => new Driver().Run(new F2ba(), new SmallSaddle().Problem, SmallSaddle.Start()));
        Assert.StartsWith("The method f2ba is for bilevel problems without maximising blocks; this problem is of another class.", e.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidProblemException>(() => new Driver { Validate = false }.Run(new F2ba(), new SmallSaddle().Problem, SmallSaddle.Start()));
    }

    [Fact]
    public void Doubtful_settings_are_named()
    {
        var problem = new SmallSaddle().Problem;
        Assert.Empty(new Ogda().Validate(problem));
        Assert.Contains("beyond 1/L_h", Assert.Single(new Ogda { Tolerance = 0.1, Steps = new PenaltySteps { Step = 1 } }.Validate(problem)).What, StringComparison.Ordinal);
        Assert.Equal("rho = 5 is below 1/tolerance = 10: the gap of the lower level need not come below the tolerance.", Assert.Single(new Ogda { Tolerance = 0.1, Schedule = new PenaltySchedule { Rho = 5 } }.Validate(problem)).What);
        var start = Assert.Single(new Ogda { Tolerance = 0.1, Schedule = new PenaltySchedule { RhoStart = 50 } }.Validate(problem));
        Assert.Equal((Severity.Error, "rho-start = 50 is above the last rho, 10."), (start.Severity, start.What));
        Assert.Contains("cycles where the lower level is bilinear", Assert.Single(new GradientDescentAscent().Validate(problem)).What, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Ogda.Reference(0.1, new MinimaxConstants()));
    }

    [Fact]
    public void The_step_recovers_from_any_scale_of_the_objectives()
    {
        // From far too short and far too long first steps: the objectives are scaled instead.
        foreach (double scale in new[] { 1e-6, 1e-3, 1, 1e3, 1e6 })
        {
            var problem = new SmallSaddle(scale, scale).Problem with { Constants = new MinimaxConstants() };
            double tolerance = 0.01 * scale;
            var method = new Ogda { Tolerance = tolerance, Schedule = new PenaltySchedule { Rho = 100 } };
            var solution = new Driver { Stop = Stop.Residual(tolerance) | Stop.Iterations(2_000) }.Run(method, problem, SmallSaddle.Start());
            Assert.True(solution.Converged, FormattableString.Invariant($"{scale}: {solution.StatusMessage}"));
            Assert.Equal(SmallSaddle.Answer, solution.X[0], 0.02);
        }
    }

    private static (Solution<DenseVector<double>> Solution, IReadOnlyList<TraceRow> Trace) Sittings(IBilevelMinimaxMethod method, long[] limits)
    {
        var (store, trace) = (new MemoryCheckpoints(), new MemoryTrace());
        Solution<DenseVector<double>>? solution = null;
        foreach (long limit in limits)
            solution = new Driver { Stop = Stop.Iterations(limit), Checkpoints = store, Resume = true, Trace = trace }.Run(method, new SmallSaddle().Problem, SmallSaddle.Start());
        return (solution!, trace.Rows);
    }

    // A function of three numbers with its derivatives.
    private sealed class FunctionOfThree(Func<double, double, double, double> value, params Func<double, double, double, double>[] derivatives) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => value(point[0][0], point[1][0], point[2][0]);

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result) =>
            result[0] = derivatives[block](point[0][0], point[1][0], point[2][0]);
    }
}
