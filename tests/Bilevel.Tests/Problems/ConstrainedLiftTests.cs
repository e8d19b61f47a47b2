using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>Constrained lower levels lifted to bilevel minimax problems (bilevel minimax, section 8).</summary>
public sealed class ConstrainedLiftTests
{
    [Fact]
    public void The_lifted_lower_level_is_the_Lagrangian()
    {
        var problem = new ConstrainedQp().Problem;
        DenseVector<double> x = Vectors.Of(0.7), z = Vectors.Of(1.5, -0.25), m = Vectors.Of(0.4);
        DenseVector<double> gx = Vectors.Of(double.NaN), gz = Vectors.Of(double.NaN, double.NaN), gm = Vectors.Of(double.NaN);
        var request = new PreparedRequest<DenseVector<double>>(problem.Lower, [[x, z, m]], [new(0, 0, gx), new(1, 0, gz), new(2, 0, gm)], values: true);
        request.Evaluate();

        double c = 1.5 - 0.25 - 0.7;
        Assert.Equal(((0.5 * 0.5) + (1.25 * 1.25)) / 2 + (0.4 * c), request.Values[0], 1e-15);
        Assert.Equal([-0.4], gx.ToDoubles());
        Assert.Equal([-0.5 + 0.4, -1.25 + 0.4], gz.ToDoubles());
        Assert.Equal(c, gm[0], 1e-15);
    }

    [Fact]
    public void The_six_rows_match_differences_of_the_penalty_function()
    {
        LiftChecks.Rows(new ConstrainedQp().Problem, [1, 0, 2, 1, 2, 1]);
    }

    [Fact]
    public void The_saddle_of_the_lift_is_the_solution_with_its_multiplier()
    {
        var problem = new ConstrainedQp().Problem;
        for (double x = 0; x <= 4; x += 0.125)
        {
            var point = ConstrainedQp.Start(x);
            Assert.Equal(0, LiftChecks.LowerStationarity(problem, point), 1e-12);
        }
    }

    [Fact]
    public void The_bound_of_the_smoothness_holds_and_is_sharper_than_the_simple_one()
    {
        var constants = new ConstrainedQp().Problem.Constants;
        Assert.InRange(constants.LowerSmoothness!.Value, 2.17008, (1 + Math.Sqrt(13)) / 2 + 1e-9);
        Assert.True(constants.LowerSmoothness < 1 + Math.Sqrt(3));
        Assert.Equal(0, constants.LowerSmoothnessPerBound);
        Assert.Equal(1, constants.LowerStrongConvexity);
    }

