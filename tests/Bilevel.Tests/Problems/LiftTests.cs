using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>Lifts of plain problems, of upper constraints and of several followers.</summary>
public sealed class LiftTests
{
    [Fact]
    public void A_plain_bilevel_problem_has_the_classic_penalty()
    {
        var problem = CurvedLevels.Problem<double>();
        var lifted = Lift.Bilevel(problem);
        DenseVector<double> x = CurvedLevels.Vector<double>(3, 0.2), y = CurvedLevels.Vector<double>(4, -0.7), z = CurvedLevels.Vector<double>(4, 0.4);
        DenseVector<double>[] point = [x, new(0), y, new(0), z, new(0)];
        var penalty = new MinimaxPenalty<DenseVector<double>>(lifted, point, values: true);
        const double Rho = 12;
        penalty.Evaluate(Rho);

        DenseVector<double> fx = x.ZerosLike(), fy = y.ZerosLike(), gxy = x.ZerosLike(), gxz = x.ZerosLike(), gy = y.ZerosLike(), gz = z.ZerosLike();
        var upper = new PreparedRequest<DenseVector<double>>(problem.Upper, [[x, y]], [new(0, 0, fx), new(1, 0, fy)], values: true);
        var lower = new PreparedRequest<DenseVector<double>>(problem.Lower, [[x, y], [x, z]], [new(0, 0, gxy), new(0, 1, gxz), new(1, 0, gy), new(1, 1, gz)], values: true);
        upper.Evaluate();
        lower.Evaluate();
        AssertNear([.. fx.ToDoubles().Select((v, i) => v + (Rho * (gxy[i] - gxz[i])))], penalty.Rows[X1]);
        AssertNear([.. fy.ToDoubles().Select((v, i) => v + (Rho * gy[i]))], penalty.Rows[Y1]);
        AssertNear([.. gz.ToDoubles().Select(v => Rho * v)], penalty.Rows[Z1]);
        Assert.Equal(upper.Values[0] + (Rho * (lower.Values[0] - lower.Values[1])), penalty.Value(Rho), 1e-12);
        LiftChecks.Rows(lifted, [3, 0, 4, 0, 4, 0]);
    }

    [Fact]
    public void An_upper_constraint_enters_with_a_multiplier_in_x2()
    {
        // y_a - 1.1 <= 0 and, as an equality, y_a + y_b - x = 0.
        var problem = Lift.UpperConstraints(new ConstrainedQp().Problem, new UpperConstraints<double>(new LinearConstraints<double>([0, -1], [1, 0, 1, 1], [1.1, 0])) { Equalities = 1, Bound = 3 });
        LiftChecks.Rows(problem, [1, 2, 2, 1, 2, 1]);
        DenseVector<double> x = Vectors.Of(1), x2 = Vectors.Of(0.5, -2), y = Vectors.Of(2, 3), gx = Vectors.Of(0), g2 = Vectors.Of(0, 0), gy = Vectors.Of(0, 0);
        var f = new PreparedRequest<DenseVector<double>>(problem.Upper, [[x, x2, y, Vectors.Of(0)]], [new(X1, 0, gx), new(X2, 0, g2), new(Y1, 0, gy)], values: true);
        f.Evaluate();
        Assert.Equal(2.5 + (0.5 * 0.9) - (2 * 4), f.Values[0], 1e-14);
        AssertNear([2], gx);
        AssertNear([0.9, 4], g2);
        AssertNear([1 + 0.5 - 2, 2 - 2], gy);

        // C alone is what the multipliers' gradient says, and its violation is [0.9]_+ + |4|.
        var c = Vectors.Of(0, 0);
        new PreparedRequest<DenseVector<double>>(problem.UpperMultipliers!.Constraints, [[x, x2, y, Vectors.Of(0)]], [new(X2, 0, c)]).Evaluate();
        AssertNear([0.9, 4], c);
        Assert.Equal(4.9, problem.UpperMultipliers.Violation(c), 1e-14);
        var alone = new PreparedRequest<DenseVector<double>>(problem.UpperMultipliers.Objective, [[x, x2, y, Vectors.Of(0)]], [], values: true);
        alone.Evaluate();
        Assert.Equal(2.5, alone.Values[0], 1e-14);

        // The set is [0, 3] x the ball of radius 3.
        var far = Vectors.Of(9, -9);
        problem.X2.Project(far);
        AssertNear([3, -3], far);
        Assert.Contains("upper level's constraints", problem.Touched([x, Vectors.Of(2.98, 0), y, Vectors.Of(0), y, Vectors.Of(0)]), StringComparison.Ordinal);
        Assert.Contains("upper level's equality constraints", problem.Touched([x, Vectors.Of(0, -2.98), y, Vectors.Of(0), y, Vectors.Of(0)]), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Lift.UpperConstraints(problem, new UpperConstraints<double>(ConstrainedQp.Budget)));
    }

