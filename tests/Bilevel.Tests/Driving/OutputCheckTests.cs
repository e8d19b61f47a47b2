using Objective = Bilevel.FunctionObjective<Bilevel.DenseVector<double>>;

namespace Bilevel.Tests;

/// <summary>Gradients that are not overwritten, or not those of the values, are refused at the start; honest ones never.</summary>
public sealed class OutputCheckTests
{
    private readonly BilevelProblem<DenseVector<double>> problem = new TwoVariables().Problem;

    private IReadOnlyList<Finding> Check(IObjective<DenseVector<double>> upper, int n = 2, double at = 0.5)
    {
        DenseVector<double> x = new(n), y = new(1);
        x.Fill(i => at + (0.1 * i));
        y[0] = 0.3;
        return Validator.Check([], problem with { Upper = upper, Lower = new Objective((x, y) => y[0] * y[0] / 2, (x, y, r) => r.Fill(_ => 0), (x, y, r) => r[0] = y[0]) }, x, y);
    }

    private static double Sum(DenseVector<double> x)
    {
        double sum = 0;
        for (int i = 0; i < x.Length; i++) sum += Math.Sin(x[i]);
        return sum;
    }

    [Theory]
    [InlineData("unwritten x")]
    [InlineData("one component unwritten")]
    [InlineData("added to")]
    [InlineData("scaled in place")]
    public void A_result_that_is_not_overwritten(string fault)
    {
        void Gradient(DenseVector<double> x, DenseVector<double> y, DenseVector<double> r)
        {
            for (int i = 0; i < x.Length; i++)
            {
                double right = Math.Cos(x[i]);
                if (fault == "added to") r[i] += right;
                else if (fault == "scaled in place") r[i] = (0.9 * r[i]) + right;
                else if (fault == "one component unwritten" && i != 1) r[i] = right;
            }
        }

        var finding = Assert.Single(Check(new Objective((x, y) => Sum(x) + y[0], Gradient, (x, y, r) => r[0] = 1)));
        Assert.Equal(Severity.Error, finding.Severity);
        Assert.Equal("The gradient of the upper objective f in x is not overwritten: what its result held before shows in it.", finding.What);
    }

