using System.Globalization;

namespace Bilevel.Tests;

public sealed class ValidatorTests
{
    private readonly BilevelProblem<DenseVector<double>> problem = new TwoVariables().Problem;
    private readonly DenseVector<double> x = Vectors.Of(0.5), y = Vectors.Of(0);

    private IReadOnlyList<Finding> Check(BilevelProblem<DenseVector<double>>? problem = null, DenseVector<double>? x = null, DenseVector<double>? y = null, IMethod? method = null) =>
        Validator.Check([method ?? new F2sa()], problem ?? this.problem, x ?? this.x, y ?? this.y);

    private static void AssertOnly(IReadOnlyList<Finding> findings, Severity severity, string what, string remedy)
    {
        var finding = Assert.Single(findings);
        Assert.Equal((severity, what, remedy), (finding.Severity, finding.What, finding.Remedy));
        Assert.Equal($"{what} {remedy}", finding.ToString());
    }

    [Fact]
    public void Nothing_is_found_where_all_is_well()
    {
        foreach (var method in MethodCatalog.All.Select(m => m.Defaults).Where(m => m is not GradientDescentAscent and not FirstOrderPenalty and not ProximalPoint)) Assert.Empty(Check(method: method));
        Assert.Empty(Validator.Check([new F2sa()], CurvedLevels.Problem<double>(), CurvedLevels.Vector<double>(3), CurvedLevels.Vector<double>(4)));
        Assert.Empty(Validator.Check([new F2sa()], CurvedLevels.Problem<float>(), CurvedLevels.Vector<float>(3), CurvedLevels.Vector<float>(4)));
    }

    [Fact]
    public void A_start_that_is_not_finite()
    {
        AssertOnly(Check(x: Vectors.Of(double.NaN)), Severity.Error, "The start of x is not finite.", "Start from finite numbers.");
        AssertOnly(Check(y: Vectors.Of(double.NegativeInfinity)), Severity.Error, "The start of y is not finite.", "Start from finite numbers.");
    }

    [Fact]
    public void A_start_outside_its_set()
    {
        AssertOnly(Check(problem with { UpperSet = new Box<double>(2, 3) }), Severity.Warning, $"The start of x lies outside {new Box<double>(2, 3)}, by 1.5.", "The run starts from its projection.");
        Assert.Empty(Check(problem with { UpperSet = new Box<double>(0, 3) }));
    }

    [Fact]
    public void A_start_outside_is_judged_at_its_projection()
    {
        // f is finite in the set alone.
        var upper = new FunctionObjective<DenseVector<double>>((x, y) => -Math.Log(x[0] - 1) + (y[0] * y[0]), (x, y, r) => r[0] = -1 / (x[0] - 1), (x, y, r) => r[0] = 2 * y[0]);
        Assert.Equal(Severity.Warning, Assert.Single(Check(problem with { Upper = upper, UpperSet = new Box<double>(2, 3) })).Severity);
    }

    [Fact]
    public void A_set_of_another_length()
    {
        var finding = Assert.Single(Check(problem with { UpperSet = new Box<double>([0.0, 0], [1.0, 1]) }));
        Assert.StartsWith("The feasible set of x does not fit its start: ", finding.What, StringComparison.Ordinal);
        Assert.Equal((Severity.Error, "Give x and its set the same length."), (finding.Severity, finding.Remedy));
    }

    [Fact]
    public void A_wrong_gradient()
    {
        var wrong = new FunctionObjective<DenseVector<double>>((x, y) => (x[0] * x[0]) + y[0], (x, y, r) => r[0] = -2 * x[0], (x, y, r) => r[0] = 1);
        var finding = Assert.Single(Check(problem with { Upper = wrong }));
        Assert.Equal(Severity.Error, finding.Severity);
        Assert.Matches(@"^The gradient of the upper objective f in x does not match its values at the start: along a random direction it gives -?1, differences give -?1\.$", finding.What);
        Assert.Equal("Check the gradient's formula and sign: 'bilevel check' and CheckedObjective show where it goes wrong.", finding.Remedy);
        Assert.StartsWith("The gradient of the lower objective g in x does not match", Assert.Single(Check(problem with { Lower = wrong })).What, StringComparison.Ordinal);
    }