    [Fact]
    public void An_upper_constraint_stands_behind_the_x2_that_is_there()
    {
        // f = x2 (y_a + x) - x2^2/2 with x2 in [-2, 2], and x + y_b <= 1.
        var plain = Lift.ConstrainedLowerLevel(new Adversary(), new ConstrainedQp().Lower, X1, X2, Y1) with { X2 = new Box<double>(-2, 2, 1), Constants = new() { UpperSmoothness = 2 } };
        var problem = Lift.UpperConstraints(plain, new UpperConstraints<double>(new LinearConstraints<double>([1], [0, 1], [1])) { MultiplierSet = MultiplierSet.Box }, x2Length: 1);
        LiftChecks.Rows(problem, [1, 2, 2, 1, 2, 1]);
        DenseVector<double> x = Vectors.Of(3), x2 = Vectors.Of(1.5, 4), y = Vectors.Of(0.5, 2), g2 = Vectors.Of(0, 0);
        var f = new PreparedRequest<DenseVector<double>>(problem.Upper, [[x, x2, y, Vectors.Of(0)]], [new(X2, 0, g2)], values: true);
        f.Evaluate();
        AssertNear([3.5 - 1.5, 4], g2);
        Assert.Equal((1.5 * 3.5) - (1.5 * 1.5 / 2) + 16, f.Values[0], 1e-14);
        var far = Vectors.Of(-5, -5);
        problem.X2.Project(far);
        AssertNear([-2, 0], far);
        Assert.Null(problem.Touched([x, Vectors.Of(2, 5), y, Vectors.Of(0), y, Vectors.Of(0)]));
        Assert.NotNull(problem.Touched([x, Vectors.Of(0, 9.95), y, Vectors.Of(0), y, Vectors.Of(0)]));
        Assert.Equal(Lagrangian.Smoothness(2, Math.Sqrt(2)), problem.Constants.UpperSmoothness!.Value, 1e-9);

        // Doubling leaves the set of the adversary as it is.
        var doubled = (BilevelMinimaxProblem<DenseVector<double>>)problem.Enlarged(problem.Enlarge(0, [x, Vectors.Of(0, 9.95), y, Vectors.Of(0), y, Vectors.Of(0)]));
        far = Vectors.Of(100, 100);
        doubled.X2.Project(far);
        AssertNear([2, 20], far);
    }

    [Fact]
    public void Levels_that_maximise_give_the_same_penalty_as_their_negatives_that_minimise()
    {
        var qp = new ConstrainedQp();
        var upper = new UpperConstraints<double>(new LinearConstraints<double>([0], [1, 0], [1.1]));
        var least = Lift.UpperConstraints(qp.Problem, upper);
        ObjectiveTerm<double> Negative(IObjective<DenseVector<double>> objective) => new(-1, objective, 0, 1);
        var mirrored = Lift.ConstrainedLowerLevel(
            new ComposedObjective<double>(Negative(new ConstrainedQp.Upper(1))),
            qp.Lower with { Objective = new ComposedObjective<double>(Negative(new ConstrainedQp.Phi())), Sense = Sense.Maximise });
        var most = Lift.UpperConstraints(mirrored with { UpperSense = Sense.Maximise }, upper);
        LiftChecks.Rows(most, [1, 1, 2, 1, 2, 1]);
        for (int seed = 0; seed < 10; seed++)
        {
            var point = LiftChecks.Random([1, 1, 2, 1, 2, 1], seed);
            MinimaxPenalty<DenseVector<double>> first = new(least, point, values: true), second = new(most, point, values: true);
            first.Evaluate(5);
            second.Evaluate(5);
            Assert.Equal(first.Value(5), second.Value(5), 1e-12);
            for (int b = 0; b < BlockCount; b++) AssertNear(first.Rows[b].ToDoubles(), second.Rows[b]);
        }

        Assert.Equal(Sense.Maximise, most.LowerSense);
        for (double x = 0; x <= 4; x += 0.25) Assert.Equal(0, LiftChecks.LowerStationarity(mirrored, ConstrainedQp.Start(x)), 1e-12);
    }

