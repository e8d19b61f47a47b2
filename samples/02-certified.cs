#:project ../src/Bilevel/Bilevel.csproj
// The same problem with its constants declared: the answer comes certified.
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
var problem = new BilevelProblem<Vector>(upper, lower)
{
    Constants = new ProblemConstants
    {
        LowerStrongConvexity = 1,      // mu of g in y
        LowerSmoothness = 1,           // |g_yy|
        LowerCoupling = 1.5,           // |g_xy|
        LowerHessianLipschitz = 0,     // g is quadratic
        UpperSmoothness = 2,           // |f_yy|
        UpperCoupling = 0,             // |f_xy|
    },
};

var solution = BilevelSolver.Solve(problem, Vectors.Of(3), Vectors.Of(0), tolerance: 1e-6);
Console.WriteLine(solution.Certificate);
