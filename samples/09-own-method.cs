#:project ../src/Bilevel/Bilevel.csproj
// A method of one's own: a record of settings that implements IBilevelMethod, and its run. Recording, limits, validation, checkpoints and
// the certificate come from the driver. The problem is that of 01-first-solve.cs; quasi-newton is beside it.
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

var driver = new Driver { Stop = Stop.Residual(1e-4) | Stop.Iterations(1000), CertifyAt = 1e-2 };
foreach (IMethod method in new IMethod[] { new PenaltyDescent { Lambda = 1000 }, new QuasiNewton { Tolerance = 1e-4 } })
{
    var solution = driver.Run(method, problem, Vectors.Of(3), Vectors.Of(0));
    Console.WriteLine(FormattableString.Invariant($"{method.Name}: x = {solution.X[0]:F4} after {solution.Iterations} iterations and {solution.OracleCalls} gradients; {solution.Status}"));
}

/// <summary>Steps of x along h = f_x + lambda (g_x(x, y) - g_x(x, z)), where z minimises g and y minimises f/lambda + g, both nearly.</summary>
internal sealed record PenaltyDescent : IBilevelMethod
{
    public string Name => "penalty-descent";

    [Setting("The penalty parameter.", Min = 1e-300)]
    public double Lambda { get; init; } = 100;

    [Setting("Step of x.", Min = 1e-300)]
    public double StepX { get; init; } = 0.1;

    [Setting("Step of y and z.", Min = 1e-300)]
    public double StepY { get; init; } = 0.5;

    [Setting("Steps of y and z per step of x.", Min = 1)]
    public int InnerSteps { get; init; } = 20;

    public IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V>
    {
        if (StepY * problem.Constants.LowerSmoothness > 2)
            yield return new Finding(Severity.Error, "The steps of y and z are too long to converge.", FormattableString.Invariant($"Take a StepY of at most {1 / problem.Constants.LowerSmoothness}."));
    }

    public IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, x.Copy(), y.Copy());

    private sealed class Run<V> : MethodRun<V>
        where V : class, IVector<V>
    {
        private readonly PenaltyDescent settings;
        private readonly BilevelProblem<V> problem;
        private readonly V[] point;                                  // x and z
        private readonly V y, gy, gz, fy, h, before;
        private readonly PreparedRequest<V> followers, leader, upper, difference;

        public Run(PenaltyDescent settings, BilevelProblem<V> problem, V x, V z)
        {
            (this.settings, this.problem, point, y) = (settings, problem, [x, z], z.Copy());
            (gy, gz, fy, h, before) = (z.ZerosLike(), z.ZerosLike(), z.ZerosLike(), x.ZerosLike(), x.ZerosLike());
            V difference = x.ZerosLike();
            followers = new(problem.Lower, [[x, y], [x, z]], [new(BilevelProblem.Y, 0, gy), new(BilevelProblem.Y, 1, gz)]);
            leader = new(problem.Upper, [[x, y]], [new(BilevelProblem.Y, 0, fy)]);
            upper = new(problem.Upper, [[x, y]], [new(BilevelProblem.X, 0, h)]);
            this.difference = new(problem.Lower, [[x, y], [x, z]], [new(BilevelProblem.X, Output.Combined, before)], [1, -1]);
        }

        public override double Penalty => settings.Lambda;

        public override ReadOnlySpan<V> Point => point;

        public override void Step()
        {
            var (x, z) = (point[0], point[1]);
            for (int t = 0; t < settings.InnerSteps; t++)
            {
                followers.Evaluate();
                leader.Evaluate();
                z.AddScaled(-settings.StepY, gz);
                problem.LowerSet.Project(z);
                y.AddScaled(-settings.StepY, gy);
                y.AddScaled(-settings.StepY / settings.Lambda, fy);
                problem.LowerSet.Project(y);
            }

            upper.Evaluate();
            difference.Evaluate();
            h.AddScaled(settings.Lambda, before);
            before.CopyFrom(x);
            x.AddScaled(-settings.StepX, h);
            problem.UpperSet.Project(x);
            before.AddScaled(-1, x);
            Residual = before.Norm() / settings.StepX;
        }

        // Everything that the rest of the run depends on besides the residual, for saving and loading alike.
        protected override void TransferState(IArchive<V> archive)
        {
            archive.Transfer(point[0]);
            archive.Transfer(point[1]);
            archive.Transfer(y);
        }
    }
}