    [Fact]
    public void Curved_constraints_have_the_rows_and_a_smoothness_that_holds()
    {
        var lower = new ConstrainedLowerLevel<double>(new Bowl(), new Ellipsoids { Lipschitz = 5, GradientLipschitz = 4 }) { Bound = 3, Smoothness = 1 };
        var problem = Lift.ConstrainedLowerLevel(new Bowl(), lower);
        LiftChecks.Rows(problem, [2, 0, 3, 2, 3, 2]);

        // B2 = B for the 1-norm set; a = 1 + 3 * 4.
        Assert.Equal(Lagrangian.Smoothness(13, 5), problem.Constants.LowerSmoothness!.Value, 1e-12);
        Assert.Equal(12, problem.Constants.LowerSmoothnessPerBound);
        var box = Lift.ConstrainedLowerLevel(new Bowl(), lower with { MultiplierSet = MultiplierSet.Box });
        Assert.Equal(12 * Math.Sqrt(2), box.Constants.LowerSmoothnessPerBound, 1e-12);
        Assert.Null(Lift.ConstrainedLowerLevel(new Bowl(), lower with { Smoothness = null }).Constants.LowerSmoothness);
        Assert.Null(Lift.ConstrainedLowerLevel(new Bowl(), lower with { Constraints = new Ellipsoids() }).Constants.LowerSmoothness);

        // When the bound doubles, the constant grows at least as the formula asks, and never above the simple one.
        for (int k = 1; k < 6; k++)
        {
            var enlarged = (BilevelMinimaxProblem<DenseVector<double>>)problem.Enlarged(k);
            double curvature = 1 + (12 * Math.Pow(2, k));
            Assert.InRange(enlarged.Constants.LowerSmoothness!.Value, Lagrangian.Smoothness(curvature, 5), curvature + 5);
            Assert.Equal(3 * Math.Pow(2, k), enlarged.LowerMultipliers!.Bound);
        }

        // Differences of the gradient of g over [-1, 1]-sized points obey it: there |exp| <= e, so L_grad(c) <= max(1, e + 2).
        double largest = Lagrangian.Smoothness(1 + (3 * (1 + Math.E + 2)), 2 * Math.Sqrt(3 + 1 + Math.Exp(2) + 4));
        var random = new Random(2);
        DenseVector<double>[] Point()
        {
            DenseVector<double>[] point = [new(2), new(3), new(2)];
            foreach (var block in point) block.Fill(_ => (2 * random.NextDouble()) - 1);
            problem.Z2.Project(point[2]);
            return point;
        }

        for (int trial = 0; trial < 200; trial++)
        {
            DenseVector<double>[] a = Point(), b = Point(), ga = Point(), gb = Point();
            new PreparedRequest<DenseVector<double>>(problem.Lower, [a, b], [.. ga.Select((g, i) => new Output<DenseVector<double>>(i, 0, g)), .. gb.Select((g, i) => new Output<DenseVector<double>>(i, 1, g))]).Evaluate();
            Assert.True(Apart(ga, gb) <= largest * Apart(a, b));
        }
    }

    [Fact]
    public void The_smoothness_of_random_affine_constraints_holds_exactly()
    {
        // For a quadratic phi the gradient of g is linear: its norm is the largest stretch of a power iteration.
        var random = new Random(9);
        for (int trial = 0; trial < 20; trial++)
        {
            var constraints = new LinearConstraints<double>(Dense.Normal(random, 6), Dense.Normal(random, 9), [0, 0, 0]);
            var problem = Lift.ConstrainedLowerLevel(new Bowl(), new ConstrainedLowerLevel<double>(new Bowl(), constraints) { Smoothness = 1 });
            var point = LiftChecks.Random([2, 3, 3], trial);
            double stretch = 0;
            for (int k = 0; k < 300; k++)
            {
                double norm = Math.Sqrt(point.Sum(v => v.Dot(v)));
                foreach (var v in point) v.Scale(1 / norm);
                DenseVector<double>[] image = [.. point.Select(v => v.ZerosLike())];
                new PreparedRequest<DenseVector<double>>(problem.Lower, [point], [.. image.Select((g, i) => new Output<DenseVector<double>>(i, 0, g))]).Evaluate();
                stretch = Math.Max(stretch, Math.Sqrt(image.Sum(v => v.Dot(v))));
                point = image;
            }

            Assert.InRange(problem.Constants.LowerSmoothness!.Value, stretch * (1 - 1e-12), (1 + constraints.Lipschitz!.Value) * (1 + 1e-12));
        }
    }

    [Fact]
    public void A_bound_below_the_multiplier_is_doubled_until_it_holds()
    {
        var qp = new ConstrainedQp();
        qp = qp with { Lower = qp.Lower with { SlaterMargin = null, ObjectiveRange = null, Bound = 0.2 } };
        var driver = new Driver { Stop = Stop.Certified(0.02) | Stop.Iterations(400_000), CertifyAt = 0.02 };
        var solution = driver.Run(new Ogda { Tolerance = 0.02 }, qp.Problem, ConstrainedQp.Start(0));
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.InRange(solution.BoundDoublings, 2, 4);
        Assert.Equal(1.5, solution.Point[X1][0], 0.05);
        Assert.Equal(0.75, solution.Point[Y2][0], 0.05);
        Assert.Equal(0.75, solution.Point[Z2][0], 0.05);
    }

