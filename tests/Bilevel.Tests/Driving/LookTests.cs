using Objective = Bilevel.FunctionObjective<Bilevel.DenseVector<double>>;

namespace Bilevel.Tests;

/// <summary>What is looked at around the end of a run accuses no honest problem, costs a part of the run, and never its answer.</summary>
public sealed class LookTests
{
    private static readonly Objective Leader = new((x, y) => Math.Sqrt(1 + (y[0] * y[0])), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = y[0] / Math.Sqrt(1 + (y[0] * y[0])));

    [Fact]
    public void An_objective_that_throws_where_the_run_never_was_costs_no_answer()
    {
        Objective throwing = new((x, y) => throw new InvalidOperationException("outside"), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = 0);
        var problem = new BilevelProblem<DenseVector<double>>(throwing, Leader);
        Assert.Null(Look.Around(problem, 100, p => JumpValue(p)));
        Assert.Equal("seen", Look.Around(problem, 100, _ => "seen"));

        static string JumpValue(IProblem<DenseVector<double>> p) => FormattableString.Invariant($"{new ValueReader<DenseVector<double>>(p, [Vectors.Of(1), Vectors.Of(1)]).Read().Upper}");
    }

    [Fact]
    public void A_leader_that_falls_until_its_objective_throws_ends_by_its_limit()
    {
        static double Known(double t) => Math.Abs(t) < 1e4 ? t : throw new ArgumentOutOfRangeException(nameof(t));
        Objective f = new((x, y) => -Known(x[0]), (x, y, r) => r[0] = -1, (x, y, r) => r[0] = 0);
        Objective g = new((x, y) => Math.Pow(y[0] - Known(x[0]), 2) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => r[0] = y[0] - x[0]);
        var watch = new Boundlessness<DenseVector<double>>(new BilevelProblem<DenseVector<double>>(f, g), [Vectors.Of(0), Vectors.Of(0)]);
        Assert.Null(watch.AtEnd([Vectors.Of(50), Vectors.Of(50)], converged: false));
    }

    [Fact]
    public void A_run_that_stalls_is_looked_around_for_a_few_thousand_gradients()
    {
        // y = clip(x / c, -1, 1) with curvatures c from 1 to 1e-6; F is least at a kink.
        double[] c = [1, 1e-2, 1e-4, 1e-6];
        var counts = new OracleCounts(BilevelProblem.BlockCount);
        Objective f = new((x, y) => Math.Pow(y[0] - 2, 2) + (0.1 * x[0]), (x, y, r) => r[0] = 0.1, (x, y, r) => (r[0], r[1], r[2], r[3]) = (2 * (y[0] - 2), 0, 0, 0));
        Objective g = new(
            (x, y) => Enumerable.Range(0, 4).Sum(i => c[i] * Math.Pow(y[i] - x[0], 2) / 2),
            (x, y, r) => r[0] = Enumerable.Range(0, 4).Sum(i => -c[i] * (y[i] - x[0])),
            (x, y, r) => (r[0], r[1], r[2], r[3]) = (c[0] * (y[0] - x[0]), c[1] * (y[1] - x[0]), c[2] * (y[2] - x[0]), c[3] * (y[3] - x[0])));
        var problem = new BilevelProblem<DenseVector<double>>(f, new CountingObjective<DenseVector<double>>(g, counts)) { LowerSet = new Box<double>(-1, 1, 4) };
        DenseVector<double>[] start = [Vectors.Of(3), Vectors.Of(0, 0, 0, 0)], end = [Vectors.Of(1.0), Vectors.Of(1, 1, 1, 1)];
        Assert.Null(Look.Around(problem, 400, p => JumpingFollower.Near(p, start, end)));
        Assert.InRange(counts.Total, 1, 2_100);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(7)]
    public void An_answer_that_is_steep_or_not_unique_does_not_jump(int power)
    {
        // y0 = x^(1/power), continuous however steep; y1 is anything.
        Objective f = new((x, y) => y[0] + y[1], (x, y, r) => r[0] = 0, (x, y, r) => (r[0], r[1]) = (1, 1));
        Objective g = new(
            (x, y) => (Math.Pow(y[0], power + 1) / (power + 1)) - (x[0] * y[0]),
            (x, y, r) => r[0] = -y[0],
            (x, y, r) => (r[0], r[1]) = (Math.Pow(y[0], power) - x[0], 0));
        var problem = new BilevelProblem<DenseVector<double>>(f, g) { LowerSet = new Box<double>(-2, 2, 2) };
        foreach (double x in new[] { 0, 1e-3, 0.5 })
            Assert.Null(JumpingFollower.Near(problem, [Vectors.Of(1), Vectors.Of(0, 0)], [Vectors.Of(x), Vectors.Of(Math.Pow(x, 1.0 / power), 0.3)]));
    }

