#:project ../src/Bilevel/Bilevel.csproj
// A toll. Ten thousand cars an hour choose between a motorway with the toll x and two free roads; road i takes a[i] + b[i] y[i] minutes with
// y[i] thousand cars on it. Drivers spread until no road is quicker, toll counted in minutes: the minimum of Beckmann's function g over the
// flows y >= 0 that add up to 10. The leader wants the greatest revenue x y[0], so f is its negative.
//
// The two free roads together take A + B q minutes with q thousand cars, B = 1/(1/b[1] + 1/b[2]) = 1, A = B (a[1]/b[1] + a[2]/b[2]) = 22.
// So y[0] = (c - x)/(b[0] + B) with c = A + 10 B - a[0] = 22: the best toll is c/2 = 11 minutes, y = (5.5, 3.25, 1.25), revenue 60.5.
using Bilevel;
using Vector = Bilevel.DenseVector<double>;

double[] a = [10, 20, 24], b = [1, 2, 2];
var leader = new FunctionObjective<Vector>(
    value: (x, y) => -x[0] * y[0],
    gradientX: (x, y, result) => result[0] = -y[0],
    gradientY: (x, y, result) => (result[0], result[1], result[2]) = (-x[0], 0, 0));
var drivers = new FunctionObjective<Vector>(
    value: (x, y) => (x[0] * y[0]) + Enumerable.Range(0, 3).Sum(i => (a[i] * y[i]) + (b[i] * y[i] * y[i] / 2)),
    gradientX: (x, y, result) => result[0] = y[0],
    gradientY: (x, y, result) => (result[0], result[1], result[2]) = (x[0] + a[0] + (b[0] * y[0]), a[1] + (b[1] * y[1]), a[2] + (b[2] * y[2])));

var problem = new BilevelProblem<Vector>(leader, drivers)
{
    UpperSet = new Box<double>(0, 30, length: 1),
    LowerSet = new Simplex<double>(total: 10, length: 3),
    Constants = new ProblemConstants
    {
        LowerStrongConvexity = 1,      // the least b
        LowerSmoothness = 2,           // the largest b
        LowerCoupling = 1,             // |g_xy|
        LowerHessianLipschitz = 0,     // g is quadratic
        UpperSmoothness = 0,           // |f_yy|
        UpperCoupling = 1,             // |f_xy|
    },
};
var solution = BilevelSolver.Solve(problem, Vectors.Of(1), Vectors.Of(4, 3, 3), tolerance: 1e-4);
Console.WriteLine(FormattableString.Invariant($"toll = {solution.X[0]:F3}, flows = ({solution.Y[0]:F3}, {solution.Y[1]:F3}, {solution.Y[2]:F3}), revenue = {-solution.UpperValue:F3}"));
Console.WriteLine(solution.StatusMessage);