    [Fact]
    public void Followers_side_by_side_are_each_as_alone()
    {
        // One constrained, one plain, and the constrained one again as one that maximises -phi.
        var qp = new ConstrainedQp();
        var plain = new TwoVariables();
        var negative = qp.Lower with { Objective = new ComposedObjective<double>(new ObjectiveTerm<double>(-1, new ConstrainedQp.Phi(), 0, 1)), Sense = Sense.Maximise };
        Follower<double>[] followers = [new(qp.Lower, 2), new(plain.Problem.Lower, 1) { Constants = new() { LowerSmoothness = 3, LowerStrongConvexity = 2 } }, new(negative, 2)];
        var f = new PlainSquare();
        var problem = Lift.Followers(f, followers);
        LiftChecks.Rows(problem, [1, 0, 5, 2, 5, 2]);
        Assert.Equal(Sense.Minimise, problem.LowerSense);

        var one = qp.Problem;
        var lone = Lift.Bilevel(plain.Problem);
        var twin = Lift.ConstrainedLowerLevel(f, negative);
        for (int seed = 0; seed < 5; seed++)
        {
            var point = LiftChecks.Random([1, 0, 5, 2, 5, 2], seed);
            var all = new MinimaxPenalty<DenseVector<double>>(problem with { Upper = new Zero() }, point, values: true);
            all.Evaluate(3);
            DenseVector<double> Slice(int block, int offset, int length) => new(point[block].ToDoubles()[offset..(offset + length)]);
            DenseVector<double>[] Blocks(int a, int n, int b, int m) => [point[0], new(0), Slice(Y1, a, n), Slice(Y2, b, m), Slice(Z1, a, n), Slice(Z2, b, m)];
            double difference = 0, slopeX = 0;
            foreach (var (alone, a, n, b, m) in new[] { (one, 0, 2, 0, 1), (lone, 2, 1, 1, 0), (twin, 3, 2, 1, 1) })
            {
                var rows = new MinimaxPenalty<DenseVector<double>>(alone with { Upper = new Zero() }, Blocks(a, n, b, m), values: true);
                rows.Evaluate(3);
                difference += rows.Difference;
                slopeX += rows.Rows[X1][0];
                foreach (int block in new[] { Y1, Z1 }) AssertNear(all.Rows[block].ToDoubles()[a..(a + n)], rows.Rows[block]);
                foreach (int block in new[] { Y2, Z2 }) AssertNear(all.Rows[block].ToDoubles()[b..(b + m)], rows.Rows[block]);
            }

            Assert.Equal(difference, all.Difference, 1e-12);
            Assert.Equal(slopeX, all.Rows[X1][0], 1e-12);
        }

        // The answers side by side are a saddle point.
        for (double x = 0; x <= 4; x += 0.5)
        {
            var (y, multiplier) = ConstrainedQp.Solution(x);
            var start = BilevelMinimaxProblem.Start(Vectors.Of(x), new(0), Lift.Concatenate(y, Vectors.Of(x * plain.P), y), Lift.Concatenate(multiplier, multiplier));
            Assert.Equal(0, LiftChecks.LowerStationarity(problem, start), 1e-12);
        }

        Assert.Equal((2 * Lagrangian.Smoothness(1, Math.Sqrt(3))) + 3, problem.Constants.LowerSmoothness!.Value, 1e-9);
        Assert.Equal(1, problem.Constants.LowerStrongConvexity);
        Assert.NotNull(problem.LowerMultipliers);
        Assert.Equal([5.25, 5.25], ((DenseMultipliers<double>)problem.LowerMultipliers).Slices.Select(s => s.Bound));
        Assert.NotNull(problem.Touched(BilevelMinimaxProblem.Start(Vectors.Of(0), new(0), new(5), Vectors.Of(0, 5.24))));
    }

    [Fact]
    public void Two_followers_are_answered_like_two_problems()
    {
        // Two copies of T3 whose leaders want the same of each: the answer is that of one.
        var qp = new ConstrainedQp();
        var both = Lift.Followers(new Twice(), [new(qp.Lower, 2), new(qp.Lower, 2)]);
        both = both with { X1 = new Box<double>(0, 4, 1), Constants = both.Constants with { UpperSmoothness = 2 } };
        var driver = new Driver { Stop = Stop.Certified(0.03) | Stop.Iterations(200_000) };
        var (y, m) = ConstrainedQp.Solution(0);
        var solution = driver.Run(new Ogda { Tolerance = 0.03 }, both, BilevelMinimaxProblem.Start(Vectors.Of(0), new(0), Lift.Concatenate(y, y), Lift.Concatenate(m, m)));
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.Equal(1.5, solution.Point[X1][0], 0.05);
        Assert.Equal(solution.Point[Y1].ToDoubles()[..2], solution.Point[Y1].ToDoubles()[2..]);
        Assert.Equal([0.75, 0.75], solution.Point[Y2].ToDoubles().Select(t => Math.Round(t * 20) / 20));
    }

