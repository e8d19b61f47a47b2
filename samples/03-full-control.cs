#:project ../src/Bilevel/Bilevel.csproj
// One method, its settings, combined stopping rules, and the trace.
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
var problem = new BilevelProblem<Vector>(upper, lower);

var driver = new Driver
{
    Stop = Stop.Residual(1e-5) & Stop.Iterations(100) | Stop.OracleCalls(100_000),
    RecordEvery = 50,
};
var solution = driver.Run(new F2sa { LambdaLimit = 1e6 }, problem, Vectors.Of(3), Vectors.Of(0));
foreach (var row in solution.Trace)
    Console.WriteLine(FormattableString.Invariant($"{row.Iteration,5} {row.OracleCalls,6} f = {row.UpperValue:F6} lambda = {row.Penalty:G4}"));
Console.WriteLine(solution.StatusMessage);
