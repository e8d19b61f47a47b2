#:project ../src/Bilevel/Bilevel.csproj
// The follower has a constraint that the leader moves: y minimises |y - (2, 1)|^2/2 subject to y[0] + y[1] <= x.
// The leader minimises |y - (1, 1)|^2/2 + (x - 1)^2/4. The optimum is x = 1.5, y = (1.25, 0.25), multiplier 0.75.
using Bilevel;
using Vector = Bilevel.DenseVector<double>;

var upper = new FunctionObjective<Vector>(
    value: (x, y) => (Math.Pow(y[0] - 1, 2) / 2) + (Math.Pow(y[1] - 1, 2) / 2) + (Math.Pow(x[0] - 1, 2) / 4),
    gradientX: (x, y, result) => result[0] = (x[0] - 1) / 2,
    gradientY: (x, y, result) => (result[0], result[1]) = (y[0] - 1, y[1] - 1));
var follower = new FunctionObjective<Vector>(
    value: (x, z) => (Math.Pow(z[0] - 2, 2) / 2) + (Math.Pow(z[1] - 1, 2) / 2),
    gradientX: (x, z, result) => result[0] = 0,
    gradientY: (x, z, result) => (result[0], result[1]) = (z[0] - 2, z[1] - 1));

var constrained = new ConstrainedLowerLevel<double>(follower, new LinearConstraints<double>([-1], [1, 1], [0]))
{
    Set = new Box<double>(-5, 5, 2),

    // At z = (-5, -5) the constraint holds by 10 for every x; from there to the best value it is 42.5. So no multiplier
    // exceeds 42.5 / 10. Where such a point is not known, leave these out: the bound on the multipliers is then found.
    SlaterMargin = 10,
    ObjectiveRange = 42.5,
};
var problem = Lift.ConstrainedLowerLevel(upper, constrained) with { X1 = new Box<double>(0, 4, 1) };

var solution = BilevelSolver.Solve(problem, BilevelMinimaxProblem.Start(x1: Vectors.Of(0), y1: Vectors.Of(0, 0), y2: Vectors.Of(0)), tolerance: 1e-3);
Console.WriteLine(FormattableString.Invariant($"x = {solution.X[0]:F3}, y = ({solution.Y[0]:F3}, {solution.Y[1]:F3}), multiplier = {solution["y2"][0]:F3}"));
Console.WriteLine(solution.Certificate);
