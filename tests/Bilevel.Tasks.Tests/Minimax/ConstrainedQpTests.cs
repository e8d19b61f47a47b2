using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks.Tests;

/// <summary>The task T3 against the numbers of bilevel minimax, section 14.</summary>
public sealed class ConstrainedQpTests
{
    public static TheoryData<string> Names => [.. KnownProblems.Minimax.Select(p => p.Name).Where(n => n.StartsWith("constrained-qp", StringComparison.Ordinal))];

    [Theory]
    [InlineData(ConstrainedQpCase.A, 0, 1.5, 0.375)]
    [InlineData(ConstrainedQpCase.B, 3.8, 3.5, 0.5)]
    [InlineData(ConstrainedQpCase.C, 2, 2.75, 0.53125)]
    public void The_published_answers_hold(Enum theName, double start, double x, double value)
    {
        var name = (ConstrainedQpCase)theName;
        var instance = ConstrainedQpTask.Instance(new ConstrainedQpSettings { Case = name });
        Assert.Equal(start, instance.Start[X1][0]);
        Assert.Equal(x, instance.Answer!.X![0], 1e-15);
        Assert.Equal(value, instance.Answer.UpperValue!.Value, 1e-15);

        // It is a local minimum of F, and F is f at the lower solution.
        var hyperobjective = instance.Answer.Hyperobjective!;
        Assert.True(hyperobjective(Vectors.Of(x - 0.01)) > value && hyperobjective(Vectors.Of(x + 0.01)) > value);
        var random = new SplitMix64(3);
        for (int trial = 0; trial < 50; trial++)
        {
            var at = Vectors.Of(4 * random.NextUniform());
            var (z1, z2) = instance.Answer.Saddle!(at);
            var f = new PreparedRequest<DenseVector<double>>(instance.Problem.Upper, [[at, new(0), z1, z2]], [], values: true);
            f.Evaluate();
            Assert.Equal(hyperobjective(at), f.Values[0], 1e-14);
            Assert.Equal(instance.Answer.LowerSolution!(at).ToDoubles(), z1.ToDoubles());
            Assert.Equal(0, instance.Answer.Gap!(at, z1, z2), 1e-14);
            double slope = (hyperobjective(Vectors.Of(at[0] + 1e-6)) - hyperobjective(Vectors.Of(at[0] - 1e-6))) / 2e-6;
            if (Math.Abs(at[0] - 3) > 1e-5) Assert.Equal(slope, instance.Answer.Hypergradient!(at)[0], 1e-8);
        }
    }

    [Fact]
    public void The_lower_solutions_are_the_published_ones()
    {
        foreach (var (x, a, b, lambda) in new[] { (0, 0.5, -0.5, 1.5), (1.5, 1.25, 0.25, 0.75), (2.75, 1.875, 0.875, 0.125), (3, 2, 1, 0), (3.5, 2, 1, 0) })
        {
            var (y, multiplier) = ConstrainedQpTask.LowerSolution(x);
            Assert.Equal([a, b], y.ToDoubles());
            Assert.Equal([lambda], multiplier.ToDoubles());
        }

        Assert.Equal(0.5625, ConstrainedQpTask.Hyperobjective(3, 3.5));
    }

    [Fact]
    public void The_gap_is_that_of_the_lifted_problem()
    {
        var instance = ConstrainedQpTask.Instance(new ConstrainedQpSettings());
        var lower = instance.Problem.Lower;
        double G(DenseVector<double> x, DenseVector<double> z1, DenseVector<double> z2)
        {
            var request = new PreparedRequest<DenseVector<double>>(lower, [[x, z1, z2]], [], values: true);
            request.Evaluate();
            return request.Values[0];
        }

        var random = new SplitMix64(5);
        for (int trial = 0; trial < 30; trial++)
        {
            DenseVector<double> x = Vectors.Of(4 * random.NextUniform()), y = Vectors.Of((10 * random.NextUniform()) - 5, (10 * random.NextUniform()) - 5), m = Vectors.Of(5.25 * random.NextUniform());

            // The maximum over z2 is at an end of its interval; the minimum over z1 by projected gradient steps of length 1, exact for this phi.
            double primal = Math.Max(G(x, y, Vectors.Of(0)), G(x, y, Vectors.Of(5.25)));
            var z = Vectors.Of(2 - m[0], 1 - m[0]);
            instance.Problem.Z1.Project(z);
            Assert.Equal(primal - G(x, z, m), instance.Answer!.Gap!(x, y, m), 1e-12);
            Assert.True(instance.Answer.Gap(x, y, m) >= 0);
            for (int k = 0; k < 20; k++)
                Assert.True(G(x, Vectors.Of((10 * random.NextUniform()) - 5, (10 * random.NextUniform()) - 5), m) >= G(x, z, m));
        }
    }

