using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>What SSGDA, TSGDA-1 and TSGDA-2 share.</summary>
public sealed class SaddleTrackingMethodTests
{
    private static readonly Dictionary<string, SaddleTrackingMethod> Cases = new()
    {
        ["ssgda"] = new Ssgda(),
        ["ssgda, partial, batch"] = new Ssgda { UpperGradient = UpperGradient.Partial, Batch = 2 },
        ["ssgda, corrected, batch, independent samples"] = new Ssgda { UpperGradient = UpperGradient.FirstOrderCorrected, Batch = 2, IndependentSamples = true },
        ["ssgda, decaying steps"] = new Ssgda { UpperDecay = StepDecay.Inverse, LowerDecay = StepDecay.Exponential, LowerBase = 0.9999 },
        ["tsgda-1, corrected"] = new Tsgda1 { UpperGradient = UpperGradient.FirstOrderCorrected },
        ["tsgda-1, reinit"] = new Tsgda1 { Initialisation = Initialisation.Reinit, InnerSteps = 30 },
        ["tsgda-2"] = new Tsgda2(),
        ["tsgda-2, batch, shared samples"] = new Tsgda2 { Batch = 2, SharedSamples = true },
    };

    public static TheoryData<string> Methods => [.. Cases.Keys];

    public static TheoryData<string> Exact => [.. Cases.Keys.Where(name => name is "ssgda" or "tsgda-2")];

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_step_allocates_nothing(string name)
    {
        var problem = new SmallSaddle().Problem;
        var counted = problem with
        {
            Upper = new CountingObjective<DenseVector<double>>(new GaussianNoise<double>(problem.Upper, 0.1), new OracleCounts(UpperCount)),
            Lower = new CountingObjective<DenseVector<double>>(new GaussianNoise<double>(problem.Lower, 0.1), new OracleCounts(LowerCount)),
        };
        var run = Cases[name].Start(counted, SmallSaddle.Start(), 0);
        for (int i = 0; i < 500; i++) run.Step();

        Assert.Equal(0, Allocation.Least(() => { for (int i = 0; i < 1_000; i++) run.Step(); }));
        Assert.True(double.IsFinite(run.Residual));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Stopped_at_any_iteration_and_resumed(string name)
    {
        const long Total = 90;
        for (ulong trial = 0; trial < 4; trial++)
        {
            long[] stops = [.. Enumerable.Range(0, ((int)trial % 3) + 1).Select(i => 1 + (long)(RandomBits.At(trial, (ulong)i) % (Total - 1))).Order()];
            var (whole, wholeTrace) = Sittings([Total], trial);
            var (resumed, resumedTrace) = Sittings([.. stops, Total], trial);
            ResumeTests.AssertSame(whole, resumed, name);
            Assert.Equal(ResumeTests.Untimed(wholeTrace), ResumeTests.Untimed(resumedTrace));
        }

        (Solution<DenseVector<double>> Solution, IReadOnlyList<TraceRow> Trace) Sittings(long[] limits, ulong seed)
        {
            var plain = new SmallSaddle().Problem;
            var problem = plain with { Upper = new GaussianNoise<double>(plain.Upper, 0.1), Lower = new GaussianNoise<double>(plain.Lower, 0.1) };
            var (store, trace) = (new MemoryCheckpoints(), new MemoryTrace());
            Solution<DenseVector<double>>? solution = null;
            foreach (long limit in limits)
                solution = new Driver { Stop = Stop.Iterations(limit), Checkpoints = store, Resume = true, Trace = trace }.Run(Cases[name], problem, SmallSaddle.Start(), seed);
            return (solution!, trace.Rows);
        }
    }

    [Theory]
    [MemberData(nameof(Exact))]
    public void X2_ascends_beside_x1_and_the_answer_is_certified(string name)
    {
        const double Tolerance = 1e-3;
        var problem = new SmallSaddle().Problem;
        var solution = new Driver { Stop = Stop.Certified(Tolerance, 20) | Stop.Iterations(50_000), CertifyAt = Tolerance }.Run(Cases[name] with { Perturbation = Tolerance }, problem, SmallSaddle.Start());
        Assert.True(solution.Converged, solution.StatusMessage);
        Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
        Assert.Equal(SmallSaddle.Answer, solution.X[0], 2 * Tolerance);
        Assert.Equal(SmallSaddle.Answer / 2, solution["x2"][0], 2 * Tolerance);
        Assert.Equal(1 / Tolerance, solution.Penalty);
    }

    [Theory]
    [InlineData("ssgda")]
    [InlineData("tsgda-2")]
    public void The_residual_is_that_of_the_penalty_function(string name)
    {
        // Read before the moves of the iteration, x at the point it leaves; at rest they are the rows at the point.
        var problem = new SmallSaddle().Problem;
        var run = Cases[name].Start(problem, SmallSaddle.Start(), 0);
        for (int i = 0; i < 2_000; i++) run.Step();
        var rows = new MinimaxPenalty<DenseVector<double>>(problem, run.Point.ToArray());
        rows.Evaluate(run.Penalty);
        double norm = Math.Sqrt(rows.Rows.Sum(r => r.Dot(r)));
        Assert.InRange(norm, 0, 1e-8);
        Assert.InRange(run.Residual, 0, 1e-8);

        // And after one step from a point off the saddle: only y and z have moved since, by 0.5/(Lg + s Lf) times their rows.
        run = new Ssgda { StepUpper = 1e-9 }.Start(problem, Start(Vectors.Of(1), Vectors.Of(0.5), Vectors.Of(-0.5), Vectors.Of(-0.5)), 0);
        rows = new MinimaxPenalty<DenseVector<double>>(problem, run.Point.ToArray());
        rows.Evaluate(run.Penalty);
        double rowsBefore = Math.Sqrt(rows.Rows.Sum(r => r.Dot(r)));
        run.Step();
        Assert.InRange(run.Residual, 0.5 * rowsBefore, 2 * rowsBefore);
    }

    [Theory]
    [InlineData(Sense.Minimise, Sense.Maximise)]
    [InlineData(Sense.Maximise, Sense.Minimise)]
    [InlineData(Sense.Maximise, Sense.Maximise)]
    public void A_level_that_maximises_the_negative_is_the_same_level(Sense upper, Sense lower)
    {
        foreach (var method in Cases.Values.Where(m => m.Batch == 0))
        {
            var plain = new SmallSaddle().Problem;
            var turned = plain with { Upper = Turned(plain.Upper, upper), Lower = Turned(plain.Lower, lower), UpperSense = upper, LowerSense = lower };
            var (expected, actual) = (method.Start(plain, SmallSaddle.Start(), 0), method.Start(turned, SmallSaddle.Start(), 0));
            for (int t = 0; t < 200; t++)
            {
                expected.Step();
                actual.Step();
                Assert.Equal(expected.Point.ToArray().Select(b => b.ToDoubles()), actual.Point.ToArray().Select(b => b.ToDoubles()));
                Assert.Equal(expected.Residual, actual.Residual);
            }
        }

        static IObjective<DenseVector<double>> Turned(IObjective<DenseVector<double>> objective, Sense sense) => sense == Sense.Minimise ? objective : new Negative(objective);
    }

    [Fact]
    public void Proximal_terms_belong_to_the_levels()
    {
        // The follower minimises (z - x)^2/2 + |z|/2: y = x - 1/2 beyond the threshold. The leader minimises
        // (y - 1)^2/2 and pays (x - 2)^2/20: 11 x = 17.
        const double Weight = 0.5, X = 17.0 / 11;
        var problem = Lift.Bilevel(new BilevelProblem<DenseVector<double>>(
            new FunctionObjective<DenseVector<double>>((x, y) => Math.Pow(y[0] - 1, 2) / 2, (x, y, g) => g[0] = 0, (x, y, g) => g[0] = y[0] - 1),
            new FunctionObjective<DenseVector<double>>((x, y) => Math.Pow(y[0] - x[0], 2) / 2, (x, y, g) => g[0] = x[0] - y[0], (x, y, g) => g[0] = y[0] - x[0]))) with
        {
            X1 = new SquaredNormTerm<double>(0.1, [2], new Box<double>(-3, 3, 1)),
            Z1 = new L1Term<double>(Weight, new Box<double>(-4, 4, 1)),
        };
        foreach (string name in new[] { "ssgda", "tsgda-1, corrected", "tsgda-2" })
        {
            var solution = new Driver { Stop = Stop.Residual(1e-6) | Stop.Iterations(20_000), CertifyAt = 1e-2 }.Run(Cases[name] with { Perturbation = 1e-4 }, problem, BilevelMinimaxProblem.Start(Vectors.Of(2), Vectors.Of(1)));
            Assert.Equal(X, solution.X[0], 1e-3);
            Assert.Equal(X - Weight, solution.Y[0], 1e-3);
            Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
        }
    }

    [Fact]
    public void Bilevel_problems_are_solved_through_their_lift()
    {
        // Without z2 both corrections are the penalty method at lambda = 1/s.
        const double S = 0.01;
        var small = new TwoVariables();
        var reference = new Driver { Stop = Stop.Residual(1e-10) | Stop.Iterations(200_000) }.Run(new F2ba { Lambda = 1 / S, Tolerance = 1e-10 }, small.Problem, Vectors.Of(2), Vectors.Of(-1));
        foreach (var gradient in new[] { UpperGradient.Crosswise, UpperGradient.FirstOrderCorrected })
        {
            // A new start in every iteration takes enough inner steps to forget it, since its error enters over s.
            foreach (var method in new SaddleTrackingMethod[] { new Ssgda(), new Tsgda1 { Initialisation = Initialisation.Reinit, InnerSteps = 60 }, new Tsgda2() })
            {
                var solution = new Driver { Stop = Stop.Residual(1e-8) | Stop.Iterations(5_000) }.Run(method with { UpperGradient = gradient, Perturbation = S }, small.Problem, Vectors.Of(2), Vectors.Of(-1));

                // At rest where the penalty function is, and the residual is the bias of s.
                double x = solution.X[0], truth = Math.Abs((small.A * small.P * ((small.P * x) - small.C)) + (small.B * x));
                Assert.Equal(SolveStatus.IterationLimit, solution.Status);
                Assert.InRange(solution.Residual, 0.99 * truth, 1.5 * truth);
                Assert.Equal(reference.X[0], solution.X[0], 1e-6);
                Assert.Equal(small.P * solution.X[0], solution.Y[0], 1e-6);
            }
        }
    }

    [Fact]
    public void Where_f_does_not_see_x_the_partial_gradient_does_not_converge()
    {
        // x moves nowhere and the lower level is solved at once; the residual is |f_y| and no success is reported.
        var problem = new TwoVariables(B: 0).Problem;
        var solution = new Driver { Stop = Stop.Residual(1e-3) | Stop.Iterations(2_000) }.Run(new Ssgda { UpperGradient = UpperGradient.Partial }, problem, Vectors.Of(2), Vectors.Of(-1));
        Assert.Equal(SolveStatus.IterationLimit, solution.Status);
        Assert.Equal((2.0, 2.0 * (3 - 1)), (solution.X[0], solution.Residual), (a, b) => a.Item1 == b.Item1 && Math.Abs(a.Item2 - b.Item2) < 1e-9);
        var corrected = new Driver { Stop = Stop.Residual(1e-6) | Stop.Iterations(2_000) }.Run(new Ssgda(), problem, Vectors.Of(2), Vectors.Of(-1));
        Assert.True(corrected.Converged);
        Assert.Equal(6, corrected.X[0], 1e-4);
    }

    [Fact]
    public void Steps_that_decay_to_nothing_leave_the_residual_honest()
    {
        var problem = new SmallSaddle().Problem;
        var run = new Ssgda { UpperDecay = StepDecay.Exponential, UpperBase = 1e-6 }.Start(problem, SmallSaddle.Start(), 0);
        for (int i = 0; i < 500; i++) run.Step();
        Assert.InRange(run.Residual, 0.1, 10);
        Assert.True(run.Point[X1][0] > 1.5);
    }

    [Fact]
    public void Doubtful_settings_are_named()
    {
        var problem = new SmallSaddle().Problem;
        Assert.Empty(new Ssgda().Validate(problem));
        Assert.Empty(new Tsgda1().Validate(problem));
        Assert.Empty(new Tsgda2 { SharedSamples = true }.Validate(problem));
        Warns("The partial upper gradient does not follow the hyperobjective", new Ssgda { UpperGradient = UpperGradient.Partial });
        Assert.Contains(new Ssgda { UpperGradient = UpperGradient.Partial, IndependentSamples = true }.Validate(problem), f => f.What.StartsWith("independent-samples has no effect", StringComparison.Ordinal));
        Warns("step-lower-min = 2 is beyond 2/(Lg + s Lf) = 1.054", new Tsgda1 { StepLowerMin = 2 });
        Warns("step-lower-max = 2 is beyond 2/(Lg + s Lf) = 1.054", new Tsgda1 { StepLowerMax = 2 });
        Warns("perturbation = 1 is not below mu/Lf = 0.543", new Ssgda { UpperGradient = UpperGradient.FirstOrderCorrected, Perturbation = 1 }, problem with { Constants = problem.Constants with { LowerStrongConvexity = 1 } });
        Warns("The lower level is not strongly convex and strongly concave", new Ssgda(), problem with { Constants = problem.Constants with { LowerStrongConcavity = 0 } });
        Warns("The lower level is not strongly convex and strongly concave", new Ssgda(), KktProblems.T3(1));
        var refused = Assert.Single(new Tsgda2 { SharedSamples = true, MaximiserSteps = 3 }.Validate(problem));
        Assert.Equal((Severity.Error, "shared-samples needs as many steps of the maximiser as of the minimiser, and there are 3 and 5."), (refused.Severity, refused.What));
        Assert.Throws<InvalidProblemException>(() => new Driver().Run(new Tsgda2 { SharedSamples = true, MaximiserSteps = 3 }, problem, SmallSaddle.Start()));
        foreach (var wrong in new SaddleTrackingMethod[] { new Ssgda { Perturbation = 0 }, new Tsgda1 { InnerSteps = 0 }, new Tsgda2 { MaximiserSteps = 0 }, new Ssgda { Batch = -1 }, new Ssgda { UpperBase = 1.5 }, new Ssgda { StepUpper = double.NaN } })
            Assert.Throws<InvalidProblemException>(() => new Driver().Run(wrong, problem, SmallSaddle.Start()));

        void Warns(string start, SaddleTrackingMethod method, BilevelMinimaxProblem<DenseVector<double>>? of = null)
        {
            var finding = Assert.Single(method.Validate(of ?? problem));
            Assert.StartsWith(start, finding.What, StringComparison.Ordinal);
            Assert.Equal(Severity.Warning, finding.Severity);
        }
    }

    [Fact]
    public void Numbers_that_stop_being_finite_end_the_run()
    {
        foreach (string name in new[] { "ssgda", "tsgda-1, corrected", "tsgda-2" })
        {
            long asked = 0;
            var plain = new SmallSaddle().Problem;
            var problem = plain with { Lower = new Breaking(plain.Lower, () => ++asked > 300) };
            var solution = new Driver { Stop = Stop.Residual(1e-14) | Stop.Iterations(20_000) }.Run(Cases[name], problem, SmallSaddle.Start());
            Assert.Equal(SolveStatus.Diverged, solution.Status);
            Assert.All(solution.Point, block => Assert.True(block.IsFinite()));
        }
    }

    private sealed class Negative(IObjective<DenseVector<double>> inner) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            inner.Evaluate(request);
            foreach (ref readonly var output in request.Gradients) output.Result.Scale(-1);
            for (int p = 0; p < request.Values.Length; p++) request.Values[p] *= -1;
        }
    }

    private sealed class Breaking(IObjective<DenseVector<double>> inner, Func<bool> isBroken) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            inner.Evaluate(request);
            if (!isBroken()) return;
            foreach (ref readonly var output in request.Gradients) output.Result.Scale(double.NaN);
        }
    }
}
