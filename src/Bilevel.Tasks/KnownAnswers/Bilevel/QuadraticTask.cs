namespace Bilevel.Tasks;

/// <summary>The two forms of the quadratic problem.</summary>
internal enum QuadraticForm
{
    /// <summary>x and y are numbers.</summary>
    Scalar,

    /// <summary>x and y are vectors; the matrices are random.</summary>
    Matrix,
}

/// <summary>Settings of <see cref="QuadraticTask"/>.</summary>
internal sealed record QuadraticSettings
{
    /// <summary>Scalar: x and y are numbers; matrix: vectors with random matrices.</summary>
    [Setting("Scalar: x and y are numbers; matrix: vectors with random matrices.")]
    public QuadraticForm Form { get; init; }

    /// <summary>Curvature a of f in y, scalar form.</summary>
    [Setting("Curvature a of f in y, scalar form.", Min = 0)]
    public double A { get; init; } = 2;

    /// <summary>Curvature b of f in x, scalar form.</summary>
    [Setting("Curvature b of f in x, scalar form.", Min = 1e-12)]
    public double B { get; init; } = 0.5;

    /// <summary>Curvature mu of g in y, scalar form.</summary>
    [Setting("Curvature mu of g in y, scalar form.", Min = 1e-12)]
    public double Mu { get; init; } = 1;

    /// <summary>Slope p of the lower solution y* = p x, scalar form.</summary>
    [Setting("Slope p of the lower solution y* = p x, scalar form.")]
    public double P { get; init; } = 1.5;

    /// <summary>The value c of y that f prefers, scalar form.</summary>
    [Setting("The value c of y that f prefers, scalar form.")]
    public double C { get; init; } = 1;

    /// <summary>Number of components of x, matrix form.</summary>
    [Setting("Number of components of x, matrix form.", Min = 1, Max = 1000)]
    public int UpperSize { get; init; } = 3;

    /// <summary>Number of components of y, matrix form.</summary>
    [Setting("Number of components of y, matrix form.", Min = 1, Max = 1000)]
    public int LowerSize { get; init; } = 4;

    /// <summary>Condition number of the lower level, matrix form.</summary>
    [Setting("Condition number of the lower level, matrix form.", Min = 1, Max = 1e9)]
    public double Condition { get; init; } = 10;

    /// <summary>Seed of the random matrices, matrix form.</summary>
    [Setting("Seed of the random matrices, matrix form.", Min = 0)]
    public long DataSeed { get; init; } = 1;
}

/// <summary>Two quadratics, with every quantity in closed form: the first check of any method.</summary>
internal sealed class QuadraticTask : TaskOf<QuadraticSettings>
{
    /// <inheritdoc/>
    public override string Name => "quadratic";

    /// <inheritdoc/>
    public override string Summary => "Two quadratics, scalar or matrix, with every quantity in closed form.";

    /// <inheritdoc/>
    public override TaskInstance Create(QuadraticSettings settings, TaskContext context) =>
        settings.Form == QuadraticForm.Scalar
            ? Instance(new ScalarQuadratic(settings.A, settings.B, settings.Mu, settings.P, settings.C))
            : Instance(MatrixQuadratic.Random(settings.UpperSize, settings.LowerSize, settings.Condition, (ulong)settings.DataSeed), settings.LowerSize);

    /// <summary>The scalar form, started at x = 3, y = 0.</summary>
    public static BilevelInstance<DenseVector<double>> Instance(ScalarQuadratic quadratic)
    {
        ArgumentNullException.ThrowIfNull(quadratic);
        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = Vectors.Of(quadratic.X),
            UpperValue = quadratic.UpperValue,
            Accuracy = 1e-12,
            LowerSolution = x => Vectors.Of(quadratic.LowerSolution(x[0])),
            Hyperobjective = x => quadratic.Hyperobjective(x[0]),
            Hypergradient = x => Vectors.Of(quadratic.Hypergradient(x[0])),
            PenaltyHypergradient = (x, lambda) => Vectors.Of(quadratic.PenaltyHypergradient(x[0], lambda)),
        };
        return Instance(quadratic.Problem(), Vectors.Of(3), Vectors.Of(0), answer);
    }

    /// <summary>The matrix form, started at x = 1, y = 0.</summary>
    /// <param name="quadratic">The problem.</param>
    /// <param name="lowerSize">Number of components of y.</param>
    public static BilevelInstance<DenseVector<double>> Instance(MatrixQuadratic quadratic, int lowerSize)
    {
        ArgumentNullException.ThrowIfNull(quadratic);
        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = quadratic.X,
            UpperValue = quadratic.UpperValue,
            Accuracy = 1e-10,
            LowerSolution = quadratic.LowerSolution,
            Hyperobjective = quadratic.Hyperobjective,
            Hypergradient = quadratic.Hypergradient,
            PenaltyHypergradient = quadratic.PenaltyHypergradient,
        };
        var x = quadratic.X.ZerosLike();
        x.Fill(_ => 1);
        return Instance(quadratic.Problem(), x, Vectors.Zeros(lowerSize), answer);
    }

    private static BilevelInstance<DenseVector<double>> Instance(BilevelProblem<DenseVector<double>> problem, DenseVector<double> x, DenseVector<double> y, KnownAnswer<DenseVector<double>> answer) => new(problem, x, y)
    {
        Components = v => v.ToDoubles(),
        Answer = answer,
        Evaluate = KnownOutcome.Of(answer),
        Tolerance = 1e-6,
        Iterations = 10_000,
        Presets = [new F2ba { Accelerated = true, Tolerance = 5e-7 }, new F2ba { Tolerance = 5e-7 }, new F2sa { Lambda = 1e4, InnerSteps = 20, StepX = 0.1 }],
        Notes = ["The answer is known in closed form."],
    };
}