    [Fact]
    public void The_constants_are_true_bounds()
    {
        // The second derivatives of g: zero in x, the identity in z, and the row (-1, 1, 1) of the constraint.
        var second = new Matrix(4, 4, [0, 0, 0, -1, 0, 1, 0, 1, 0, 0, 1, 1, -1, 1, 1, 0]);
        Assert.InRange(second.SpectralNorm(), ConstrainedQpTask.LowerSmoothness - 5e-5, ConstrainedQpTask.LowerSmoothness);
        var problem = ConstrainedQpTask.Instance(new ConstrainedQpSettings()).Problem;
        Assert.Equal((1.0, 2.1701), (problem.Constants.UpperSmoothness, problem.Constants.LowerSmoothness));
        Assert.Equal(10 * Math.Sqrt(2), problem.Z1.DiameterAt(2), 1e-14);
        Assert.Equal(5.25, problem.Z2.DiameterAt(1), 1e-14);
        Assert.Equal(4.25, problem.LowerMultipliers!.OptimalBound);
        Assert.Equal(4.25, Lagrangian.SlaterBound((49 + 36) / 2.0, 10));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_default_run_is_certified_near_the_answer(string name)
    {
        var instance = KnownProblems.Minimax.Single(p => p.Name == name).Create();
        var solution = new Driver { Stop = Stop.Certified(instance.Tolerance) | Stop.Iterations(instance.Iterations), CertifyAt = instance.Tolerance }.Run(instance.Presets[0], instance.Problem, instance.Start);
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
        Assert.Equal(0, solution.BoundDoublings);
        Assert.Equal(instance.Answer!.X![0], solution.X[0], 0.05);

        // Section 8.3: with B = B0 + 1 neither the violation nor the lower value is further off than the gap allows.
        var metrics = instance.Evaluate(solution).Metrics.ToDictionary(m => m.Name, m => m.Value);
        double gap = metrics["lower_gap"];
        Assert.InRange(gap, -1e-12, 0.01);
        Assert.InRange(metrics["violation"], 0, gap + 1e-12);
        Assert.InRange(metrics["multiplier_error"], -0.05, 0.05);
    }

    [Fact]
    public void Too_small_a_bound_is_noted_and_doubled()
    {
        var instance = ConstrainedQpTask.Instance(new ConstrainedQpSettings { Bound = 0.2 });
        Assert.Contains(instance.Notes, n => n.Contains("not above B0", StringComparison.Ordinal));
        var solution = new Driver { Stop = Stop.Certified(0.02) | Stop.Iterations(1_000_000) }.Run(new Ogda { Tolerance = 0.02 }, instance.Problem, instance.Start);
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.True(solution.BoundDoublings > 0);
        Assert.Equal(1.5, solution.X[0], 0.05);
        Assert.Equal(0.75, solution.Point[Y2][0], 0.05);
    }

    [Fact]
    public void The_answer_follows_the_settings()
    {
        double X(double xb, double start) => ConstrainedQpTask.Instance(new ConstrainedQpSettings { Xb = xb, Start = start }).Answer!.X![0];
        Assert.Equal(2.25, X(2.5, 3.9));
        Assert.Equal(0, X(-5, 1));
        Assert.Equal(4, X(9, 0));
        Assert.Equal(4, X(4, 0));
        Assert.Equal(3.2, X(3.2, 3.1));
        Assert.Equal(2.6, X(3.2, 2.9), 1e-15);
        Assert.Throws<SettingException>(() => new ConstrainedQpTask().Create([new("multiplier-set", "ball")], new TaskContext()));
    }
}
