#:project ../src/Bilevel/Bilevel.csproj
// A leader picks x, a follower answers with y = 1.5 x; the leader wants y near 1 and x small. The optimum is x = 0.6.
using Bilevel;
using Vector = Bilevel.DenseVector<double>;

var upper = new FunctionObjective<Vector>(
    value: (x, y) => Math.Pow(y[0] - 1, 2) + (0.25 * x[0] * x[0]),
    gradientX: (x, y, result) => result[0] = 0.5 * x[0],
    gradientY: (x, y, result) => result[0] = 2 * (y[0] - 1));
var lower = new FunctionObjective<Vector>(
    value: (x, y) => 0.5 * Math.Pow(y[0] - (1.5 * x[0]), 2),
    gradientX: (x, y, result) => result[0] = -1.5 * (y[0] - (1.5 * x[0])),
    gradientY: (x, y, result) => result[0] = y[0] - (1.5 * x[0]));

var solution = BilevelSolver.Solve(new BilevelProblem<Vector>(upper, lower), Vectors.Of(3), Vectors.Of(0), tolerance: 1e-6);
Console.WriteLine(FormattableString.Invariant($"x = {solution.X[0]:F5}, y = {solution.Y[0]:F5}: {solution.StatusMessage}"));