    [Theory]
    [InlineData(MultiplierSet.Sum)]
    [InlineData(MultiplierSet.Box)]
    public void Without_a_Slater_point_the_bound_stays_touched_and_the_run_says_so(MultiplierSet set)
    {
        // z <= x and z >= x + 1/2 at once.
        var lower = new ConstrainedLowerLevel<double>(new Bowl(), new LinearConstraints<double>([-1, 1], [1, -1], [0, -0.5])) { Set = new Box<double>(-3, 3, 1), Bound = 1e-3, MultiplierSet = set, Smoothness = 1 };
        var problem = Lift.ConstrainedLowerLevel(new Bowl(), lower);
        problem = problem with { X1 = new Box<double>(-1, 1, 1), Constants = problem.Constants with { UpperSmoothness = 1 } };
        var driver = new Driver { Stop = Stop.Certified(0.25) | Stop.Iterations(4_000_000) };
        var solution = driver.Run(new Ogda { Tolerance = 0.25 }, problem, BilevelMinimaxProblem.Start(Vectors.Of(0), Vectors.Of(0), Vectors.Of(0, 0)));
        Assert.Equal(SolveStatus.BoundTouched, solution.Status);
        Assert.Equal(12, solution.BoundDoublings);
        Assert.Contains("No y was found that satisfies the lower level's constraints at this x1: the least violation found is 0.3536.", solution.StatusMessage, StringComparison.Ordinal);
        Assert.Contains("lower level's constraints touch", solution.StatusMessage.Replace("A multiplier of the lower level's constraints touches", "lower level's constraints touch", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(MultiplierSet.Sum)]
    [InlineData(MultiplierSet.Box)]
    public void A_small_gap_bounds_violation_and_lower_value(MultiplierSet set)
    {
        // Two constraints on T3's objective: z_a + z_b <= x and z_a - z_b <= 3; Slater's point (-5, -5) has the margin 3.
        var lower = new ConstrainedQp().Lower with { Constraints = new LinearConstraints<double>([-1, 0], [1, 1, 1, -1], [0, 3]), SlaterMargin = 3, MultiplierSet = set };
        var problem = Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(1), lower);
        var multipliers = problem.LowerMultipliers!;
        Assert.Equal(42.5 / 3, multipliers.OptimalBound!.Value, 1e-12);
        Assert.Equal(1, multipliers.Margin!.Value, 1e-12);
        double bound = multipliers.Bound, b0 = multipliers.OptimalBound.Value;
        var random = new Random(3);
        int violated = 0;
        for (int trial = 0; trial < 2000; trial++)
        {
            // The second constraint is inactive at the solution of T3, so that phi* and the dual values are known.
            double x = 4 * random.NextDouble();
            var (best, multiplier) = ConstrainedQp.Solution(x);
            double noise = Math.Pow(10, -4 * random.NextDouble());
            DenseVector<double> y = best.Copy(), m = Vectors.Of(multiplier[0], 0), c = new(2);
            y.AddScaled(noise, new DenseVector<double>(Dense.Normal(random, 2)));
            m.AddScaled(noise, new DenseVector<double>(Dense.Normal(random, 2)));
            problem.Z1.Project(y);
            problem.Z2.Project(m);
            double Phi(DenseVector<double> z) => (Math.Pow(z[0] - 2, 2) + Math.Pow(z[1] - 1, 2)) / 2;
            new PreparedRequest<DenseVector<double>>(multipliers.Constraints, [[Vectors.Of(x), y, m]], [new(2, 0, c)]).Evaluate();

            // gap = max over z2 of g(y, z2) - min over z1 of g(z1, m); the minimiser is inside the box for these m.
            double violation = multipliers.Violation(c), primal = Phi(y) + (bound * violation);
            var z = Vectors.Of(2 - m[0] - m[1], 1 - m[0] + m[1]);
            problem.Z1.Project(z);
            double dual = Phi(z) + (m[0] * (z[0] + z[1] - x)) + (m[1] * (z[0] - z[1] - 3)), gap = primal - dual, optimal = Phi(best);
            Assert.True(gap >= -1e-12);
            Assert.True(violation <= (gap / multipliers.Margin.Value) + 1e-12);
            Assert.InRange(Phi(y) - optimal, (-b0 * gap / (bound - b0)) - 1e-12, gap + 1e-12);
            Assert.InRange(dual, optimal - gap - 1e-12, optimal + 1e-12);
            if (violation > 0) violated++;
        }

        Assert.InRange(violated, 200, 1800);
    }

    [Fact]
    public void Equalities_have_multipliers_of_either_sign_in_a_ball()
    {
        // min |z - (2, 1)|^2 / 2 over z_a + z_b = x in [-5, 5]^2: z = (2, 1) - nu, nu = (3 - x) / 2, of either sign for x in [0, 8].
        // The ball of radius 1 about (x/2, x/2) lies in the box; on it phi <= (6 + 1)^2 / 2 generously; sigma = sqrt(2).
        double radius = Lagrangian.EqualityBound(24.5, 1, Math.Sqrt(2));
        var lower = new ConstrainedQp().Lower with { Equalities = 1, EqualityOptimalBound = radius, SlaterMargin = null, ObjectiveRange = null };
        var problem = Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(1), lower);
        LiftChecks.Rows(problem, [1, 0, 2, 1, 2, 1]);
        Assert.Equal(Lagrangian.BoundAbove(radius), problem.LowerMultipliers!.Bound);
        Assert.Equal(1, problem.LowerMultipliers.Margin!.Value, 1e-12);
        for (double x = 0; x <= 8; x += 0.5)
        {
            double nu = (3 - x) / 2;
            Assert.True(Math.Abs(nu) <= radius);
            Assert.Equal(0, LiftChecks.LowerStationarity(problem, BilevelMinimaxProblem.Start(Vectors.Of(x), Vectors.Of(2 - nu, 1 - nu), Vectors.Of(nu))), 1e-12);
        }

        Assert.Equal(2.5, problem.LowerMultipliers.Violation(Vectors.Of(-2.5)));
        var far = Vectors.Of(-100);
        problem.Z2.Project(far);
        Assert.Equal(-problem.LowerMultipliers.Bound, far[0], 1e-12);
        Assert.StartsWith("The multipliers of the lower level's equality constraints touch their bound", problem.LowerMultipliers.Touched(far), StringComparison.Ordinal);
    }

