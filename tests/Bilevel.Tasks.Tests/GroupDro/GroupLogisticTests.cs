namespace Bilevel.Tasks.Tests.GroupDro;

/// <summary>
/// Test D1 (applications, section 7.7). The numbers at x = -3 were computed once more outside this code, by accelerated
/// gradients in Python on data drawn by the recipe; within it, the robust model is solved by other solvers too.
/// </summary>
public class GroupLogisticTests
{
    private readonly GroupLogistic model = GroupLogistic.D1();

    [Fact]
    public void The_lower_level_at_minus_three_has_the_computed_value_model_and_weights()
    {
        double[] w = model.Robust(-3), q = model.Opponent(w);
        Assert.Equal(0.4278061252532392, model.Lower(-3, w, q), 1e-13);
        Assert.Equal([1.3304266038726773, -0.020037797084631034, 0.10140866913801837, -0.040573881160294964], w, Close(1e-10));
        Assert.Equal([0.49049593325737806, 0.5095040667426219], q, Close(1e-11));
        Assert.Equal((0.37863952884467683, 0.3881435955872988), (model.Training.Loss(w, 0), model.Training.Loss(w, 1)), Pairs(1e-11));
        Assert.Equal(0.3917131269765932, model.Validation.Mean(w), 1e-11);
        Assert.Equal((0.37535876862502904, 0.40806748532815734), (model.Validation.Loss(w, 0), model.Validation.Loss(w, 1)), Pairs(1e-11));
    }

    [Fact]
    public void Plain_training_leans_on_the_spurious_feature_and_fails_the_second_group()
    {
        double[] plain = model.Fixed(-3, [0.8, 0.2]), robust = model.Robust(-3);
        Assert.Equal([1.2882806426526157, 0.6380394691242882, 0.10427374150281123, -0.007840069275531379], plain, Close(1e-10));
        Assert.Equal(0.4727585578350542, model.Validation.Mean(plain), 1e-11);
        Assert.Equal((0.17892970021424975, 0.7665874154558585), (model.Validation.Loss(plain, 0), model.Validation.Loss(plain, 1)), Pairs(1e-11));
        Assert.True(Math.Abs(robust[1]) < 0.04 * plain[1]);
        Assert.True(model.Validation.Loss(robust, 1) < model.Validation.Loss(plain, 1) - 0.3);
    }

    [Theory]
    [InlineData(-8)]
    [InlineData(-5.5)]
    [InlineData(-3)]
    [InlineData(0)]
    [InlineData(2)]
    public void The_saddle_has_no_residual_and_the_value_the_derivative_of_the_envelope(double x)
    {
        double[] w = model.Robust(x), q = model.Opponent(w), gradient = [.. w.Select(c => Math.Exp(x) * c)];
        for (int g = 0; g < 2; g++) model.Training.AddGradient(w, g, q[g], gradient);
        Assert.Equal(0, Math.Sqrt(gradient.Sum(c => c * c)), 1e-12);

        // q = projection of 1/2 + L/tau to the simplex, by the library's projection.
        var expected = Vectors.Of(0.5 + (model.Training.Loss(w, 0) / GroupLogistic.Tau), 0.5 + (model.Training.Loss(w, 1) / GroupLogistic.Tau));
        new Simplex<double>(1, 2).Project(expected);
        Assert.Equal(expected.ToDoubles(), q, Close(1e-13));

        Assert.Equal(Math.Exp(x) / 2 * w.Sum(c => c * c), (Value(x + 1e-4) - Value(x - 1e-4)) / 2e-4, 1e-7);
        Assert.Equal((model.Hyperobjective(x + 1e-4) - model.Hyperobjective(x - 1e-4)) / 2e-4, model.Hypergradient(x), 1e-7);

        double Value(double at)
        {
            double[] there = model.Robust(at);
            return model.Lower(at, there, model.Opponent(there));
        }
    }

    [Fact]
    public void The_gap_is_zero_at_the_saddle_and_positive_elsewhere()
    {
        double[] w = model.Robust(-3), q = model.Opponent(w);
        Assert.Equal(0, model.Gap(-3, w, q), 1e-13);
        Assert.True(model.Gap(-3, w, [0.6, 0.4]) > 1e-4);
        Assert.True(model.Gap(-3, [.. w.Select(c => c + 0.1)], q) > 1e-4);
    }

    [Fact]
    public void The_best_x_is_stationary_and_below_its_surroundings()
    {
        double best = model.Best(-8, 2);
        Assert.Equal(0, model.Hypergradient(best), 1e-9);
        Assert.Equal(-4.344479553264593, best, 2e-5);
        Assert.Equal(0.38250131371187357, model.Hyperobjective(best), 1e-9);
        Assert.All(Enumerable.Range(0, 201), i => Assert.True(model.Hyperobjective(-8 + (0.05 * i)) >= model.Hyperobjective(best) - 1e-12));
        double[] w = model.Robust(best);
        Assert.Equal(0.40107033586025603, Math.Max(model.Validation.Loss(w, 0), model.Validation.Loss(w, 1)), 1e-5);
    }

    [Theory]
    [InlineData(-6)]
    [InlineData(-3)]
    [InlineData(-1)]
    public void The_softmax_oracle_of_the_task_trains_the_same_model(double x)
    {
        // Two classes with weights W1 = -W0 are a logistic model w = W1 - W0, and |W|^2 = |w|^2/2: the l2 weight doubles.
        var rows = model.Training;
        double[] values = [.. Enumerable.Range(0, rows.Count).SelectMany(i => rows.Row(i)[..3].ToArray().Select(v => v * rows.Row(i)[3]))];
        int[] labels = [.. Enumerable.Range(0, rows.Count).Select(i => rows.Row(i)[3] > 0 ? 1 : 0)], groups = [.. Enumerable.Range(0, rows.Count).Select(i => i < 160 ? 0 : 1)];
        var data = new LabelledData(new DenseTable(values, rows.Count, 3), labels, ["-1", "1"], "D1");
        var fits = new GroupModels(new GroupPart(DataPart.All(data), groups), 2, new TaskContext());

        var robust = fits.Robust(2 * Math.Exp(x), GroupLogistic.Tau);
        Assert.Equal(model.Robust(x), Logistic(robust), Close(1e-6));
        Assert.Equal(model.Fixed(x, [0.8, 0.2]), Logistic(fits.Plain(2 * Math.Exp(x))), Close(1e-6));
        Assert.Equal(model.Opponent(model.Robust(x)), fits.Answer(new LeaderLayout(0, 0, 0, 2 * Math.Exp(x), GroupLogistic.Tau), Vectors.Zeros(0), robust), Close(1e-6));

        static double[] Logistic(DenseVector<double> w) => [.. Enumerable.Range(0, 4).Select(j => w[(2 * j) + 1] - w[2 * j])];
    }

    private static Func<double, double, bool> Close(double tolerance) => (a, b) => Math.Abs(a - b) <= tolerance;

    private static Func<(double First, double Second), (double First, double Second), bool> Pairs(double tolerance) =>
        (x, y) => Math.Abs(x.First - y.First) <= tolerance && Math.Abs(x.Second - y.Second) <= tolerance;
}
