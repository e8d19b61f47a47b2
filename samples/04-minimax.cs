#:project ../src/Bilevel/Bilevel.csproj
// Both levels are games. The leader picks x1 against an opponent x2; below, z1 and z2 play for the value
// z1^2/2 + z1 z2 - z2^2/2 + x1 z1, whose saddle is z1 = z2 = -x1/2. The optimum is x1 = -5/19 = -0.26316.
using Bilevel;
using Vector = Bilevel.DenseVector<double>;

var upper = new FunctionObjective<Vector>(                                   // f over (x1, x2, y1, y2)
    value: p => (Math.Pow(p[2][0] - 1, 2) / 2) + (Math.Pow(p[3][0] + 0.5, 2) / 2) + (p[1][0] * (p[2][0] + p[0][0])) - (p[1][0] * p[1][0] / 2) + (p[0][0] * p[0][0] / 10),
    (p, result) => result[0] = p[1][0] + (p[0][0] / 5),
    (p, result) => result[0] = p[2][0] + p[0][0] - p[1][0],
    (p, result) => result[0] = p[2][0] - 1 + p[1][0],
    (p, result) => result[0] = p[3][0] + 0.5);
var lower = new FunctionObjective<Vector>(                                   // g over (x1, z1, z2)
    value: p => (p[1][0] * p[1][0] / 2) + (p[1][0] * p[2][0]) - (p[2][0] * p[2][0] / 2) + (p[0][0] * p[1][0]),
    (p, result) => result[0] = p[1][0],
    (p, result) => result[0] = p[1][0] + p[2][0] + p[0][0],
    (p, result) => result[0] = p[1][0] - p[2][0]);

var problem = new BilevelMinimaxProblem<Vector>(upper, lower)
{
    // Bounds for every block: the certificate needs them for its bound on the gap of the lower level.
    X1 = new Box<double>(-3, 3, 1),
    X2 = new Box<double>(-2, 2, 1),
    Z1 = new Box<double>(-4, 4, 1),
    Z2 = new Box<double>(-4, 4, 1),
};
var start = BilevelMinimaxProblem.Start(x1: Vectors.Of(2), x2: Vectors.Of(0), y1: Vectors.Of(0), y2: Vectors.Of(0));

var solution = BilevelSolver.Solve(problem, start, tolerance: 1e-4);
Console.WriteLine(FormattableString.Invariant($"x1 = {solution["x1"][0]:F4}, x2 = {solution["x2"][0]:F4}, y1 = {solution["y1"][0]:F4}, y2 = {solution["y2"][0]:F4}"));
Console.WriteLine(solution.Certificate);
