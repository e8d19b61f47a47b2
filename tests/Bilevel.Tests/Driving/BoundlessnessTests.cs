using Objective = Bilevel.FunctionObjective<Bilevel.DenseVector<double>>;

namespace Bilevel.Tests;

/// <summary>Levels without a minimiser are said to be such, and those whose minimiser is far away are not.</summary>
public sealed class BoundlessnessTests
{
    private static readonly Objective Tracking = new((x, y) => ((x[0] * x[0]) + Math.Pow(y[0] - 1, 2)) / 2, (x, y, r) => r[0] = x[0], (x, y, r) => r[0] = y[0] - 1);

    public static TheoryData<string> Followers() => ["-y", "exp(-y)", "log(1 + exp(-y))", "-y^3", "-y on y >= 0", "only for x < 0", "separable"];

    private static BilevelProblem<DenseVector<double>> Problem(string follower) => follower switch
    {
        "-y" => new(Tracking, new Objective((x, y) => -y[0], (x, y, r) => r[0] = 0, (x, y, r) => r[0] = -1)),
        "exp(-y)" => new(Tracking, new Objective((x, y) => Math.Exp(-y[0]), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = -Math.Exp(-y[0]))),
        "log(1 + exp(-y))" => new(Tracking, new Objective((x, y) => Math.Log(1 + Math.Exp(-y[0])), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = -1 / (1 + Math.Exp(y[0])))),
        "-y^3" => new(Tracking, new Objective((x, y) => -Math.Pow(y[0], 3), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = -3 * y[0] * y[0])),
        "-y on y >= 0" => Problem("-y") with { LowerSet = new NonnegativeOrthant<double>() },

        // Half max(x, 0) y^2 - y: the leader is drawn to x = -1, where the follower has no answer.
        "only for x < 0" => new(
            new Objective((x, y) => Math.Pow(x[0] + 1, 2) / 2, (x, y, r) => r[0] = x[0] + 1, (x, y, r) => r[0] = 0),
            new Objective((x, y) => (Math.Max(x[0], 0) * y[0] * y[0] / 2) - y[0], (x, y, r) => r[0] = x[0] > 0 ? y[0] * y[0] / 2 : 0, (x, y, r) => r[0] = (Math.Max(x[0], 0) * y[0]) - 1)),

        // Logistic regression without regularisation on two classes that a line separates.
        _ => new(
            new Objective((x, y) => x[0] * x[0] / 2, (x, y, r) => r[0] = x[0], (x, y, r) => r.CopyFrom(Vectors.Of(0, 0))),
            new Objective((x, y) => Math.Log(1 + Math.Exp(-y[0] - y[1])) + Math.Log(1 + Math.Exp(-y[0] + (0.5 * y[1]))), (x, y, r) => r[0] = 0, (x, y, r) =>
            {
                double one = -1 / (1 + Math.Exp(y[0] + y[1])), two = -1 / (1 + Math.Exp(y[0] - (0.5 * y[1])));
                (r[0], r[1]) = (one + two, one - (0.5 * two));
            })),
    };

    [Theory]
    [MemberData(nameof(Followers))]
    public void A_follower_without_a_minimiser(string follower)
    {
        var y = follower == "separable" ? Vectors.Of(0, 0) : Vectors.Of(0.5);
        foreach (IMethod method in new IMethod[] { new F2ba { Accelerated = true }, new F2sa(), new F2ba() })
        {
            var solution = new Driver { Stop = Stop.Residual(1e-4) | Stop.Iterations(3_000), CertifyAt = 1e-3 }.Run(method, Problem(follower), [Vectors.Of(0.5), y]);
            Assert.True(solution.Status == SolveStatus.Unbounded, $"{method.Name}: {solution.Status}: {solution.StatusMessage}");
            Assert.StartsWith("The follower seems unbounded: g has no minimiser in y at this x as far as was looked. It is ", solution.StatusMessage, StringComparison.Ordinal);
            Assert.Matches(@"It is (0|-?[\d.E+-]*[1-9][\d.E+-]*) at (y = 0|\|y\| = [\d.E+-]+)(, reached by a last move of length [\d.E+-]*[1-9][\d.E+-]*,)? and still falls at \|y\| = ", solution.StatusMessage);
            Assert.Null(solution.Certificate);
            Assert.False(solution.Converged);
        }
    }

