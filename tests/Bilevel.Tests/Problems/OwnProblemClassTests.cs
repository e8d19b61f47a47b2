using Bilevel.OwnClass;

namespace Bilevel.Tests;

/// <summary>
/// The core is open: a problem class of a user's own, with its method and its certificate, is run by the driver like those
/// of the library ("How to add a problem class" in CONTRIBUTING.md).
/// </summary>
public sealed class OwnProblemClassTests
{
    private static readonly FollowersProblem<DenseVector<double>> Problem = TwoFollowers.Problem;
    private static readonly FollowersCertificate Certificate = new();

    [Fact]
    public void Its_method_reaches_the_closed_form_and_is_certified()
    {
        var trace = new MemoryTrace();
        var driver = new Driver { Stop = Stop.Residual(1e-6) | Stop.Iterations(2000), Certifier = Certificate, CertifyAt = 1e-4, Trace = trace, RecordEvery = 10 };
        var solution = driver.Run(new FollowersDescent(), Problem, TwoFollowers.Start);

        Assert.True(solution.Converged, solution.StatusMessage);
        Assert.Equal(["x", "y1", "y2"], solution.BlockNames);
        double x = solution.X[0];
        Assert.Equal(TwoFollowers.Answer, x, 2e-3);                      // the bias is of the order of 1/lambda
        Assert.Equal(x, solution["y1"][0], 1e-6);
        Assert.Equal(-2 * x, solution["y1"][1], 1e-6);
        Assert.Equal(x - 0.5, solution["y2"][0], 1e-6);
        Assert.Same(solution["y1"], solution.Y);

        // The follower's term is part of the lower value, the leader's set is zero.
        Assert.Equal((Math.Pow(0.5, 2) / 2) + (0.5 * (x - 0.5)), solution.LowerValue, 1e-5);
        Assert.Equal(solution.Certificate!.LowerValue, solution.LowerValue, 1e-12);
        Assert.True(solution.Certificate.Verdict == Verdict.Certified, solution.Certificate.ToString());
        Assert.True(solution.Certificate.OracleCalls > 0);

        // Counted by block and recorded as for every class.
        Assert.Equal(3, solution.LowerCalls.Gradients.Length);
        Assert.Equal(solution.Iterations, solution.UpperCalls.Gradients[0]);
        Assert.Equal(solution.Iterations / 10, trace.Rows.Count(r => r.Iteration > 0 && r.Iteration % 10 == 0));
        Assert.Equal(solution.OracleCalls, trace.Rows[^1].OracleCalls);
    }

    [Fact]
    public void A_run_can_stop_on_its_certificate()
    {
        var driver = new Driver { Stop = Stop.Certified(1e-2, every: 5) | Stop.Iterations(2000), Certifier = Certificate, CertifyAt = 1e-2 };
        var solution = driver.Run(new FollowersDescent(), Problem, TwoFollowers.Start);
        Assert.True(solution.Converged, solution.StatusMessage);
        Assert.Equal(0, solution.Iterations % 5);
        Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);