    [Fact]
    public void Equalities_are_solved()
    {
        // F(x) = |y(x) - (1, 1)|^2 / 2 + (x - 5)^2 / 4 with y = ((x + 1)/2, (x - 1)/2) for all x: F' = (x - 2) / 2 + (x - 5) / 2, x = 3.5, nu = -1/4.
        var lower = new ConstrainedQp().Lower with { Equalities = 1, EqualityBound = 2, SlaterMargin = null, ObjectiveRange = null };
        var problem = Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(5), lower);
        problem = problem with { X1 = new Box<double>(0, 8, 1), Constants = problem.Constants with { UpperSmoothness = 1 } };
        var driver = new Driver { Stop = Stop.Certified(0.02) | Stop.Iterations(400_000) };
        var solution = driver.Run(new Ogda { Tolerance = 0.02 }, problem, BilevelMinimaxProblem.Start(Vectors.Of(0), Vectors.Of(0, 0), Vectors.Of(0)));
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.Equal(3.5, solution.Point[X1][0], 0.05);
        Assert.Equal(-0.25, solution.Point[Y2][0], 0.03);
    }

    [Fact]
    public void Upper_constraints_are_met_with_the_right_multiplier()
    {
        // T3a with y_a <= 1.1: x = 1.2, where F' = -0.3 = -(multiplier) dy_a/dx, so the multiplier is 0.6.
        var problem = Lift.UpperConstraints(new ConstrainedQp().Problem, new UpperConstraints<double>(new LinearConstraints<double>([0], [1, 0], [1.1])));
        var driver = new Driver { Stop = Stop.Certified(0.005) | Stop.Iterations(2_000_000) };
        var start = ConstrainedQp.Start(0);
        start[X2] = Vectors.Of(0);
        var solution = driver.Run(new Ogda { Tolerance = 0.005 }, problem, start);
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.Equal(1.1, solution.Point[Y1][0], 0.006);
        Assert.Equal(1.2, solution.Point[X1][0], 0.02);
        Assert.Equal(0.6, solution.Point[X2][0], 0.03);
    }

    [Fact]
    public void Mixed_constraints_share_the_block()
    {
        var constraints = new LinearConstraints<double>([-1, 0, 0, 0], [1, 1, 1, 0, 0, 1, 1, -1], [0, 4, 4, 1]);
        var lower = new ConstrainedLowerLevel<double>(new ConstrainedQp.Phi(), constraints) { Equalities = 1, Bound = 2, EqualityBound = 3 };
        Assert.Equal(3, lower.Inequalities);
        var problem = Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(1), lower);
        LiftChecks.Rows(problem, [1, 0, 2, 4, 2, 4]);
        var multipliers = (DenseMultipliers<double>)problem.LowerMultipliers!;
        Assert.Equal(Math.Sqrt(4 + 9), multipliers.LargestNorm, 1e-14);
        Assert.Equal(3, multipliers.Bound);
        Assert.Null(multipliers.OptimalBound);
        Assert.Null(multipliers.Margin);
        var far = Vectors.Of(9, 9, -9, -9);
        problem.Z2.Project(far);
        Assert.Equal([1.0, 1, 0, -3], far.ToDoubles());
        Assert.Equal(0.5 + 2, multipliers.Violation(Vectors.Of(0.5, 0.25, -7, -2)), 1e-15);
        Assert.Null(multipliers.Touched(Vectors.Of(1, 0.9, 0, -2.9)));
        Assert.Equal("The multipliers of the lower level's constraints touch their bound: they add up to 1.99 of at most 2.", multipliers.Touched(Vectors.Of(1, 0.99, 0, 0)));
        Assert.NotNull(multipliers.Touched(Vectors.Of(0, 0, 0, -2.98)));
        var doubled = (DenseMultipliers<double>)multipliers.Doubled(3);
        Assert.Equal([16.0, 24], doubled.Slices.Select(s => s.Bound));
        Assert.Same(multipliers.Objective, doubled.Objective);
    }

    [Fact]
    public void Violation_and_touch_depend_on_the_set()
    {
        DenseMultipliers<double> Of(MultiplierSet kind) => new(MultiplierSlice<double>.Of(kind, 2, 4, 3)) { Objective = new Bowl(), Constraints = new Bowl() };
        DenseMultipliers<double> sum = Of(MultiplierSet.Sum), box = Of(MultiplierSet.Box), ball = Of(MultiplierSet.Ball);
        var values = Vectors.Of(3, -4);
        Assert.Equal([3.0, 3, 5], new[] { sum, box, ball }.Select(m => m.Violation(values)));
        values = Vectors.Of(3, 4);
        Assert.Equal([4.0, 7, 5], new[] { sum, box, ball }.Select(m => m.Violation(values)));
        Assert.All([sum, box, ball], m => Assert.Equal((1.0, 3.0), (m.Margin, m.OptimalBound)));
        Assert.Equal([4, 4 * Math.Sqrt(2), 4], new[] { sum, box, ball }.Select(m => m.LargestNorm));

        var half = Vectors.Of(2, 1.97);
        Assert.Equal([true, false, false], new[] { sum, box, ball }.Select(m => m.Touched(half) is not null));
        Assert.Equal("A multiplier of the lower level's constraints touches its bound: number 1 is 3.97 of at most 4.", box.Touched(Vectors.Of(0, 3.97)));
        Assert.Throws<ArgumentException>(() => new DenseMultipliers<double>(MultiplierSlice<double>.Variables(2, new DenseWholeSpace<double>())) { Objective = new Bowl(), Constraints = new Bowl() });
        Assert.Throws<ArgumentOutOfRangeException>(() => MultiplierSlice<double>.Of(MultiplierSet.Box, 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => MultiplierSlice<double>.Of(MultiplierSet.Box, 1, 0));
    }

    [Fact]
    public void Bounds_by_hand()
    {
        Assert.Equal(4.25, Lagrangian.SlaterBound(42.5, 10), 1e-15);
        Assert.Equal(2.5, Lagrangian.EqualityBound(10, 2, 2), 1e-15);
        Assert.Equal(5.25, Lagrangian.BoundAbove(4.25));
        Assert.Equal(1020, Lagrangian.BoundAbove(1000));
        Assert.Equal(5.25, new ConstrainedQp().Problem.LowerMultipliers!.Bound);
        Assert.Equal(4.25, new ConstrainedQp().Problem.LowerMultipliers!.OptimalBound);
        Assert.Equal(2.3027756377319946, Lagrangian.Smoothness(1, Math.Sqrt(3)), 1e-15);
        Assert.Contains("Slater's margin is not positive", Assert.Throws<ArgumentOutOfRangeException>(() => Lagrangian.SlaterBound(1, 0)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => Lagrangian.SlaterBound(-1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Lagrangian.EqualityBound(1, 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Lagrangian.EqualityBound(1, 1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Lagrangian.EqualityBound(-1, 1, 1));
    }

    [Fact]
    public void Every_refusal_says_which_condition_failed_and_what_to_do()
    {
        var lower = new ConstrainedQp().Lower;
        Refused("Slater's margin is 0, not positive: for every x1 some point", lower with { SlaterMargin = 0 });
        Refused("Slater's margin is -1", lower with { SlaterMargin = -1, ObjectiveRange = null });
        Refused("Bound is 4.25, not above B0 = 4.25: a small gap would not imply a small violation. Take B0 + 1, or leave it null.", lower with { Bound = 4.25 });
        Refused("Bound is 1, not above B0 = 2", lower with { OptimalBound = 2, Bound = 1 });
        Refused("Bound is -1; a bound on multipliers must be positive", lower with { SlaterMargin = null, Bound = -1 });
        Refused("The bound B0 on optimal multipliers is NaN", lower with { OptimalBound = double.NaN });
        Refused("The number of equalities is -1", lower with { Equalities = -1 });
        Refused("There are 1 constraints, of which 2 cannot be equalities", lower with { Equalities = 2 });
        Refused("The multipliers of inequalities cannot be negative, so their set cannot be a ball", lower with { MultiplierSet = MultiplierSet.Ball });
        Refused("EqualityBound is 1, not above B0 = 1", lower with { Equalities = 1, EqualityBound = 1, EqualityOptimalBound = 1 });
        Assert.Equal(10, Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(1), lower with { ObjectiveRange = null }).LowerMultipliers!.Bound);

        var upper = new UpperConstraints<double>(ConstrainedQp.Budget);
        Assert.Contains("of which 2 cannot be equalities", Assert.Throws<ArgumentException>(() => Lift.UpperConstraints(new ConstrainedQp().Problem, upper with { Equalities = 2 })).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be a ball", Assert.Throws<ArgumentException>(() => Lift.UpperConstraints(new ConstrainedQp().Problem, upper with { MultiplierSet = MultiplierSet.Ball })).Message, StringComparison.Ordinal);

        // Too few multipliers in the start are the validator's to say.
        var start = ConstrainedQp.Start(0);
        start[Y2] = start[Z2] = new(2);
        Assert.Contains(Validator.Check([], new ConstrainedQp().Problem, start), f => f.Severity == Severity.Error && f.What.Contains("The feasible set of y2 does not fit its start", StringComparison.Ordinal));

        static void Refused(string message, ConstrainedLowerLevel<double> lower) =>
            Assert.StartsWith(message, Assert.Throws<ArgumentException>(() => Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(1), lower)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bound_of_ones_own_that_is_not_above_B0_is_refused_before_the_run()
    {
        var problem = new ConstrainedQp().Problem;
        var old = problem.LowerMultipliers!;
        var multipliers = new DenseMultipliers<double>(MultiplierSlice<double>.Of(MultiplierSet.Box, 1, 4, 4.25)) { Objective = old.Objective, Constraints = old.Constraints };
        var findings = Validator.Check([], problem with { LowerMultipliers = multipliers, Z2 = multipliers.Set }, ConstrainedQp.Start(1));
        Assert.Contains(findings, f => f.Severity == Severity.Error && f.What.StartsWith("A bound on the multipliers of the lower level's constraints is not above B0", StringComparison.Ordinal));
        Assert.DoesNotContain(Validator.Check([], problem, ConstrainedQp.Start(1)), f => f.Severity == Severity.Error);
    }

    [Fact]
    public void Floats_are_lifted_too()
    {
        // min |z|^2 / 2 over 1 - z <= x: z = 1 - x = multiplier for x <= 1.
        var lower = new ConstrainedLowerLevel<float>(new FunctionObjective<DenseVector<float>>((_, z) => z.Dot(z) / 2, (_, _, r) => r.Scale(0), (_, z, r) => r.CopyFrom(z)), new LinearConstraints<float>([-1], [-1], [-1]))
        {
            Set = new Box<float>(-4, 4, 1),
            Smoothness = 1,
        };
        var problem = Lift.ConstrainedLowerLevel(new FunctionObjective<DenseVector<float>>((x, y) => Math.Pow(y[0] - 0.5, 2) / 2, (_, _, r) => r.Scale(0), (_, y, r) => r[0] = y[0] - 0.5f), lower);
        problem = problem with { X1 = new Box<float>(-1, 1, 1), Constants = problem.Constants with { UpperSmoothness = 1 } };
        DenseVector<float> Of(float v) => new(v);
        var solution = new Driver { Stop = Stop.Certified(0.05) | Stop.Iterations(200_000) }.Run(new Ogda { Tolerance = 0.05 }, problem, BilevelMinimaxProblem.Start(Of(-0.5f), Of(1.5f), Of(1.5f)));
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.Equal(0.5, solution.Point[X1][0], 0.1);
        Assert.Equal(0.5, solution.Point[Y2][0], 0.1);
    }

    [Fact]
    public void The_penalty_rows_allocate_nothing()
    {
        var problem = Lift.UpperConstraints(new ConstrainedQp().Problem, new UpperConstraints<double>(ConstrainedQp.Budget));
        var start = ConstrainedQp.Start(1);
        start[X2] = Vectors.Of(1);
        var penalty = new MinimaxPenalty<DenseVector<double>>(problem, start, values: true);
        for (int i = 0; i < 100; i++) penalty.Evaluate(10);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++) penalty.Evaluate(10);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static double Apart(DenseVector<double>[] a, DenseVector<double>[] b) =>
        Math.Sqrt(a.Zip(b, (s, t) => Dense.Norm(Dense.Sum(s.ToDoubles(), -1, t.ToDoubles()))).Sum(n => n * n));

    // |z|^2 / 2
    private sealed class Bowl : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => point[1].Dot(point[1]) / 2;

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            if (block == 1) result.CopyFrom(point[1]);
            else result.Scale(0);
        }
    }
}