    [Theory]
    [InlineData(0.1, 0)]
    [InlineData(0, 3)]
    [InlineData(-0.5, -2)]
    public void A_follower_whose_infimum_is_not_attained_is_not_one_with_many_answers(double slope, double start)
    {
        // exp(-y + slope x): its slope is below the smallest number long before y = 1,000.
        var problem = new BilevelProblem<DenseVector<double>>(Tracking, new Objective(
            (x, y) => Math.Exp(-y[0] + (slope * x[0])), (x, y, r) => r[0] = slope * Math.Exp(-y[0] + (slope * x[0])), (x, y, r) => r[0] = -Math.Exp(-y[0] + (slope * x[0]))));
        foreach (var solution in new[]
        {
            BilevelSolver.Solve(problem, Vectors.Of(1), Vectors.Of(start), 1e-4),
            new Driver { Stop = Stop.Residual(1e-4) | Stop.Iterations(3000), CertifyAt = 1e-4 }.Run(new Auto(), problem, Vectors.Of(1), Vectors.Of(start)),
        })
        {
            Assert.True(solution.Status == SolveStatus.Unbounded, $"{solution.Status}: {solution.StatusMessage}");
            Assert.StartsWith("The follower seems unbounded: ", solution.StatusMessage, StringComparison.Ordinal);
            Assert.DoesNotContain(solution.Notes, n => n.Contains("more than one best answer", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_leader_that_falls_along_what_the_follower_does_not_see_is_unbounded()
    {
        // g = |A (y - b x)|^2/2 in five variables, of rank three; f falls along the null space of A, or has its minimum there.
        for (ulong seed = 0; seed < 12; seed++)
        {
            const int Size = 5, Rank = 3;
            double[,] a = new double[Rank, Size];
            double[] slope = new double[Size], b = new double[Size];
            ulong draw = 0;
            for (int j = 0; j < Size; j++)
            {
                (slope[j], b[j]) = (RandomBits.Normal(seed, draw++), RandomBits.Normal(seed, draw++));
                for (int i = 0; i < Rank; i++) a[i, j] = RandomBits.Normal(seed, draw++);
            }

            bool bounded = seed % 3 == 2;
            double Row(DenseVector<double> x, DenseVector<double> y, int i) => Enumerable.Range(0, Size).Sum(j => a[i, j] * (y[j] - (b[j] * x[0])));
            var lower = new Objective(
                (x, y) => Enumerable.Range(0, Rank).Sum(i => Math.Pow(Row(x, y, i), 2)) / 2,
                (x, y, r) => r[0] = -Enumerable.Range(0, Rank).Sum(i => Row(x, y, i) * Enumerable.Range(0, Size).Sum(j => a[i, j] * b[j])),
                (x, y, r) => { for (int j = 0; j < Size; j++) r[j] = Enumerable.Range(0, Rank).Sum(i => Row(x, y, i) * a[i, j]); });
            var upper = new Objective(
                (x, y) => (x[0] * x[0] / 2) + Enumerable.Range(0, Size).Sum(j => (slope[j] * y[j]) + (bounded ? y[j] * y[j] / 2 : 0)),
                (x, _, r) => r[0] = x[0],
                (_, y, r) => { for (int j = 0; j < Size; j++) r[j] = slope[j] + (bounded ? y[j] : 0); });
            var solution = BilevelSolver.Solve(new BilevelProblem<DenseVector<double>>(upper, lower), Vectors.Of(1), Vectors.Zeros(Size), 1e-4, Stop.OracleCalls(50_000));
            if (bounded)
            {
                Assert.True(solution.Status != SolveStatus.Unbounded, $"seed {seed}: {solution.StatusMessage}");
                continue;
            }

            Assert.True(solution.Status == SolveStatus.Unbounded, $"seed {seed}, {solution.Status}: {solution.StatusMessage}");
            Assert.StartsWith("The leader seems unbounded: ", solution.StatusMessage, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_follower_at_next_to_nothing_is_not_unbounded_for_what_values_do_not_tell()
    {
        // g = |y - x| has its minimum at y = x = 0.3256; along y itself 80 doublings end far before it.
        var kinked = new Objective((x, y) => Math.Abs(y[0] - x[0]), (x, y, r) => r[0] = y[0] >= x[0] ? -1 : 1, (x, y, r) => r[0] = y[0] >= x[0] ? 1 : -1);
        var far = Ray.FallsForEver(new BlockFunction<DenseVector<double>>(kinked, [Vectors.Of(0.3256), Vectors.Of(5e-83)], BilevelProblem.Y, 1), new DenseWholeSpace<double>(), Vectors.Of(5e-83), Vectors.Of(5e-83));
        Assert.Null(far);
        foreach (double y in new[] { 1e-20, 1.0 })
            Assert.Null(Ray.FallsForEver(new BlockFunction<DenseVector<double>>(kinked, [Vectors.Of(0.3256), Vectors.Of(y)], BilevelProblem.Y, 1), new DenseWholeSpace<double>(), Vectors.Of(y), Vectors.Of(y)));
    }

    [Fact]
    public void The_advice_to_such_a_follower_works()
    {
        // A small multiple of |y|^2, then a bounded set.
        var regular = new BilevelProblem<DenseVector<double>>(Tracking, new Objective((x, y) => -y[0] + (y[0] * y[0] / 20), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = -1 + (y[0] / 10)));
        var bounded = Problem("-y") with { LowerSet = new Box<double>(-3, 3) };
        foreach (var (problem, answer) in new[] { (regular, 10.0), (bounded, 3.0) })
        {
            foreach (IMethod method in new IMethod[] { new F2ba { Accelerated = true }, new QuasiNewton() })
            {
                var solution = new Driver { Stop = Stop.Residual(1e-4) | Stop.Iterations(3_000) }.Run(method, problem, Vectors.Of(0.5), Vectors.Of(0.5));
                Assert.True(solution.Status == SolveStatus.Converged, $"{method.Name}: {solution.Status}: {solution.StatusMessage}");
                Assert.Equal(answer, solution.Y[0], 1e-3);
                Assert.Equal(0, solution.X[0], 1e-3);
            }
        }
    }

    [Theory]
    [InlineData("-x")]
    [InlineData("-x^2")]
    [InlineData("-x + y")]
    public void A_leader_without_a_minimiser(string leader)
    {
        Objective upper = leader switch
        {
            "-x" => new((x, y) => -x[0], (x, y, r) => r[0] = -1, (x, y, r) => r[0] = 0),
            "-x^2" => new((x, y) => -x[0] * x[0], (x, y, r) => r[0] = -2 * x[0], (x, y, r) => r[0] = 0),
            _ => new((x, y) => (-2 * x[0]) + y[0], (x, y, r) => r[0] = -2, (x, y, r) => r[0] = 1),
        };
        var lower = new Objective((x, y) => Math.Pow(y[0] - x[0], 2) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => r[0] = y[0] - x[0]);
        var problem = new BilevelProblem<DenseVector<double>>(upper, lower) { Constants = new() { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = 1, LowerHessianLipschitz = 0, UpperSmoothness = 0, UpperCoupling = 0 } };
        foreach (IMethod method in new IMethod[] { new F2ba { Accelerated = true }, new F2sa(), new QuasiNewton() })
        {
            var solution = new Driver { Stop = Stop.Residual(1e-4) | Stop.Stalled(2_000) | Stop.Iterations(20_000), CertifyAt = 1e-3 }.Run(method, problem, Vectors.Of(0.5), Vectors.Of(0.5));
            Assert.True(solution.Status == SolveStatus.Unbounded, $"{method.Name}: {solution.Status}: {solution.StatusMessage}");
            Assert.Matches(@"^The leader seems unbounded: .* It is -[\d.E+]+ at \|x\| = [\d.E+]+, reached by a last move of length [\d.E+-]+, and still falls at \|x\| = ", solution.StatusMessage);
        }
    }

    [Fact]
    public void A_leader_that_levels_off_is_seen_to_in_a_few_solves_of_the_lower_level()
    {
        // F = exp(-x/100) + y^2 with y = 1 + exp(-x/100) falls by more than rounding for nine doublings.
        var upper = new Objective((x, y) => Math.Exp(-x[0] / 100) + (y[0] * y[0]), (x, y, r) => r[0] = -Math.Exp(-x[0] / 100) / 100, (x, y, r) => r[0] = 2 * y[0]);
        var lower = new Objective(
            (x, y) => Math.Pow(y[0] - 1 - Math.Exp(-x[0] / 100), 2) / 2, (x, y, r) => r[0] = (y[0] - 1 - Math.Exp(-x[0] / 100)) * Math.Exp(-x[0] / 100) / 100, (x, y, r) => r[0] = y[0] - 1 - Math.Exp(-x[0] / 100));
        var calls = new OracleCounts(BilevelProblem.BlockCount);
        var problem = new BilevelProblem<DenseVector<double>>(new CountingObjective<DenseVector<double>>(upper, calls), lower) { Constants = new() { LowerStrongConvexity = 1 } };
        var watch = new Boundlessness<DenseVector<double>>(problem, [Vectors.Of(0), Vectors.Of(2)]);
        Assert.Null(watch.AtEnd([Vectors.Of(20), Vectors.Of(1 + Math.Exp(-0.2))], converged: false));

        // Along the way and along the last move each: nearby, at the far end and before it; and once at the point itself. Each reads f once.
        Assert.Equal(7, calls.Values);
    }

    [Fact]
    public void Nothing_is_said_of_honest_problems_far_from_their_optimum()
    {
        // Along the whole way from a start far away, at each scale, as a run would show it.
        for (ulong seed = 0; seed < 150; seed++)
        {
            double Draw(ulong i) => RandomBits.Uniform(seed, i);
            double Power(ulong i, double low, double high) => Math.Pow(10, low + ((high - low) * Draw(i)));
            double sx = Power(0, -6, 6), sy = Power(1, -6, 6), sf = Power(2, -6, 6), sg = Power(3, -6, 6), far = Power(4, 0, 6), condition = Power(5, 0, 6);
            int kind = (int)(seed % 4);

            // g in u = y / sy - x / sx: a quadratic, a logistic function with a weak ridge, a hinge squared with a ridge, a quartic.
            double Of(double u) => kind switch { 0 => u * u / 2, 1 => Math.Log(1 + Math.Exp(-Math.Abs(u))) + Math.Max(-u, 0) + (u * u / (2 * condition)), 2 => (Math.Pow(Math.Max(0, 1 - u), 2) / 2) + (u * u / (2 * condition)), _ => Math.Pow(u, 4) / 4 };
            double Slope(double u) => kind switch { 0 => u, 1 => (-1 / (1 + Math.Exp(u))) + (u / condition), 2 => -Math.Max(0, 1 - u) + (u / condition), _ => u * u * u };
            var lower = new Objective((x, y) => sg * (Of((y[0] / sy) - (x[0] / sx)) + (y[1] / sy * (y[1] / sy) / 2)), (x, y, r) => r[0] = -sg * Slope((y[0] / sy) - (x[0] / sx)) / sx, (x, y, r) => (r[0], r[1]) = (sg * Slope((y[0] / sy) - (x[0] / sx)) / sy, sg * y[1] / sy / sy));
            var upper = new Objective((x, y) => sf * (Math.Pow((x[0] / sx) - 1, 2) + Math.Pow((y[0] / sy) - 1, 2)), (x, y, r) => r[0] = 2 * sf * ((x[0] / sx) - 1) / sx, (x, y, r) => (r[0], r[1]) = (2 * sf * ((y[0] / sy) - 1) / sy, 0));
            var problem = new BilevelProblem<DenseVector<double>>(upper, lower);
            double side = Draw(6) < 0.5 ? 1 : -1;
            DenseVector<double>[] start = [Vectors.Of(side * far * sx), Vectors.Of(-side * far * sy, far * sy)];
            var watch = new Boundlessness<DenseVector<double>>(problem, start);
            for (int k = 0; k <= 12; k++)
            {
                // From the start, through zero, to the answer and as far again on the other side.
                double t = 1 - (k / 6.0);
                DenseVector<double>[] at = [Vectors.Of(sx * (1 + (t * far * side))), Vectors.Of(sy * (1 - (t * far * side)), sy * t * far)];
                Assert.Null(watch.Follower(at));
                Assert.Null(watch.Leader(at, double.NaN));
                if (k % 3 == 0) Assert.Null(watch.AtEnd(at, converged: false));
            }
        }
    }

    [Fact]
    public void Nothing_is_said_of_runs_from_nothing_to_far_away()
    {
        // The norm grows by six orders of magnitude while every value falls, and the optimum is there.
        foreach (double far in new[] { 1e3, 1e6 })
        {
            var upper = new Objective((x, y) => Math.Pow(x[0] - far, 2) / 2, (x, y, r) => r[0] = x[0] - far, (x, y, r) => r[0] = 0);
            var lower = new Objective((x, y) => Math.Pow(y[0] - x[0], 2) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => r[0] = y[0] - x[0]);
            var solution = new Driver { Stop = Stop.Residual(1e-3) | Stop.Iterations(3_000), RecordEvery = 1 }.Run(new F2ba { Accelerated = true, Tolerance = 1e-3 }, new(upper, lower), Vectors.Of(0), Vectors.Of(0));
            Assert.True(solution.Status == SolveStatus.Converged, solution.StatusMessage);
            Assert.Equal(far, solution.X[0], 1e-2);
        }
    }

    [Fact]
    public void A_minimum_attained_behind_a_kink_is_one()
    {
        // max(0, 1 - y)^2 and max(0, 1 - y): flat behind y = 1.
        foreach (int power in new[] { 1, 2 })
        {
            var lower = new Objective((x, y) => Math.Pow(Math.Max(0, 1 - y[0]), power), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = y[0] >= 1 ? 0 : -power * Math.Pow(1 - y[0], power - 1));
            var watch = new Boundlessness<DenseVector<double>>(new BilevelProblem<DenseVector<double>>(Tracking, lower), [Vectors.Of(0), Vectors.Of(-1e6)]);
            foreach (double y in new[] { -1e6, -1e3, 0, 0.999, 1, 2 }) Assert.Null(watch.AtEnd([Vectors.Of(0), Vectors.Of(y)], converged: true));
        }
    }

    // min (x - 1)^2 + y^2/100, where the follower falls for ever above y = x, or has its best answer at the row.
    private static Solution<DenseVector<double>> Constrained(double scale, double row, bool grows)
    {
        FunctionObjective<DenseVector<double>> f = new((x, y) => ((x[0] - 1) * (x[0] - 1)) + (y[0] * y[0] / 100), (x, _, r) => r[0] = 2 * (x[0] - 1), (_, y, r) => r[0] = y[0] / 50);
        FunctionObjective<DenseVector<double>> g = new((_, y) => scale * ((grows ? y[0] * y[0] / 2e6 : 0) - y[0]), (_, _, r) => r[0] = 0, (_, y, r) => r[0] = scale * ((grows ? y[0] / 1e6 : 0) - 1));
        var follower = new ConstrainedLowerLevel<double>(g, new LinearConstraints<double>([-row], [row], [0]));
        var start = BilevelMinimaxProblem.Start(Vectors.Of(0.5), Vectors.Of(), Vectors.Of(0), Vectors.Of(0));
        return new Driver { Stop = Stop.Certified(1e-3, 100) | Stop.Iterations(20_000), CertifyAt = 1e-3 }.Run(new Auto { Tolerance = 1e-3 }, Lift.ConstrainedLowerLevel(f, follower), start);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    public void A_follower_that_recedes_within_its_constraints_is_unbounded(double scale)
    {
        var solution = Constrained(scale, -1, grows: false);
        Assert.Equal(SolveStatus.Unbounded, solution.Status);
        Assert.Contains("follower seems unbounded", solution.StatusMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void A_follower_that_a_row_stops_or_whose_objective_turns_far_away_is_not()
    {
        Assert.NotEqual(SolveStatus.Unbounded, Constrained(1, 1, grows: false).Status);
        Assert.NotEqual(SolveStatus.Unbounded, Constrained(1, -1, grows: true).Status);
    }
}
