namespace Bilevel.Tests;

public sealed class StoppingRuleTests
{
    private readonly BilevelProblem<DenseVector<double>> problem = new TwoVariables().Problem;

    private Solution<DenseVector<double>> Run(StoppingRule rule, Func<long, double> residual, int callsPerStep = 1, Action<long>? onStep = null, TimeProvider? clock = null) =>
        new Driver { Stop = rule, Clock = clock ?? TimeProvider.System }
            .Run(new ScriptedMethod(residual) { CallsPerStep = callsPerStep, OnStep = onStep ?? (_ => { }) }, problem, Vectors.Of(0), Vectors.Of(0));

    private static void AssertEnd(Solution<DenseVector<double>> solution, SolveStatus status, long iterations, string message)
    {
        string said = (status == SolveStatus.Converged ? "Converged by the method's own measure; not checked. " : "Stopped before it converged. ") + message;
        Assert.Equal((status, iterations, said), (solution.Status, solution.Iterations, solution.StatusMessage));
        Assert.Equal(status == SolveStatus.Converged, solution.Converged);
    }

    [Fact]
    public void Residual() => AssertEnd(
        Run(Stop.Residual(0.25), k => 1.0 / k), SolveStatus.Converged, 4, "The residual 0.25 is at most the tolerance 0.25.");

    [Fact]
    public void Residual_with_patience() => AssertEnd(
        Run(Stop.Residual(0.5, patience: 3), k => k is 2 or 3 or 5 or >= 7 ? 0.125 : 1),
        SolveStatus.Converged, 9, "The residual 0.125 is at most the tolerance 0.5 for 3 iterations in a row.");

    [Fact]
    public void Iterations() => AssertEnd(
        Run(Stop.Iterations(1_234), _ => 1), SolveStatus.IterationLimit, 1_234, "The limit of 1,234 iterations was reached.");

    [Fact]
    public void Stalled_counts_from_the_least_residual() => AssertEnd(
        Run(Stop.Stalled(patience: 10), k => k <= 5 ? 1.0 / k : 0.25), SolveStatus.Stalled, 15,
        "The residual has not fallen below 0.2 for 10 iterations: that is far above what rounding leaves, so that bad conditioning, noise, or steps that are too short or too long hold the progress up. Scale the variables to sizes near 1, take another method or other steps, or ask for a tolerance above that.");

    [Fact]
    public void Rounding_is_blamed_only_where_it_may_be_to_blame() => AssertEnd(
        Run(Stop.Stalled(patience: 10), k => k <= 5 ? 1e3 * Math.Pow(10, -4 * (k - 1)) : 1e-12), SolveStatus.Stalled, 15,
        "The residual has not fallen below 1E-13 for 10 iterations: rounding or noise ends the progress. Ask for a tolerance above that.");

    [Fact]
    public void Oracle_calls_at_the_end_of_the_iteration()
    {
        var solution = Run(Stop.OracleCalls(1_000), _ => 1, callsPerStep: 3);
        AssertEnd(solution, SolveStatus.OracleLimit, 334, "The limit of 1,000 oracle calls was reached.");
        Assert.Equal(1_002, solution.OracleCalls);
    }

    [Fact]
    public void Time()
    {
        var clock = new ManualClock();
        var solution = Run(Stop.Time(TimeSpan.FromSeconds(2.5)), _ => 1, onStep: _ => clock.Advance(TimeSpan.FromSeconds(0.5)), clock: clock);
        AssertEnd(solution, SolveStatus.TimeLimit, 5, "The time limit of 2.5 s was reached.");
        Assert.Equal(2.5, solution.Seconds);
    }

    [Fact]
    public void Certified()
    {
        // Certified at the first multiple of 50 where |F'| <= 0.02.
        var quadratic = new TwoVariables();
        var solution = new Driver { Stop = Stop.Certified(0.02, every: 50) | Stop.Iterations(10_000) }
            .Run(new F2sa { StepX = 0.01 }, quadratic.Problem, Vectors.Of(0), Vectors.Of(0));
        Assert.Equal((SolveStatus.Converged, 0), (solution.Status, solution.Iterations % 50));
        Assert.StartsWith("Converged. The certificate, asked every 50 iterations, was given. Certified: the hypergradient at x is at most", solution.StatusMessage, StringComparison.Ordinal);
        Assert.Equal(quadratic.Answer, solution.X[0], 0.02 / ((2 * 0.25) + 1));
        double steps = solution.UpperCalls.Gradients[0];
        Assert.InRange(steps, solution.Iterations, 1.05 * solution.Iterations);   // the certificate's calls are counted apart, those of the residual are not
        var shorter = new Driver { Stop = Stop.Certified(0.02, every: 50) | Stop.Iterations(solution.Iterations - 50) }
            .Run(new F2sa { StepX = 0.01 }, quadratic.Problem, Vectors.Of(0), Vectors.Of(0));
        Assert.Equal(SolveStatus.IterationLimit, shorter.Status);
    }