    [Theory]
    [InlineData("scaled by its own gradient", "x")]
    [InlineData("a step taken by the value", "y")]
    [InlineData("the other block changed", "y")]
    [InlineData("rounded, which leaves the start", "x")]
    public void An_objective_that_changes_its_input(string fault, string block)
    {
        var objective = new Objective(
            (x, y) =>
            {
                double value = Sum(x) + y[0];
                if (fault == "a step taken by the value") y[0] -= 0.1;
                return value;
            },
            (x, y, r) =>
            {
                for (int i = 0; i < x.Length; i++) r[i] = Math.Cos(x[i]);
                if (fault == "scaled by its own gradient") x.Scale(2);
                if (fault == "the other block changed") y[0] = 0;
                if (fault == "rounded, which leaves the start") x.Fill(i => Math.Round(x[i], 1));
            },
            (x, y, r) => r[0] = 1);
        var finding = Assert.Single(Check(objective));
        Assert.Equal(Severity.Error, finding.Severity);
        Assert.StartsWith($"The upper objective f changed its input block {block} (by ", finding.What, StringComparison.Ordinal);
        Assert.Contains("Leave the inputs as they are", finding.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_that_is_zero_and_left_unwritten_is_found() =>
        Assert.Contains("in y is not overwritten", Assert.Single(Check(new Objective((x, y) => Sum(x), (x, y, r) => r.Fill(i => Math.Cos(x[i])), (x, y, r) => { }))).What, StringComparison.Ordinal);

    [Theory]
    [InlineData("added", "in a combined answer over two points")]
    [InlineData("unweighted", "differs by")]
    [InlineData("first point only", "differs by")]
    [InlineData("value added", "The value of the upper objective f changes when it is asked twice.")]
    public void Combined_answers_and_values(string fault, string said)
    {
        var findings = Check(new Faulty(fault));
        Assert.NotEmpty(findings);
        Assert.Contains(said, findings[0].What, StringComparison.Ordinal);
    }

    [Fact]
    public void A_combined_answer_that_is_right_is_accepted() => Assert.Empty(Check(new Faulty("none")));

    [Theory]
    [InlineData(1.019)]
    [InlineData(0.981)]
    [InlineData(1.001)]
    public void A_factor_that_is_slightly_wrong(double factor)
    {
        foreach (int n in new[] { 1, 3, 100 })
            Assert.Contains("in x does not match its values at the start", Assert.Single(Check(new Objective((x, y) => Sum(x) + (y[0] * y[0]), (x, y, r) => r.Fill(i => factor * Math.Cos(x[i])), (x, y, r) => r[0] = 2 * y[0]), n)).What, StringComparison.Ordinal);
    }

    [Fact]
    public void One_coordinate_of_a_thousand()
    {
        foreach (int wrong in new[] { 0, 77, 500, 999 })
            Assert.Contains("in x does not match its values", Assert.Single(Check(new Objective((x, y) => Sum(x), (x, y, r) => r.Fill(i => (i == wrong ? -1 : 1) * Math.Cos(x[i])), (x, y, r) => r[0] = 0), 1000)).What, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_away_from_the_start_is_seen_nearby()
    {
        // The sign turns where the start is not.
        var findings = Check(new Objective((x, y) => Sum(x), (x, y, r) => r.Fill(i => (x[i] == 0.5 + (0.1 * i) ? 1 : 0.9) * Math.Cos(x[i])), (x, y, r) => r[0] = 0));
        Assert.Contains("does not match its values", Assert.Single(findings).What, StringComparison.Ordinal);
    }

    [Fact]
    public void Kinks_huge_values_and_float32_are_not_accused()
    {
        Objective Of(Func<double, double> value, Func<double, double> slope) => new(
            (x, y) => Enumerable.Range(0, x.Length).Sum(i => value(x[i])), (x, y, r) => r.Fill(i => slope(x[i])), (x, y, r) => r[0] = 0);
        foreach (int n in new[] { 1, 10, 400 })
        {
            foreach (double at in new[] { 0.0, 0.5, -30, 1e4 })
            {
                Assert.Empty(Check(Of(Math.Abs, u => u > 0 ? 1 : -1), n, at));
                Assert.Empty(Check(Of(u => Math.Max(0, u), u => u > 0 ? 1 : 0), n, at));
                Assert.Empty(Check(Of(u => Math.Max(0, 1 - u), u => u < 1 ? -1 : 0), n, at));
                Assert.Empty(Check(Of(u => 1e12 + (u * u), u => 2 * u), n, at));
                Assert.Empty(Check(Of(u => 1e30 * u * u, u => 2e30 * u), n, at));
                Assert.Empty(Check(Of(u => 1e-20 * u * u, u => 2e-20 * u), n, at));
                Assert.Empty(Check(Of(u => 1e9 + Math.Sqrt(1 + (u * u)), u => u / Math.Sqrt(1 + (u * u))), n, at));
                Assert.Empty(Check(Of(u => Math.Pow(u, 8), u => 8 * Math.Pow(u, 7)), n, at));
                Assert.Empty(Check(Of(u => Math.Sin(20 * u), u => 20 * Math.Cos(20 * u)), n, at));
            }
        }

        for (int length = 1; length <= 512; length *= 8) Assert.Empty(Validator.Check([], CurvedLevels.Problem<float>(), CurvedLevels.Vector<float>(length), CurvedLevels.Vector<float>(length + 1)));
    }

    // f = sum sin(x_i) + y, answered as a whole request, with one fault.
    private sealed class Faulty(string fault) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            foreach (ref readonly var output in request.Gradients)
            {
                bool combined = output.Point == Output.Combined;
                if (!(fault == "added" && combined)) output.Result.Scale(0);
                for (int p = 0; p < request.PointCount; p++)
                {
                    if (!combined && p != output.Point) continue;
                    if (fault == "first point only" && combined && p > 0) continue;
                    double weight = combined && fault != "unweighted" ? request.Weights[p] : 1;
                    var x = request.Point(p)[0];
                    for (int i = 0; i < output.Result.Length; i++) output.Result[i] += weight * (output.Block == 0 ? Math.Cos(x[i]) : 1);
                }
            }

            for (int p = 0; p < request.Values.Length; p++) request.Values[p] = (fault == "value added" ? request.Values[p] : 0) + Sum(request.Point(p)[0]) + request.Point(p)[1][0];
        }
    }
}