    [Fact]
    public void Sizes_that_an_objective_refuses()
    {
        var wants2 = new FunctionObjective<DenseVector<double>>((x, y) => y[1], (x, y, r) => r[0] = 0, (x, y, r) => r.CopyFrom(Vectors.Of(0, 1)));
        AssertOnly(
            Check(problem with { Lower = wants2 }), Severity.Error,
            "The lower objective g fails at the start: A vector of 1 components met one of 2.", "It was given x of length 1 and y of length 1; check the sizes.");
        var indexes = new FunctionObjective<DenseVector<double>>((x, y) => y[1], (x, y, r) => r[0] = 0, (x, y, r) => r[0] = 0);
        Assert.StartsWith("The upper objective f fails at the start: Index was outside", Assert.Single(Check(problem with { Upper = indexes })).What, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_or_gradient_that_is_not_finite()
    {
        const string Remedy = "Start where it and its gradients are finite.";
        var value = new FunctionObjective<DenseVector<double>>((x, y) => Math.Log(-1), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = 0);
        var gradient = new FunctionObjective<DenseVector<double>>((x, y) => 0, (x, y, r) => r[0] = 0, (x, y, r) => r[0] = double.NaN);
        AssertOnly(Check(problem with { Upper = value }), Severity.Error, "The upper objective f is not finite at the start.", Remedy);
        AssertOnly(Check(problem with { Lower = gradient }), Severity.Error, "The lower objective g is not finite at the start.", Remedy);
    }

    [Fact]
    public void Values_that_end_next_to_the_start()
    {
        // sqrt(x^2 - x^2 ...) aside: f is finite at the start and nowhere around it.
        var upper = new FunctionObjective<DenseVector<double>>((x, y) => x[0] == 0.5 ? 1 : double.NaN, (x, y, r) => r[0] = 1, (x, y, r) => r[0] = 0);
        AssertOnly(
            Check(problem with { Upper = upper }), Severity.Warning,
            "The upper objective f is not finite near the start, so its gradient could not be checked.", "Start further inside the region where it is finite.");
    }

    [Fact]
    public void Constants_that_cannot_be()
    {
        AssertOnly(
            Check(problem with { Constants = new() { LowerStrongConvexity = 3, LowerSmoothness = 2 } }), Severity.Error,
            "The declared strong convexity of the lower level exceeds its smoothness.", "One of the two constants is wrong: mu <= Lg1 always.");
        foreach (var (number, text) in new[] { (-1.5, "-1.5"), (double.NaN, "NaN"), (double.PositiveInfinity, "Infinity") })
        {
            AssertOnly(
                Check(problem with { Constants = new() { UpperCoupling = number } }), Severity.Error,
                $"The constant UpperCoupling is {text}.", "Constants are finite and not negative; leave it null when it is unknown.");
        }

        AssertOnly(
            Check(problem with { Constants = new() { LowerStrongConvexity = 0 } }, method: new F2ba()), Severity.Error,
            "The lower level is declared with a strong convexity of zero; the method needs it positive.", "Add a small multiple of |y|^2 to g.");
    }

    [Fact]
    public void Steps_beyond_the_stable_range()
    {
        // Lg1 = 2, Lf1 = 2.
        AssertOnly(
            Check(method: new F2sa { StepZ = 1.5 }), Severity.Warning,
            "step-z = 1.5 is beyond 2/Lg1 = 1, the stable range if Lg1 = 2 is attained.", "Take at most 1/Lg1 = 0.5 if the run breaks down.");
        AssertOnly(
            Check(method: new F2sa { StepY = 0.25, LambdaLimit = 100 }), Severity.Warning,
            "step-y = 0.25 is beyond 2/(Lf1 + lambda Lg1) = 0.009901 at lambda = 100.", "Leave step-y at auto, which follows lambda.");
        AssertOnly(
            Check(method: new F2ba { StepY = 0.01 }), Severity.Error,
            "step-y is fixed while lambda is chosen by the method, so y would become unstable as lambda grows.", "Leave step-y at auto, or fix lambda.");
    }

    [Fact]
    public void Lambdas_that_do_not_fit()
    {
        AssertOnly(
            Check(method: new F2sa { Lambda = 1 }), Severity.Warning,
            "lambda = 1 is below 2 Lf1/mu = 2, where the penalty function may fail to be convex in y.",
            "The theory does not cover such a lambda; the method may still work, since the constants are worst cases.");
        AssertOnly(Check(method: new F2sa { Lambda = 5, LambdaLimit = 4 }), Severity.Error, "The limit of lambda is below its first value.", "Raise lambda-limit or lower lambda.");
        AssertOnly(Check(method: new F2ba { Lambda = 5, LambdaStart = 6 }), Severity.Error, "lambda-start is above lambda.", "Lower lambda-start or leave it at auto.");
    }

    [Fact]
    public void Adam_needs_coordinates()
    {
        var bare = new BilevelProblem<Bare>(new BareObjective(), new BareObjective()) { Constants = problem.Constants };
        var findings = Validator.Check([new F2sa { Upper = new UpperStep { StepRule = StepRule.Adam } }], bare, new Bare(), new Bare());
        AssertOnly(findings, Severity.Error, "The step rule adam scales every coordinate, which vectors of type Bare cannot do.", "Implement ICoordinatewise, or choose another step rule.");
        Assert.Empty(Validator.Check([new F2sa { Upper = new UpperStep { StepRule = StepRule.Momentum } }], bare, new Bare(), new Bare()));
    }

    [Fact]
    public void The_driver_refuses_errors_and_passes_warnings_on()
    {
        var e = Assert.Throws<InvalidProblemException>(() => new Driver().Run(new F2sa { Lambda = 1, LambdaLimit = 0.5 }, problem, x, y));
        Assert.Equal("The limit of lambda is below its first value. Raise lambda-limit or lower lambda.", e.Message);
        Assert.Equal(2, e.Findings.Count);
        var solution = new Driver { Stop = Stop.Iterations(1) }.Run(new F2sa { Lambda = 1 }, problem, x, y);
        Assert.Single(solution.Findings);
        Assert.Empty(new Driver { Stop = Stop.Iterations(1), Validate = false }.Run(new F2sa { Lambda = 1 }, problem, x, y).Findings);
    }

    [Fact]
    public void Messages_do_not_follow_the_culture()
    {
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
        try
        {
            A_start_outside_its_set();
            Steps_beyond_the_stable_range();
            Constants_that_cannot_be();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
