namespace Bilevel.Tests;

public sealed class RequestTests
{
    private readonly IObjective<DenseVector<double>> objective = new TwoVariables().Problem.Upper;
    private readonly DenseVector<double> x = Vectors.Of(1), y = Vectors.Of(2), r = Vectors.Of(0);

    private string Refusal(DenseVector<double>[][] points, Output<DenseVector<double>>[] gradients, double[]? weights = null) =>
        Assert.ThrowsAny<ArgumentException>(() => new PreparedRequest<DenseVector<double>>(objective, points, gradients, weights)).Message;

    [Fact]
    public void Wrong_points_are_refused()
    {
        const string Points = "A request needs points, all with the same number of blocks, at least one.";
        Assert.StartsWith(Points, Refusal([], []), StringComparison.Ordinal);
        Assert.StartsWith(Points, Refusal([[]], []), StringComparison.Ordinal);
        Assert.StartsWith(Points, Refusal([[x, y], [x]], []), StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => new PreparedRequest<DenseVector<double>>(null!, [[x, y]], []));
    }

    [Fact]
    public void Wrong_outputs_are_refused()
    {
        Assert.StartsWith("No block 2 of point 0 in a request of 1 points with 2 blocks.", Refusal([[x, y]], [new(2, 0, r)]), StringComparison.Ordinal);
        Assert.StartsWith("No block -1 of point 0", Refusal([[x, y]], [new(-1, 0, r)]), StringComparison.Ordinal);
        Assert.StartsWith("No block 0 of point 1", Refusal([[x, y]], [new(0, 1, r)]), StringComparison.Ordinal);
        Assert.StartsWith("No block 0 of point -2", Refusal([[x, y]], [new(0, -2, r)]), StringComparison.Ordinal);
        Assert.StartsWith("A combined output needs one weight per point.", Refusal([[x, y]], [new(0, Output.Combined, r)]), StringComparison.Ordinal);
        Assert.StartsWith("A combined output needs one weight per point.", Refusal([[x, y], [x, y]], [new(0, Output.Combined, r)], [1]), StringComparison.Ordinal);
        Assert.StartsWith("A gradient would be written over a block of a point", Refusal([[x, y]], [new(0, 0, x)]), StringComparison.Ordinal);
        Assert.StartsWith("The gradient in block 1 has 1 components; its result has 3.", Refusal([[x, y]], [new(1, 0, Vectors.Zeros(3))]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_request_follows_its_points_and_weights()
    {
        var z = Vectors.Of(5);
        var request = new PreparedRequest<DenseVector<double>>(objective, [[x, y], [x, z]], [new(BilevelProblem.Y, Output.Combined, r)], [1, -1], values: true);
        request.Evaluate();
        Assert.Equal(2 * (2 - 5), r[0]);
        Assert.Equal([1.5, 4.5], request.Values.ToArray());
        (y[0], request.Weights[0]) = (4, 10);
        request.Evaluate(new Sample(7, 3));
        Assert.Equal((10 * 2 * (4 - 3)) - (2 * (5 - 3)), r[0]);
        Assert.Empty(new PreparedRequest<DenseVector<double>>(objective, [[x, y]], []).Values.ToArray());
    }

    [Fact]
    public void Samples()
    {
        Assert.True(Sample.All.IsAll);
        Assert.False(new Sample(0, 1).IsAll);
        Assert.Equal(new Sample(3, 4), new Sample(3, 4));
    }
}
