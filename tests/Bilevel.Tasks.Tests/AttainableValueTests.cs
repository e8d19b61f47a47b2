namespace Bilevel.Tasks.Tests;

/// <summary>
/// The upper value of an answer is one that the leader gets: the user's own f with the follower at its best answer, however far the run
/// was from its end, held against solves that share no code with the one that reads it.
/// </summary>
public sealed class AttainableValueTests
{
    [Theory]
    [InlineData(TwoLinesInstance.LoadShed, 50)]
    [InlineData(TwoLinesInstance.LoadShed, 20_000)]
    [InlineData(TwoLinesInstance.CriticalLoad, 50)]
    [InlineData(TwoLinesInstance.CriticalLoad, 20_000)]
    public void Of_two_lines_it_is_what_the_closed_form_sheds(Enum theWhich, long iterations)
    {
        var which = (TwoLinesInstance)theWhich;
        var grid = new TwoLines(which);
        var solution = Run(TwoLinesTask.Instance(new TwoLinesSettings { Instance = which }), iterations, out var outcome);
        double shed = TwoLines.Shed(solution.X.Span), best = TwoLines.BestShed(1);
        Assert.Equal(grid.UpperPerShed * shed, solution.UpperValue, 1e-4 * Math.Abs(grid.UpperPerShed) * best);
        Assert.Equal(grid.UpperPerShed * shed, Metric(outcome, "hyperobjective"), 1e-9);
        Assert.InRange(Metric(outcome, "load_shed_mw"), 0, best * (1 + 1e-12));
        Assert.InRange(solution.UpperValue / grid.UpperPerShed, -1e-4 * best, best * (1 + 1e-4));
    }

    [Theory]
    [InlineData(SvmCosts.Sample, 30)]
    [InlineData(SvmCosts.Class, 30)]
    [InlineData(SvmCosts.One, 1000)]
    public void Of_svm_tuning_it_is_the_loss_of_the_machine_trained_again(SvmCosts costs, long iterations)
    {
        var instance = (MinimaxInstance<DenseVector<double>>)new Tasks.SvmTuning().Create(new SvmTuningSettings { Costs = costs }, new TaskContext(Seed: 3));
        var solution = Run(instance, iterations, out var outcome);
        double again = instance.UpperValueAt(solution.Point);
        Assert.Equal(again, Metric(outcome, "upper_value"), 1e-9);
        Assert.Equal(again, solution.UpperValue, 1e-3);

        // What is not solved again is something else.
        Assert.NotEqual(again, Own(instance, solution), 1e-5);
    }

    [Theory]
    [InlineData("mean", 5)]
    [InlineData("worst-group", 5)]
    [InlineData("worst-group", 60)]
    public void Of_group_dro_it_is_the_loss_of_the_classifier_trained_again(string goal, long iterations)
    {
        var instance = (MinimaxInstance<DenseVector<double>>)new Tasks.GroupDro().Create(
            [new("train-size", "120"), new("validation-size", "60"), new("test-size", "60"), new("shrink", "4"), new("classes", "4,9"), new("goal", goal), new("sample-weights", "false")], new TaskContext(Seed: 3));
        var solution = Run(instance, iterations, out var outcome);
        double again = instance.UpperValueAt(solution.Point);
        Assert.Equal(again, Metric(outcome, "upper_value"), 1e-9);
        Assert.Equal(again, solution.UpperValue, 1e-3 * again);
        Assert.NotEqual(again, Own(instance, solution), 1e-5 * again);
    }

    [Theory]
    [InlineData(0, 50)]
    [InlineData(1, 3000)]
    [InlineData(2, 20_000)]
    public void Of_constrained_linear_it_is_no_better_than_the_followers_answers_allow(int which, long iterations)
    {
        // Answers are not unique, so the best of them for the leader bounds what may be reported.
        var settings = new ConstrainedLinearSettings { Upper = 12, Lower = 10, Constraints = 2, Instance = which };
        var data = ConstrainedLinearTask.Data(settings);
        var solution = Run(ConstrainedLinearTask.Instance(settings), iterations, out var outcome);
        double best = BestForLeader(data, solution.X.Span);
        Assert.True(solution.FollowerSolvedAgain, string.Join(' ', solution.Notes));
        Assert.True(solution.UpperValue >= best - 1e-3, FormattableString.Invariant($"{solution.UpperValue:R} is reported, {best:R} can be had."));
        Assert.InRange(Metric(outcome, "lower_bound_of_best"), double.NegativeInfinity, best + 1e-6);
    }

    private static Solution<DenseVector<double>> Run(MinimaxInstance<DenseVector<double>> instance, long iterations, out TaskOutcome outcome)
    {
        var solution = new Driver { Stop = Stop.Certified(instance.Tolerance, 100) | Stop.Iterations(iterations) }.Run(instance.Presets[0], instance.Problem, instance.Start);
        outcome = instance.Evaluate(solution);
        return solution;
    }

    // f at the method's own follower.
    private static double Own(MinimaxInstance<DenseVector<double>> instance, Solution<DenseVector<double>> solution)
    {
        var upper = new PreparedRequest<DenseVector<double>>(instance.Problem.Upper, [instance.Problem.UpperPoint(solution.Point.ToArray())], [], values: true);
        upper.Evaluate();
        return upper.Values[0];
    }

    private static double Metric(TaskOutcome outcome, string name) => outcome.Metrics.Single(m => m.Name == name).Value;

    // min c'x + d'z over the answers of the lower level at x: its optimal value becomes one more constraint, with a little room for an interior.
    private static double BestForLeader(ConstrainedLinearData data, ReadOnlySpan<double> x)
    {
        const double Room = 1e-5;
        var lower = data.LowerLevel(x)!.Solve();
        Assert.True(lower.Succeeded());
        int m = data.LowerCost.Length, l = data.Right.Length;
        double[] right = [.. data.Constraints(x, new double[m]).Select(c => -c), lower.Value + Room];
        var rows = new Matrix(l + 1, m + l + 1);
        double[] most = [.. Enumerable.Repeat(1.0, m), .. new double[l + 1]], least = [.. Enumerable.Repeat(-1.0, m), .. new double[l + 1]];
        for (int i = 0; i <= l; i++)
        {
            (i < l ? data.OfZ.Row(i) : data.LowerCost).CopyTo(rows.Row(i));
            rows[i, m + i] = 1;
            most[m + i] = Math.Abs(right[i]) + rows.Row(i)[..m].ToArray().Sum(Math.Abs);
        }

        var program = new BoundedProgram(rows, right, [.. data.UpperY, .. new double[l + 1]], least, most).Solve();
        Assert.True(program.Succeeded(1e-6));
        return data.Upper(x, new double[m]) + program.Bound;
    }
}