    [Fact]
    public void Right_gradients_of_narrow_functions_are_not_accused_where_a_run_ran_away()
    {
        // A bend of width 1 in one component, seen from where another has gone to 1e6.
        Objective f = new((x, y) => 30 * Math.Sqrt(1 + Math.Pow(y[0] - 0.3, 2)), (x, y, r) => r[0] = 0, (x, y, r) => (r[0], r[1]) = (30 * (y[0] - 0.3) / Math.Sqrt(1 + Math.Pow(y[0] - 0.3, 2)), 0));
        Objective g = new((x, y) => ((y[0] * y[0]) + (y[1] * y[1])) / 2, (x, y, r) => r[0] = 0, (x, y, r) => (r[0], r[1]) = (y[0], y[1]));
        var problem = new BilevelProblem<DenseVector<double>>(f, g);
        foreach (double near in new[] { -1, 0, 0.5, 2, 10 })
        {
            foreach (double far in new[] { 1e3, 1e5, 1e6 })
                Assert.Null(LastGradients.Contradiction(problem, [Vectors.Of(1), Vectors.Of(0.4, 1)], [Vectors.Of(1), Vectors.Of(near, far)]));
        }
    }

    [Fact]
    public void A_run_sent_on_by_its_whole_certificate_ends_the_same_when_it_is_resumed()
    {
        var problem = new BilevelProblem<DenseVector<double>>(Leader, new Objective((x, y) => y[0] * y[0] / 2, (x, y, r) => r[0] = 0, (x, y, r) => r[0] = y[0]));
        var store = new MemoryCheckpoints();
        var whole = Run(60, null, false);
        Run(30, store, false);
        var resumed = Run(60, store, true);
        Assert.Contains("Nothing better was found than the point of iteration", whole.StatusMessage, StringComparison.Ordinal);
        Assert.Equal(whole.StatusMessage, resumed.StatusMessage);
        Assert.Equal((whole.X[0], whole.Residual, whole.Penalty, whole.Status), (resumed.X[0], resumed.Residual, resumed.Penalty, resumed.Status));
        Assert.Equal(whole.Certificate!.Summary, resumed.Certificate!.Summary);

        Solution<DenseVector<double>> Run(long iterations, ICheckpointStore? checkpoints, bool resume) => new Driver
        {
            Stop = Stop.Certified(1e-3, 5) | Stop.Iterations(iterations),
            CertifyAt = 1e-3,
            Certifier = new Leans(),
            Checkpoints = checkpoints,
            Resume = resume,
        }.Run(new Counts(), problem, [Vectors.Of(0), Vectors.Of(0)], 0);
    }

    // Certifies until x is 20, and says of the whole that it leans.
    private sealed record Leans : ICertifier
    {
        public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
            where V : class, IVector<V>
        {
            double x = point[0].Norm();
            bool leans = !quick && x < 20;
            return new(new Certificate(quick && x < 20 ? Verdict.Certified : Verdict.NotCertified, tolerance, FormattableString.Invariant($"x = {x}, penalty = {penalty}"), [], [], x, 0, 0) { IsLeaning = leans }, [.. point.Select(b => b.Copy())]);
        }
    }

    // x counts the iterations.
    private sealed record Counts() : MethodOfTests("counts")
    {
        public override IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed) => new Run<V>([x.Copy(), y.Copy()]);

        private sealed class Run<V>(V[] point) : IRun<V>
            where V : class, IVector<V>
        {
            private readonly V one = One(point[0]);

            public double Residual => 1 / point[0].Norm();

            public double Penalty => 3 + point[0].Norm();

            public ReadOnlySpan<V> Point => point;

            public void Step() => point[0].AddScaled(1, one);

            public void Transfer(IArchive<V> archive)
            {
                foreach (var block in point) archive.Transfer(block);
            }

            private static V One(V like)
            {
                var unit = like.ZerosLike();
                ((IFillable)unit).Fill(_ => 1);
                return unit;
            }
        }
    }
}