        // One step earlier by the rule's measure the same point is refused, with the number that fails.
        var early = Certificate.Check(Problem, TwoFollowers.Start, 1e-2, 1000, quick: true).Certificate;
        Assert.Equal(Verdict.NotCertified, early.Verdict);
        Assert.Contains("x_residual", early.Summary, StringComparison.Ordinal);
        Assert.Equal(Math.Min(9, (6.1 * 4) - 12.5), early["x_residual"], 0.05);      // the box cuts the step at -5
    }

    [Fact]
    public void A_run_resumes_to_the_bit()
    {
        var whole = Sitting(new MemoryCheckpoints(), 40);
        var store = new MemoryCheckpoints();
        foreach (long limit in new long[] { 3, 17, 18 }) Sitting(store, limit);
        var resumed = Sitting(store, 40);
        Assert.Equal(40, resumed.Iterations);
        Assert.Equal(whole.Point.SelectMany(b => b.ToDoubles()), resumed.Point.SelectMany(b => b.ToDoubles()));
        Assert.Equal((whole.UpperValue, whole.LowerValue, whole.Residual, whole.OracleCalls), (resumed.UpperValue, resumed.LowerValue, resumed.Residual, resumed.OracleCalls));

        static Solution<DenseVector<double>> Sitting(MemoryCheckpoints store, long limit) =>
            new Driver { Stop = Stop.Iterations(limit), Checkpoints = store, Resume = true }.Run(new FollowersDescent { InnerSteps = 2 }, Problem, TwoFollowers.Start);
    }

    [Fact]
    public void Budgets_and_phases_hold_for_it()
    {
        var driver = new Driver { Stop = Stop.Never, OracleBudget = 1001 };
        var solution = driver.Run(new FollowersDescent(), Problem, TwoFollowers.Start);
        Assert.Equal(SolveStatus.OracleLimit, solution.Status);
        Assert.InRange(solution.OracleCalls, 1, 1001);

        var phased = new Driver { Certifier = Certificate, CertifyAt = 1e-4 }.RunPhases(
            [new(new FollowersDescent { Lambda = 20 }, Stop.Iterations(30)), new(new FollowersDescent { Lambda = 2000 }, Stop.Residual(1e-6) | Stop.Iterations(2000))],
            Problem,
            TwoFollowers.Start);
        Assert.True(phased.Converged && phased.Iterations > 30);
        Assert.Equal(2000, phased.Penalty);
        Assert.Equal(Verdict.Certified, phased.Certificate!.Verdict);
    }

    [Fact]
    public void What_is_wrong_is_said_before_the_first_step()
    {
        Assert.Contains("The start has 2 blocks; the problem has 3: x, y1, y2.", Refusal(new FollowersDescent(), Problem, TwoFollowers.Start[..2]), StringComparison.Ordinal);
        Assert.Contains("strong convexity 20 is not between 0 and their smoothness 14", Refusal(new FollowersDescent(), Problem with { StrongConvexity = 20 }, TwoFollowers.Start), StringComparison.Ordinal);
        Assert.Contains("Take lambda above 1.", Refusal(new FollowersDescent { Lambda = 0.5 }, Problem, TwoFollowers.Start), StringComparison.Ordinal);

        // The gradient spot check names the block.
        var wrong = Problem with { Lower = new FunctionObjective<DenseVector<double>>(p => p[1][1] * p[1][1], (_, r) => r.Scale(0), (p, r) => (r[0], r[1]) = (0, 3 * p[1][1]), (_, r) => r.Scale(0)) };
        Assert.Contains("lower objective g in y1 does not match", Refusal(new FollowersDescent(), wrong, [Vectors.Of(1), Vectors.Of(1, 2), Vectors.Of(1)]), StringComparison.Ordinal);

        // A start outside the box is a warning; the run begins at its projection.
        var moved = new Driver { Stop = Stop.Iterations(1) }.Run(new FollowersDescent(), Problem, [Vectors.Of(9), Vectors.Of(0, 0), Vectors.Of(0)]);
        Assert.Contains(moved.Findings, f => f.Severity == Severity.Warning && f.What.Contains("The start of x lies outside", StringComparison.Ordinal));
        Assert.InRange(moved.X[0], -5, 5);
    }

    [Fact]
    public void Methods_of_another_class_are_refused_both_ways()
    {
        foreach (IMethod method in new IMethod[] { new F2ba(), new Ogda(), new Auto() })
        {
            Assert.Contains("this problem is of another class", Refusal(method, Problem, TwoFollowers.Start), StringComparison.Ordinal);
            Assert.Throws<InvalidProblemException>(() => method.Start(Problem, TwoFollowers.Start, 0));
        }

        var plain = new TwoVariables().Problem;
        Assert.Contains("is for problems with several followers", Refusal(new FollowersDescent(), plain, [Vectors.Of(1), Vectors.Of(1)]), StringComparison.Ordinal);
        Assert.Throws<InvalidProblemException>(() => ((IMethod)new FollowersDescent()).Start(plain, [Vectors.Of(1), Vectors.Of(1)], 0));
    }

    [Fact]
    public void Without_a_certifier_the_answer_is_not_checkable()
    {
        var solution = new Driver { Stop = Stop.Iterations(3), CertifyAt = 1e-3 }.Run(new FollowersDescent(), Problem, TwoFollowers.Start);
        Assert.Equal(Verdict.NotCheckable, solution.Certificate!.Verdict);
        Assert.Contains("Driver.Certifier", solution.Certificate.Summary, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1e-2)]
    [InlineData(1e-3)]
    public void Through_its_lift_the_methods_and_the_certificate_of_minimax_problems_serve_it(double tolerance)
    {
        var start = TwoFollowers.Start;
        var lifted = Problem.Lift(start);
        LiftChecks.Rows(lifted, [1, 0, 3, 0, 3, 0]);
        var driver = new Driver { Stop = Stop.Certified(tolerance, every: 20) | Stop.Iterations(100_000), CertifyAt = tolerance };
        foreach (IMethod method in new IMethod[] { new Ogda { Tolerance = tolerance }, new Auto { Tolerance = tolerance }, new Extragradient { Tolerance = tolerance } })
        {
            var solution = driver.Run(method, lifted, FollowersLift.LiftedStart(start));
            Assert.True(solution.Converged && solution.Certificate!.Verdict == Verdict.Certified, solution.Certificate!.ToString());
            Assert.Equal(TwoFollowers.Answer, solution.X[0], 10 * tolerance);

            // The certificate of the class agrees on the answer brought back down, up to what its copies may move.
            var own = Certificate.Check(Problem, FollowersLift.Lowered(solution.Point, start), 10 * tolerance, solution.Penalty, quick: false).Certificate;
            Assert.True(own.Verdict == Verdict.Certified, own.ToString());
            Assert.Equal(solution.Certificate.UpperValue, own.UpperValue, 20 * tolerance);
        }
    }

    [Fact]
    public void A_game_of_one_level_is_the_case_without_a_lower_level()
    {
        // min over x in [-3, 3], max over y in [-2, 2] of x^2/2 + 2 x y - y^2 + x - y: x + 2 y + 1 = 0 and 2 x - 2 y - 1 = 0.
        var game = new FunctionObjective<DenseVector<double>>(
            p => (p[0][0] * p[0][0] / 2) + (2 * p[0][0] * p[1][0]) - (p[1][0] * p[1][0]) + p[0][0] - p[1][0],
            (p, result) => result[0] = p[0][0] + (2 * p[1][0]) + 1,
            (p, result) => result[0] = (2 * p[0][0]) - (2 * p[1][0]) - 1);
        var nothing = new ComposedObjective<double>();
        var problem = new BilevelMinimaxProblem<DenseVector<double>>(new SelectedBlocks<DenseVector<double>>(game, BilevelMinimaxProblem.X1, BilevelMinimaxProblem.X2), nothing) { X1 = new Box<double>(-3, 3, 1), X2 = new Box<double>(-2, 2, 1) };
        var driver = new Driver { Stop = Stop.Certified(1e-8, every: 20) | Stop.Iterations(10_000), CertifyAt = 1e-8 };
        var solution = driver.Run(new Ogda { Tolerance = 1e-8 }, problem, BilevelMinimaxProblem.Start(Vectors.Of(3), Vectors.Of(2), new(0), new(0)));
        Assert.True(solution.Converged && solution.Certificate!.Verdict == Verdict.Certified, solution.Certificate!.ToString());
        Assert.Equal(0, solution["x1"][0], 1e-7);
        Assert.Equal(-0.5, solution["x2"][0], 1e-7);
    }

    private static string Refusal<V>(IMethod method, IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => Assert.Throws<InvalidProblemException>(() => new Driver().Run(method, problem, start)).Message;
}