    [Fact]
    public void Followers_with_opponents_and_terms_are_put_together()
    {
        var saddle = new Bilinear();
        Follower<double>[] followers =
        [
            new(saddle, 1, 1) { Z1 = new L1Term<double>(0.5, new Box<double>(-1, 1, 1)), Z2 = new SquaredNormTerm<double>(1), Constants = new() { LowerSmoothness = 2, LowerStrongConcavity = 1 } },
            new(new TwoVariables().Problem.Lower, 1),
            new(saddle, 1, 1) { Z2 = new Ball<double>(2) },
        ];
        var problem = Lift.Followers(new PlainSquare(), followers, Y1, X1);
        LiftChecks.Rows(problem, [1, 0, 3, 2, 3, 2]);
        Assert.Null(problem.LowerMultipliers);
        Assert.IsType<ProductTerm<double>>(problem.Z1);
        Assert.Equal(0.5 * 0.25, problem.Z1.Value(Vectors.Of(0.25, 7, 9)), 1e-15);
        Assert.Equal(2, problem.Z2.Value(Vectors.Of(2, 1)), 1e-15);
        Assert.Null(problem.Constants.LowerSmoothness);
        Assert.Null(problem.Constants.LowerStrongConcavity);
        Assert.Equal(Sense.Maximise, Lift.Followers(new PlainSquare(), [followers[0] with { Sense = Sense.Maximise }]).LowerSense);

        // Beside multipliers only sets will do.
        Follower<double> constrained = new(new ConstrainedQp().Lower, 2);
        Assert.Contains("DenseSet", Assert.Throws<ArgumentException>(() => Lift.Followers(new PlainSquare(), [constrained, followers[0]])).Message, StringComparison.Ordinal);
        var mixed = Lift.Followers(new PlainSquare(), [followers[2], constrained]);
        LiftChecks.Rows(mixed, [1, 0, 3, 2, 3, 2]);
        Assert.Equal(2, ((DenseMultipliers<double>)mixed.LowerMultipliers!).Slices.Count);
        Assert.Null(mixed.Touched(BilevelMinimaxProblem.Start(Vectors.Of(0), new(0), new(3), Vectors.Of(2, 0))));
        Assert.Throws<ArgumentException>(() => Lift.Followers(new PlainSquare(), Array.Empty<Follower<double>>()));
        Assert.Throws<ArgumentNullException>(() => new Follower<double>((ConstrainedLowerLevel<double>)null!, 1));
    }

    [Fact]
    public void The_blocks_of_f_are_chosen_by_name()
    {
        var qp = new ConstrainedQp().Lower;
        LiftChecks.Rows(Lift.ConstrainedLowerLevel(new AllFour(), qp, X1, X2, Y1, Y2), [1, 3, 2, 1, 2, 1]);
        LiftChecks.Rows(Lift.ConstrainedLowerLevel(new AllFour(), qp, Y2, Y1, X1, X2), [1, 3, 2, 1, 2, 1]);
        foreach (int[] blocks in new int[][] { [X1, X1], [X1, Z1], [-1] })
            Assert.StartsWith("The upper objective can be a function of the blocks x1 = 0, x2 = 1, y1 = 2 and y2 = 3, each once", Assert.Throws<ArgumentException>(() => Lift.ConstrainedLowerLevel(new AllFour(), qp, blocks)).Message, StringComparison.Ordinal);
    }

    private static void AssertNear(double[] expected, DenseVector<double> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-12 * (1 + Math.Abs(expected[i])));
    }

    // x2 (y_a + x) - x2^2 / 2
    private sealed class Adversary : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => (point[1][0] * (point[2][0] + point[0][0])) - (point[1][0] * point[1][0] / 2);

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            result.Scale(0);
            result[0] = block == 1 ? point[2][0] + point[0][0] - point[1][0] : point[1][0];
        }
    }

    // |all blocks|^2 / 2
    private class PlainSquare : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            double sum = 0;
            foreach (var block in point) sum += block.Dot(block) / 2;
            return sum;
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result) => result.CopyFrom(point[block]);
    }

    private sealed class AllFour : PlainSquare;

    private sealed class Zero : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => 0;

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result) => result.Scale(0);
    }

    // z1 z2 + x z1
    private sealed class Bilinear : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => point[1][0] * (point[2][0] + point[0][0]);

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result) =>
            result[0] = block == 1 ? point[2][0] + point[0][0] : point[1][0];
    }

    // The upper objective of T3a at both answers.
    private sealed class Twice : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) =>
            (point[1].ToDoubles().Sum(t => (t - 1) * (t - 1)) / 2) + (Math.Pow(point[0][0] - 1, 2) / 2);

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            result.CopyFrom(point[block]);
            for (int i = 0; i < result.Length; i++) result[i] -= 1;
        }
    }
}
