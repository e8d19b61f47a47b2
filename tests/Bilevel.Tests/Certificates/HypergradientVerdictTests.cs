namespace Bilevel.Tests;

/// <summary>What the certificate says where constants are missing or contradict, where y is constrained, and where the follower has many answers.</summary>
public sealed class HypergradientVerdictTests
{
    private static readonly HypergradientCertificate Certifier = new();

    [Fact]
    public void Without_constants_there_is_an_estimate_and_an_objection_where_it_is_beyond_the_tolerance()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            var c = new HypergradientCase(seed, 100);
            c.Linear = [.. c.Hypergradient(c.X).Select(t => -t)];
            var bare = c.Problem with { Constants = new() };
            var good = Certifier.Check(bare, c.ScaledX, c.ScaledY(c.Y), 1e-6, double.NaN);
            Assert.Equal(Verdict.NotCheckable, good.Verdict);
            Assert.Null(good.Objection);
            Assert.Contains("LowerStrongConvexity", good.Summary, StringComparison.Ordinal);
            Assert.True(good["hypergradient"] <= 1e-6, good.ToString());
            Assert.True(double.IsNaN(good["stationarity_bound"]));

            c.Linear[0] += 1;
            var bad = Certifier.Check(bare, c.ScaledX, c.ScaledY(c.Y), 1e-3, double.NaN);
            Assert.Equal(Verdict.NotCheckable, bad.Verdict);
            Assert.NotNull(bad.Objection);
            Assert.Equal(1, bad["hypergradient"], 1e-5);
        }
    }

    [Fact]
    public void Only_an_estimate_beyond_the_tolerance_is_objected_to()
    {
        var c = new HypergradientCase(3, 100, sizeX: 3, sizeY: 4);
        c.Linear = [.. c.Hypergradient(c.X).Select(t => -t)];
        var unproved = Certifier.Check(c.Problem, c.ScaledX, c.ScaledY(c.Y), 1e-13, double.NaN);
        c.Linear[0] += 1;
        var beyond = Certifier.Check(c.Problem, c.ScaledX, c.ScaledY(c.Y), 1e-3, double.NaN);
        Assert.Equal((Verdict.NotCertified, Verdict.NotCertified), (unproved.Verdict, beyond.Verdict));
        Assert.Contains("Run longer", beyond.Objection, StringComparison.Ordinal);
        if (unproved["hypergradient"] <= 1e-13) Assert.Null(unproved.Objection);
    }

    [Fact]
    public void Bounds_that_exclude_each_other_are_a_contradiction()
    {
        // g = (y - x)^2/2 + s(y - x) with s a cubic that sets in 0.02 away from the minimiser: the penalty function at lambda = 10 sees it, the multiplier does not.
        static double Ramp(double t) => Math.Max(0, Math.Abs(t) - 0.02);
        var f = new FunctionObjective<DenseVector<double>>((x, y) => y[0] + (x[0] * x[0] / 2) - (0.0 * x[0]), (x, _, r) => r[0] = x[0], (_, _, r) => r[0] = 1);
        double Slope(double t) => t + (40 * Math.Sign(t) * Ramp(t) * Ramp(t) / 2);
        var g = new FunctionObjective<DenseVector<double>>(
            (x, y) => (Math.Pow(y[0] - (2 * x[0]), 2) / 2) + (40 * Math.Pow(Ramp(y[0] - (2 * x[0])), 3) / 6) + (x[0] * y[0]),
            (x, y, r) => r[0] = (-2 * Slope(y[0] - (2 * x[0]))) + y[0],
            (x, y, r) => r[0] = Slope(y[0] - (2 * x[0])) + x[0]);
        var constants = new ProblemConstants { LowerStrongConvexity = 1, LowerSmoothness = 1e3, LowerCoupling = 2e3, LowerHessianLipschitz = 1e-3, UpperSmoothness = 0, UpperCoupling = 0 };
        var certificate = Certifier.Check(new BilevelProblem<DenseVector<double>>(f, g) { Constants = constants }, Vectors.Of(-1), Vectors.Of(-1), 0.5, 4);
        Assert.Equal(Verdict.NotCheckable, certificate.Verdict);
        Assert.NotNull(certificate.Objection);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Where_active_bounds_stay_active_the_bound_holds_on_their_face(bool simplex)
    {
        int proved = 0;
        for (int seed = 0; seed < 30; seed++)
        {
            var q = QuadraticBilevel.Random(seed, 10, sizeX: 3, sizeY: 5);
            IFeasibleSet<DenseVector<double>> set = simplex ? new Simplex<double>(1) : seed % 2 == 0 ? new Box<double>(-0.1, 0.3) : new ProductSet<double>((2, new NonnegativeOrthant<double>()), (3, new Box<double>(-0.2, 0.2)));
            double[] x = Dense.Normal(new Random(seed), 3);
            var problem = q.Problem() with { LowerSet = set };
            double[] Follower(double[] at) => LowerLevelSolver.Solve(problem.Lower, Vectors.Of(at), Vectors.Of(new double[] { 0.2, 0.2, 0.2, 0.2, 0.2 }), set, 1e-13, 4000).Y.ToDoubles();
            double F(double[] at) => q.Upper(at, Follower(at));
            var certificate = Certifier.Check(problem, Vectors.Of(x), Vectors.Of(new double[5]), 1e-3, double.NaN);
            if (double.IsNaN(certificate["hypergradient"])) continue;
            proved++;
            double square = 0;
            for (int i = 0; i < 3; i++)
            {
                double[] unit = [.. Enumerable.Range(0, 3).Select(k => k == i ? 1e-5 : 0)];
                square += Math.Pow((F(Dense.Sum(x, 1, unit)) - F(Dense.Sum(x, -1, unit))) / 2e-5, 2);
            }

            Assert.True(Math.Abs(certificate["hypergradient"] - Math.Sqrt(square)) <= 1e-5 * (1 + Math.Sqrt(square)), $"seed {seed}, {set}: {Math.Sqrt(square)} {certificate}");
            Assert.NotEqual(Verdict.NotCheckable, certificate.Verdict);
        }

        Assert.True(proved >= 15, $"only {proved} faces proved");
    }

    [Fact]
    public void A_bound_that_is_about_to_change_leaves_the_lifted_problem()
    {
        // y*(x) = max(0, x) at x = 0: no derivative. F = (y - 0)^2 / 2 + x^2 / 2 is least there.
        var f = new FunctionObjective<DenseVector<double>>((x, y) => (y[0] * y[0] / 2) + (x[0] * x[0] / 2), (x, _, r) => r[0] = x[0], (_, y, r) => r[0] = y[0]);
        var g = new FunctionObjective<DenseVector<double>>((x, y) => Math.Pow(y[0] - x[0], 2) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => r[0] = y[0] - x[0]);
        var problem = new BilevelProblem<DenseVector<double>>(f, g)
        {
            LowerSet = new Box<double>(0, 10, 1),
            Constants = new() { LowerStrongConvexity = 1, LowerSmoothness = 1, LowerCoupling = 1, LowerHessianLipschitz = 0, UpperSmoothness = 1, UpperCoupling = 0 },
        };
        var certificate = Certifier.Check(problem, Vectors.Of(0), Vectors.Of(0), 1e-4, double.NaN);
        Assert.Equal(Verdict.Certified, certificate.Verdict);
        Assert.Contains("epsilon-KKT of the lifted problem", certificate.Summary, StringComparison.Ordinal);
        Assert.True(double.IsNaN(certificate["stationarity_bound"]) && double.IsNaN(certificate["hypergradient"]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(-300)]
    public void The_best_of_the_followers_answers_is_reported(double y1)
    {
        // g leaves y[1] free; with the leader's choice f = (x - 1)^2.
        var f = new FunctionObjective<DenseVector<double>>(
            (x, y) => Math.Pow(y[0] - 1, 2) + Math.Pow(y[1] - (2 * x[0]), 2), (x, y, r) => r[0] = -4 * (y[1] - (2 * x[0])), (x, y, r) => (r[0], r[1]) = (2 * (y[0] - 1), 2 * (y[1] - (2 * x[0]))));
        var g = new FunctionObjective<DenseVector<double>>((x, y) => Math.Pow(y[0] - x[0], 2) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => (r[0], r[1]) = (y[0] - x[0], 0));
        var problem = new BilevelProblem<DenseVector<double>>(f, g);
        foreach (double x in new[] { 0, 1, -2.5 })
        {
            var answer = Answers.Read(problem, [Vectors.Of(x), Vectors.Of(0, y1)], double.NaN, 1e-4);
            Assert.Equal(Math.Pow(x - 1, 2), answer.UpperValue, 1e-5);
            Assert.Equal(x, answer.Point[1][0], 1e-5);
            Assert.Equal(2 * x, answer.Point[1][1], 1e-3);
            if (Math.Abs(y1 - (2 * x)) > 1e-3) Assert.Single(answer.Notes);
            var certificate = Certifier.Check(problem, Vectors.Of(x), Vectors.Of(0, y1), 1e-4, double.NaN);
            Assert.Equal(Verdict.NotCheckable, certificate.Verdict);
            Assert.Contains(certificate.Signs, s => s.Contains("not be unique", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_follower_with_one_answer_has_no_note()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            var c = new HypergradientCase(seed, 1000);
            var answer = Answers.Read(c.Problem with { Constants = new() }, [c.ScaledX, c.ScaledY([.. c.Y.Select(t => t + 1)])], double.NaN, 1e-4);
            Assert.Empty(answer.Notes);
            Assert.True(Dense.Norm(Dense.Sum(answer.Point[1].ToDoubles(), -1, c.Y)) <= 1e-3 * (1 + Dense.Norm(c.Y)));
        }
    }

    [Fact]
    public void A_set_that_contradicts_itself_forbids_a_certificate()
    {
        var c = new HypergradientCase(1, 10, sizeX: 1, sizeY: 3);
        c.Linear = [.. c.Hypergradient(c.X).Select(t => -t)];
        var certificate = Certifier.Check(c.Problem with { UpperSet = new Integers() }, c.ScaledX, c.ScaledY(c.Y), 10, double.NaN);
        Assert.Equal(Verdict.NotCheckable, certificate.Verdict);
        Assert.NotNull(certificate.Objection);
    }

    private sealed class Integers : DenseSet<double>
    {
        public override double Diameter => double.PositiveInfinity;

        public override void Project(Span<double> point)
        {
            for (int i = 0; i < point.Length; i++) point[i] = Math.Round(point[i]);
        }

        public override string? Objection(int length) => null;
    }
}
