using System.Text.RegularExpressions;
using Objective = Bilevel.FunctionObjective<Bilevel.DenseVector<double>>;

namespace Bilevel.Tests;

/// <summary>A run that ends where f or g ceases to be finite says where, what can be done, and names no setting that nobody chose.</summary>
public sealed partial class DomainTests
{
    // f = -x + y^2/20 up to a border, g = (y - x)^2/2: F falls up to the border.
    private static BilevelProblem<DenseVector<double>> Bordered(double border, bool ofLower)
    {
        double At(DenseVector<double> x, double value) => Math.Abs(x[0]) > border ? double.NaN : value;
        double F(DenseVector<double> x, double value) => ofLower ? value : At(x, value);
        double G(DenseVector<double> x, double value) => ofLower ? At(x, value) : value;
        return new(
            new Objective((x, y) => F(x, -x[0] + (y[0] * y[0] / 20 / border)), (x, _, r) => r[0] = F(x, -1), (x, y, r) => r[0] = F(x, y[0] / 10 / border)),
            new Objective((x, y) => G(x, Math.Pow(y[0] - x[0], 2) / 2), (x, y, r) => r[0] = G(x, x[0] - y[0]), (x, y, r) => r[0] = G(x, y[0] - x[0])));
    }

    [Theory]
    [InlineData(2.0, false)]
    [InlineData(2.0, true)]
    [InlineData(1e-3, false)]
    [InlineData(4e4, true)]
    public void Where_something_is_not_finite_is_said(double border, bool ofLower)
    {
        var problem = Bordered(border, ofLower);
        foreach (var (name, solution) in new[]
        {
            ("solve", BilevelSolver.Solve(problem, Vectors.Of(0), Vectors.Of(0), 1e-5)),
            ("f2ba-plus", new Driver { Stop = Stop.Residual(1e-5) | Stop.Iterations(5_000) }.Run(new F2ba { Accelerated = true }, problem, Vectors.Of(0), Vectors.Of(0))),
            ("f2sa", new Driver { Stop = Stop.Residual(1e-5) | Stop.Iterations(50_000) }.Run(new F2sa { StepX = 0.1 * border }, problem, Vectors.Of(0), Vectors.Of(0))),
        })
        {
            Assert.False(solution.Converged);
            var said = Said().Match(solution.StatusMessage);
            Assert.True(said.Success && said.Groups["what"].Value == (ofLower ? "g" : "f"), $"{name}: {solution.Status}: {solution.StatusMessage}");
            double norm = double.Parse(said.Groups["norm"].Value, System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(norm > border, $"{name}: {solution.StatusMessage}");
            Assert.InRange(Math.Abs(solution.X[0]), 0, border);
            if (name == "f2sa") continue;

            // Steps that were taken back lead to the border, to six digits.
            Assert.Equal(border, solution.X[0], 1e-6 * border);
        }
    }

    [Fact]
    public void The_advice_to_give_a_set_works()
    {
        foreach (bool ofLower in new[] { false, true })
        {
            var solution = BilevelSolver.Solve(Bordered(2, ofLower) with { UpperSet = new Box<double>(-2, 2) }, Vectors.Of(0), Vectors.Of(0), 1e-4);
            Assert.True(solution.Converged, solution.StatusMessage);
            Assert.Equal(2, solution.X[0], 1e-6);
        }
    }

    [GeneratedRegex(@"(?<what>f|g) or a gradient of it is not finite at x = -?(?<norm>[\d.E+-]+)(, while the run stood at x = [\d.E+-]+)?: give x a set on which it is finite", RegexOptions.ExplicitCapture)]
    private static partial Regex Said();
}
