using Objective = Bilevel.FunctionObjective<Bilevel.DenseVector<double>>;

namespace Bilevel.Tests;

/// <summary>A run that fails names the gradient that is wrong where it went, although all were right at the start.</summary>
public sealed class LastGradientsTests
{
    // y* = x, with the wrong sign of g_x below 1.
    private static readonly Objective WrongBelowOne = new(
        (x, y) => Square(y[0] - x[0]) / 2,
        (x, y, r) => r[0] = x[0] < 1 ? y[0] - x[0] : x[0] - y[0],
        (x, y, r) => r[0] = y[0] - x[0]);

    [Theory]
    [InlineData(-1.0)]
    [InlineData(-0.5)]
    [InlineData(0.5)]
    public void The_wrong_gradient_is_named_whatever_the_method_did_there(double answer)
    {
        Objective[] uppers =
        [
            new((x, y) => Square(y[0] - answer), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = 2 * (y[0] - answer)),
            new((x, y) => Math.Exp(y[0]) - (answer * y[0]), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = Math.Exp(y[0]) - answer),
        ];
        foreach (var upper in uppers)
        {
            foreach (IMethod method in new IMethod[] { new F2sa(), new F2saP(), new QuasiNewton(), new F2ba() })
            {
                var driver = new Driver { Stop = Stop.Residual(1e-4) | Stop.Stalled(200) | Stop.Iterations(20_000), CertifyAt = 1e-3 };
                var solution = driver.Run(method, new BilevelProblem<DenseVector<double>>(upper, WrongBelowOne), [Vectors.Of(3), Vectors.Of(3)], 0);
                Assert.False(solution.Converged);
                Assert.True(solution.StatusMessage.Contains("gradient of g in x", StringComparison.Ordinal) || solution.StatusMessage.Contains("gradients of g in x and y", StringComparison.Ordinal), $"{method.Name}: {solution.StatusMessage}");
            }
        }
    }

    [Fact]
    public void A_run_that_broke_down_says_so_instead_of_advice()
    {
        Objective upper = new((x, y) => Square(y[0]), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = 2 * y[0]);
        var driver = new Driver { Stop = Stop.Iterations(20_000), CertifyAt = 1e-3 };
        var solution = driver.Run(new RunsAway(), new BilevelProblem<DenseVector<double>>(upper, WrongBelowOne), [Vectors.Of(3), Vectors.Of(3)], 0);
        Assert.Equal(SolveStatus.Diverged, solution.Status);
        Assert.Contains("The gradient of g in x disagrees with its values", solution.StatusMessage, StringComparison.Ordinal);
        Assert.DoesNotContain("Start elsewhere", solution.StatusMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void Right_gradients_are_not_accused_where_a_run_fails()
    {
        Objective lower = new((x, y) => Square(y[0] - x[0]) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => r[0] = y[0] - x[0]);
        Objective[] uppers =
        [
            new((x, y) => Math.Log(y[0]), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = 1 / y[0]),
            new((x, y) => Math.Abs(y[0]), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = Math.Sign(y[0])),
            new((x, y) => -Math.Exp(-y[0]), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = Math.Exp(-y[0])),
            new((x, y) => 1e8 + Square(Square(y[0])), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = 4 * y[0] * Square(y[0])),
        ];
        foreach (var upper in uppers)
        {
            foreach (double start in new[] { 0.5, 3, 40 })
            {
                foreach (double stepX in new[] { 0.1, 5 })
                {
                    var driver = new Driver { Stop = Stop.Residual(1e-12) | Stop.Stalled(200) | Stop.Iterations(3_000), CertifyAt = 1e-10 };
                    var solution = driver.Run(new F2sa { StepX = stepX }, new BilevelProblem<DenseVector<double>>(upper, lower), [Vectors.Of(start), Vectors.Of(start)], 0);
                    Assert.DoesNotContain("disagrees with its values", solution.StatusMessage, StringComparison.Ordinal);
                }
            }
        }
    }

    [Fact]
    public void Values_that_rounding_makes_zero_do_not_accuse_a_gradient()
    {
        // log(1 + exp(-50)) is zero in double precision, its slope exp(-50) is not.
        Objective upper = new((x, y) => Math.Log(1 + Math.Exp(y[0])), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = 1 / (1 + Math.Exp(-y[0])));
        Objective lower = new((x, y) => Square(y[0] - x[0]) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => r[0] = y[0] - x[0]);
        var solution = BilevelSolver.Solve(new BilevelProblem<DenseVector<double>>(upper, lower), Vectors.Of(-50), Vectors.Of(-50), 1e-4);
        Assert.True(solution.Converged, solution.StatusMessage);
    }

    private static double Square(double t) => t * t;

    // Goes down from its start, a unit at a time, until its residual is beyond all bounds.
    private sealed record RunsAway() : MethodOfTests("runs-away")
    {
        public override IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed) => new Run<V>([x.Copy(), y.Copy()]);

        private sealed class Run<V>(V[] point) : IRun<V>
            where V : class, IVector<V>
        {
            public double Residual { get; private set; } = 1;

            public double Penalty => 1;

            public ReadOnlySpan<V> Point => point;

            public void Step()
            {
                point[0].AddScaled(-1 / point[0].Norm(), point[0]);
                Residual *= 1e4;
            }

            public void Transfer(IArchive<V> archive)
            {
            }
        }
    }
}
