#:project ../src/Bilevel/Bilevel.csproj
// Sets on both levels: x lies in the probability simplex, y in a box. The follower wants y = 2 x; where that is above 1 it stops at 1.
// The leader minimises |x - (0.8, 0.4, -0.5)|^2/2 + |y - (1.5, 0.2, 0)|^2/2. At the optimum the box holds y[0] and the simplex holds x[2]:
// F' = (x[0] - 0.8, 5 x[1] - 0.8, 5 x[2] + 0.5) there, so x[0] = 5 x[1], and x = (5/6, 1/6, 0), y = (1, 1/3, 0).
using Bilevel;
using Vector = Bilevel.DenseVector<double>;

double[] share = [0.8, 0.4, -0.5], wish = [1.5, 0.2, 0];
var upper = new FunctionObjective<Vector>(
    value: (x, y) => Enumerable.Range(0, 3).Sum(i => (Math.Pow(x[i] - share[i], 2) / 2) + (Math.Pow(y[i] - wish[i], 2) / 2)),
    gradientX: (x, y, result) => Each(i => result[i] = x[i] - share[i]),
    gradientY: (x, y, result) => Each(i => result[i] = y[i] - wish[i]));
var lower = new FunctionObjective<Vector>(
    value: (x, y) => Enumerable.Range(0, 3).Sum(i => Math.Pow(y[i] - (2 * x[i]), 2) / 2),
    gradientX: (x, y, result) => Each(i => result[i] = -2 * (y[i] - (2 * x[i]))),
    gradientY: (x, y, result) => Each(i => result[i] = y[i] - (2 * x[i])));

var problem = new BilevelProblem<Vector>(upper, lower)
{
    UpperSet = new Simplex<double>(total: 1, length: 3),
    LowerSet = new Box<double>(-1, 1, length: 3),
};
var solution = BilevelSolver.Solve(problem, Vectors.Of(0.4, 0.3, 0.3), Vectors.Zeros(3), tolerance: 1e-6);
Console.WriteLine(FormattableString.Invariant($"x = ({solution.X[0]:F4}, {solution.X[1]:F4}, {solution.X[2]:F4}), y = ({solution.Y[0]:F4}, {solution.Y[1]:F4}, {solution.Y[2]:F4})"));
Console.WriteLine(solution.StatusMessage);

static void Each(Action<int> work)
{
    for (int i = 0; i < 3; i++) work(i);
}