    [Fact]
    public void Either_names_the_one_that_fired()
    {
        AssertEnd(Run(Stop.Residual(0.1) | Stop.Iterations(4), k => 1.0 / k), SolveStatus.IterationLimit, 4, "The limit of 4 iterations was reached.");
        AssertEnd(Run(Stop.Residual(0.5) | Stop.Iterations(4), k => 1.0 / k), SolveStatus.Converged, 2, "The residual 0.5 is at most the tolerance 0.5.");
    }

    [Fact]
    public void Either_names_convergence_where_both_fire()
    {
        const string Message = "The residual 0.25 is at most the tolerance 0.25.";
        AssertEnd(Run(Stop.Residual(0.25) | Stop.Iterations(4), k => 1.0 / k), SolveStatus.Converged, 4, Message);
        AssertEnd(Run(Stop.Iterations(4) | Stop.Residual(0.25), k => 1.0 / k), SolveStatus.Converged, 4, Message);
        AssertEnd(Run(Stop.Iterations(4) | Stop.OracleCalls(4), k => 1), SolveStatus.IterationLimit, 4, "The limit of 4 iterations was reached.");
    }

    [Fact]
    public void Both_hold_at_the_same_iteration_and_give_both_reasons()
    {
        var rule = Stop.Residual(0.5) & Stop.Iterations(3);
        AssertEnd(Run(rule, k => 1.0 / k), SolveStatus.Converged, 3, "The residual 0.333 is at most the tolerance 0.5. The limit of 3 iterations was reached.");
        AssertEnd(Run(rule, k => k == 3 ? 1 : 0.5), SolveStatus.Converged, 4, "The residual 0.5 is at most the tolerance 0.5. The limit of 3 iterations was reached.");
        AssertEnd(Run(Stop.Iterations(3) & Stop.OracleCalls(5), _ => 1), SolveStatus.OracleLimit, 5, "The limit of 3 iterations was reached. The limit of 5 oracle calls was reached.");
    }

    [Fact]
    public void Combinations_nest()
    {
        var rule = (Stop.Residual(0.3) & Stop.Iterations(6)) | Stop.OracleCalls(20);
        AssertEnd(Run(rule, k => 1.0 / k), SolveStatus.Converged, 6, "The residual 0.167 is at most the tolerance 0.3. The limit of 6 iterations was reached.");
        AssertEnd(Run(rule, _ => 1, callsPerStep: 5), SolveStatus.OracleLimit, 4, "The limit of 20 oracle calls was reached.");
        Assert.Equal("(residual <= 0.3 and 6 iterations) or 20 oracle calls", rule.ToString());
        Assert.Equal("never", Stop.Never.ToString());
        Assert.Equal("certified at 0.01 (asked every 7 iterations) or 1.5 s", StoppingRule.BitwiseOr(Stop.Certified(0.01, 7), Stop.Time(TimeSpan.FromSeconds(1.5))).ToString());
        Assert.Equal("(1,000 iterations and never)", StoppingRule.BitwiseAnd(Stop.Iterations(1000), Stop.Never).ToString());
    }

    [Fact]
    public void A_rule_can_watch_many_runs()
    {
        var rule = Stop.Residual(0.5, patience: 2) | Stop.Iterations(100);
        for (int i = 0; i < 3; i++) Assert.Equal(3, Run(rule, k => 1.0 / k).Iterations);
    }

    [Fact]
    public void Tolerance_and_share()
    {
        var monitor = (Stop.Iterations(10) | Stop.Residual(0.5) | Stop.OracleCalls(50)).Begin();
        Assert.Equal(0.5, monitor.Tolerance);
        Assert.False(monitor.ShouldStop(new View(4, 1, 10)));
        Assert.Equal(0.4, monitor.Share);
        Assert.False(monitor.ShouldStop(new View(5, 1, 40)));
        Assert.Equal(0.8, monitor.Share);
        Assert.Null(Stop.Never.Begin().Tolerance);
        Assert.Equal(0, Stop.Never.Begin().Share);
        var both = (Stop.Iterations(10) & Stop.OracleCalls(50)).Begin();
        Assert.False(both.ShouldStop(new View(4, 1, 45)));
        Assert.Equal(0.4, both.Share);
    }

    [Fact]
    public void Limits_must_be_positive()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Stop.Residual(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Stop.Residual(1, patience: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Stop.Iterations(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Stop.OracleCalls(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Stop.Time(TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => Stop.Certified(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Stop.Certified(1, every: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Stop.Residual(double.NaN));
    }

    private sealed record View(long Iteration, double Residual, long OracleCalls) : IRunView
    {
        public TimeSpan Elapsed => default;

        public double UpperValue => 0;

        public Certificate Certify(double tolerance) => throw new NotSupportedException();
    }
}
