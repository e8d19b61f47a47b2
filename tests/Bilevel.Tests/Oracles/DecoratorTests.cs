namespace Bilevel.Tests;

public sealed class DecoratorTests
{
    private readonly DenseVector<double> x = Vectors.Of(1), y = Vectors.Of(2), z = Vectors.Of(3), gx = Vectors.Zeros(1), gy = Vectors.Zeros(1), gz = Vectors.Zeros(1);

    [Fact]
    public void One_gradient_at_one_point_counts_one()
    {
        var counted = new CountingObjective<DenseVector<double>>(new TwoVariables().Problem.Lower, new OracleCounts(2));
        var followers = new PreparedRequest<DenseVector<double>>(counted, [[x, y], [x, z]], [new(1, 0, gy), new(1, 1, gz)]);
        followers.Evaluate();
        Assert.Equal([0L, 2], counted.Counts.Gradients.ToArray());
        var difference = new PreparedRequest<DenseVector<double>>(counted, [[x, y], [x, z]], [new(0, Output.Combined, gx)], [1, -1]);
        difference.Evaluate();
        Assert.Equal([2L, 2], counted.Counts.Gradients.ToArray());
        var single = new PreparedRequest<DenseVector<double>>(counted, [[x, y]], [new(0, Output.Combined, gx), new(1, 0, gy)], [3], values: true);
        single.Evaluate();
        Assert.Equal([3L, 3], counted.Counts.Gradients.ToArray());
        Assert.Equal(1, counted.Counts.Values);
        Assert.Equal(6, counted.Counts.Total);
    }

    [Fact]
    public void Decorators_pass_the_request_on_whole()
    {
        var seen = new Recorder(new TwoVariables().Problem.Lower);
        var noisy = new GaussianNoise<double>(new BudgetedObjective<DenseVector<double>>(new CountingObjective<DenseVector<double>>(seen, new OracleCounts(2)), new OracleBudget(100)), 0);
        new PreparedRequest<DenseVector<double>>(noisy, [[x, y], [x, z]], [new(0, Output.Combined, gx), new(1, 0, gy)], [1, -1], values: true).Evaluate(new Sample(5, 6));
        Assert.Equal(["2 points, 2 gradients, 2 weights, 2 values, sample (5, 6)"], seen.Requests);
    }

    [Fact]
    public void A_budget_refuses_before_anything_is_evaluated()
    {
        var seen = new Recorder(new TwoVariables().Problem.Lower);
        var budget = new OracleBudget(1_005);
        var budgeted = new BudgetedObjective<DenseVector<double>>(seen, budget);
        var pair = new PreparedRequest<DenseVector<double>>(budgeted, [[x, y], [x, z]], [new(0, Output.Combined, gx)], [1, -1]);
        for (int i = 0; i < 502; i++) pair.Evaluate();
        Assert.Equal(1_004, budget.Spent);
        Assert.Equal("The budget of 1005 oracle calls is used up.", Assert.Throws<OracleBudgetException>(() => pair.Evaluate()).Message);
        Assert.Equal((1_004L, 502), (budget.Spent, seen.Requests.Count));
        new PreparedRequest<DenseVector<double>>(budgeted, [[x, y]], [new(0, 0, gx)], values: true).Evaluate();
        Assert.Equal(1_005, budget.Spent);
        new PreparedRequest<DenseVector<double>>(budgeted, [[x, y]], [], values: true).Evaluate();
        Assert.Equal(1_005, budget.Limit);
    }

    private sealed class Recorder(IObjective<DenseVector<double>> inner) : IObjective<DenseVector<double>>
    {
        public List<string> Requests { get; } = [];

        public void Evaluate(in Request<DenseVector<double>> request)
        {
            Requests.Add(FormattableString.Invariant($"{request.PointCount} points, {request.Gradients.Length} gradients, {request.Weights.Length} weights, {request.Values.Length} values, sample ({request.Sample.Key}, {request.Sample.Size})"));
            inner.Evaluate(request);
        }
    }
}
