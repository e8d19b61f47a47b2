namespace Bilevel.OwnClass;

// A problem class of a user's own, by the recipe of CONTRIBUTING.md. This file is compiled into two test projects, one of
// which sees only what the library makes public.

/// <summary>
/// Several followers: minimise over x the function f(x, y_1, ..., y_k), where each y_i minimises the sum
/// g(x, y_1, ..., y_k) of the followers' objectives, in which y_i stands in a term of its own, plus its own simple term.
/// </summary>
internal sealed record FollowersProblem<V>(IObjective<V> Upper, IObjective<V> Lower, IProximalTerm<V> X, params IReadOnlyList<IProximalTerm<V>> Y) : IProblem<V>
    where V : class, IVector<V>
{
    /// <summary>L_f, jointly in all blocks.</summary>
    public required double UpperSmoothness { get; init; }

    /// <summary>L_g, jointly in all blocks.</summary>
    public required double LowerSmoothness { get; init; }

    /// <summary>mu: every follower's objective is mu-strongly convex.</summary>
    public required double StrongConvexity { get; init; }

    public IReadOnlyList<Block<V>> Blocks => [new("x", X), .. Y.Select((term, i) => new Block<V>(FormattableString.Invariant($"y{i + 1}"), term))];

    public IReadOnlyList<int> UpperBlocks => [.. Enumerable.Range(0, Y.Count + 1)];

    public IReadOnlyList<int> LowerBlocks => UpperBlocks;

    public IReadOnlyList<string> LowerBlockNames => [.. Blocks.Select(b => b.Name)];

    public int FollowerBlock => 1;

    public IProblem<V> With(IObjective<V> upper, IObjective<V> lower) => this with { Upper = upper, Lower = lower };

    public (double Upper, double Lower) TermsAt(IReadOnlyList<V> point) => (X.Value(point[0]), Y.Select((term, i) => term.Value(point[i + 1])).Sum());

    public IEnumerable<Finding> Validate(IReadOnlyList<V> start)
    {
        if (!(StrongConvexity > 0 && StrongConvexity <= LowerSmoothness))
            yield return new Finding(Severity.Error, FormattableString.Invariant($"The followers' strong convexity {StrongConvexity} is not between 0 and their smoothness {LowerSmoothness}."), "Declare 0 < mu <= L_g.");
    }
}

/// <summary>A method for problems with several followers.</summary>
internal interface IFollowersMethod : IMethod
{
    IRun<V> Start<V>(FollowersProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V>;

    IEnumerable<Finding> Validate<V>(FollowersProblem<V> problem)
        where V : class, IVector<V>;

    IRun<V> IMethod.Start<V>(IProblem<V> problem, IReadOnlyList<V> start, ulong seed) =>
        problem is FollowersProblem<V> followers ? Start(followers, start, seed) : throw new InvalidProblemException([Wrong(Name)]);

    IEnumerable<Finding> IMethod.Validate<V>(IProblem<V> problem, IReadOnlyList<V> start) =>
        problem is FollowersProblem<V> followers ? Validate(followers) : [Wrong(Name)];

    private static Finding Wrong(string name) => new(Severity.Error, $"The method {name} is for problems with several followers.", "Take a method of the problem's class.");
}

/// <summary>Descent on the penalty function at a fixed lambda.</summary>
internal sealed record FollowersDescent : IFollowersMethod
{
    public string Name => "followers-descent";

    /// <summary>The penalty parameter.</summary>
    [Setting("The penalty parameter.", Min = 1e-300)]
    public double Lambda { get; init; } = 1000;

    /// <summary>Step of x.</summary>
    [Setting("Step of x.", Min = 1e-300)]
    public double StepX { get; init; } = 0.1;

    /// <summary>Steps of the followers' copies per step of x.</summary>
    [Setting("Steps of the followers' copies per step of x.", Min = 1)]
    public int InnerSteps { get; init; } = 60;

    public IRun<V> Start<V>(FollowersProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, start);

    public IEnumerable<Finding> Validate<V>(FollowersProblem<V> problem)
        where V : class, IVector<V>
    {
        if (Lambda * problem.StrongConvexity <= problem.UpperSmoothness)
            yield return new Finding(Severity.Error, FormattableString.Invariant($"At lambda = {Lambda} the penalty function need not be convex in y."), FormattableString.Invariant($"Take lambda above {problem.UpperSmoothness / problem.StrongConvexity}."));
    }

    private sealed class Run<V> : IRun<V>
        where V : class, IVector<V>
    {
        private readonly FollowersDescent settings;
        private readonly FollowersProblem<V> problem;
        private readonly V[] answer;                     // (x, z): z has seen the lower level alone
        private readonly V[] y;                          // (x, y): y has seen f too; the same x
        private readonly V[] gz, gy, fy;                 // grad_z g, grad_y g, grad_y f; entry 0 is x's
        private readonly V before;                       // x before its step
        private readonly PreparedRequest<V> follower, penalised, leader, upper, hypergradient;

        public Run(FollowersDescent settings, FollowersProblem<V> problem, IReadOnlyList<V> start)
        {
            (this.settings, this.problem) = (settings, problem);
            answer = [.. start.Select(b => b.Copy())];
            y = [answer[0], .. answer.Skip(1).Select(b => b.Copy())];
            (gz, gy, fy) = (Zeros(), Zeros(), Zeros());
            before = answer[0].ZerosLike();
            follower = new(problem.Lower, [answer], Outputs(gz));
            penalised = new(problem.Lower, [y], Outputs(gy));
            leader = new(problem.Upper, [y], Outputs(fy));
            upper = new(problem.Upper, [y], [new(0, 0, fy[0])]);
            hypergradient = new(problem.Lower, [y, answer], [new(0, Output.Combined, gy[0])], [1, -1]);    // g_x(x, y) - g_x(x, z)
        }

        public double Residual { get; private set; } = double.NaN;

        public double Penalty => settings.Lambda;

        public ReadOnlySpan<V> Point => answer;

        public void Step()
        {
            double lambda = settings.Lambda, stepZ = 1 / problem.LowerSmoothness, stepY = 1 / (problem.UpperSmoothness + (lambda * problem.LowerSmoothness));
            for (int t = 0; t < settings.InnerSteps; t++)
            {
                follower.Evaluate();
                penalised.Evaluate();
                leader.Evaluate();
                for (int i = 1; i < y.Length; i++)
                {
                    answer[i].AddScaled(-stepZ, gz[i]);                                  // z = prox(z - g_z / L_g)
                    problem.Y[i - 1].Prox(answer[i], stepZ);
                    y[i].AddScaled(-stepY, fy[i]);                                       // y = prox(y - s (f_y + lambda g_y))
                    y[i].AddScaled(-stepY * lambda, gy[i]);
                    problem.Y[i - 1].Prox(y[i], stepY * lambda);
                }
            }

            upper.Evaluate();
            hypergradient.Evaluate();
            before.CopyFrom(answer[0]);
            answer[0].AddScaled(-settings.StepX, fy[0]);                                 // x = prox(x - eta h)
            answer[0].AddScaled(-settings.StepX * lambda, gy[0]);
            problem.X.Prox(answer[0], settings.StepX);
            before.AddScaled(-1, answer[0]);
            Residual = before.Norm() / settings.StepX;
        }

        public void Transfer(IArchive<V> archive)
        {
            foreach (var block in answer) archive.Transfer(block);
            foreach (var block in y.AsSpan(1)) archive.Transfer(block);
            double residual = Residual;
            archive.Transfer(ref residual);
            Residual = residual;
        }

        private V[] Zeros() => [.. answer.Select(b => b.ZerosLike())];

        private static Output<V>[] Outputs(V[] results) => [.. Enumerable.Range(1, results.Length - 1).Select(b => new Output<V>(b, 0, results[b]))];
    }
}

/// <summary>
/// Certifies an epsilon-KKT point: the followers are solved anew, without and with lambda f; then the gradient mapping of the
/// penalty function in x, its subgradient in y, lambda times that of the lower level in z, and the followers' gap are all
/// at most epsilon.
/// </summary>
internal sealed record FollowersCertificate : ICertifier
{
    public int Steps { get; init; } = 5000;

    public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
        where V : class, IVector<V> =>
        problem is FollowersProblem<V> followers && double.IsFinite(penalty)
            ? Check(followers, point, tolerance, penalty)
            : new(new Certificate(Verdict.NotCheckable, tolerance, "Not checkable: this certificate needs several followers and a penalty parameter.", [], [], double.NaN, double.NaN, 0), point);

    private CertifiedPoint<V> Check<V>(FollowersProblem<V> problem, IReadOnlyList<V> point, double tolerance, double lambda)
        where V : class, IVector<V>
    {
        var calls = new OracleCounts(point.Count);
        var counted = (FollowersProblem<V>)problem.With(new CountingObjective<V>(problem.Upper, calls), new CountingObjective<V>(problem.Lower, calls));
        V[] z = [.. point.Select(b => b.Copy())], y = [z[0], .. z.Skip(1).Select(b => b.Copy())];
        var lower = Solve(counted, z, 0, 1, tolerance / (10 * lambda));
        var both = Solve(counted, y, 1, lambda, tolerance / 10);

        V h = z[0].ZerosLike(), gx = z[0].ZerosLike(), x = z[0].Copy();
        var upper = new PreparedRequest<V>(counted.Upper, [y, z], [new(0, 0, h)], values: true);
        var difference = new PreparedRequest<V>(counted.Lower, [y, z], [new(0, Output.Combined, gx)], [1, -1], values: true);
        upper.Evaluate();
        difference.Evaluate();
        h.AddScaled(lambda, gx);
        x.AddScaled(-1, h);
        problem.X.Prox(x, 1);
        x.AddScaled(-1, z[0]);
        double gap = difference.Values[0] + problem.TermsAt(y).Lower - difference.Values[1] - problem.TermsAt(z).Lower + (lower * lower / (2 * problem.StrongConvexity));
        NamedNumber[] numbers =
        [
            new("x_residual", x.Norm(), "gradient mapping of the penalty function in x"),
            new("y_residual", both, "subgradient of the penalty function in y"),
            new("z_residual", lambda * lower, "lambda times the subgradient of the lower level in z"),
            new("gap_bound", gap, "bound on the followers' gap"),
        ];
        var failed = numbers.FirstOrDefault(n => !(n.Value <= tolerance));
        string summary = failed is null ? "Certified: an epsilon-KKT point." : $"Not certified: {failed.Name} is above the tolerance.";
        return new(new Certificate(failed is null ? Verdict.Certified : Verdict.NotCertified, tolerance, summary, numbers, [], upper.Values[1] + problem.TermsAt(z).Upper, difference.Values[1] + problem.TermsAt(z).Lower, calls.Total), z);
    }

    // Minimises u f + w (g + terms) over y by proximal steps; returns the norm of a subgradient at the end.
    private double Solve<V>(FollowersProblem<V> problem, V[] point, double u, double w, double accuracy)
        where V : class, IVector<V>
    {
        int k = point.Length - 1;
        double step = 1 / ((u * problem.UpperSmoothness) + (w * problem.LowerSmoothness)), norm = double.NaN;
        V[] f = [.. point.Skip(1).Select(b => b.ZerosLike())], g = [.. f.Select(b => b.ZerosLike())], element = [.. f.Select(b => b.ZerosLike())];
        var upper = new PreparedRequest<V>(problem.Upper, [point], [.. f.Select((r, i) => new Output<V>(i + 1, 0, r))]);
        var lower = new PreparedRequest<V>(problem.Lower, [point], [.. g.Select((r, i) => new Output<V>(i + 1, 0, r))]);
        void Evaluate()
        {
            if (u > 0) upper.Evaluate();
            lower.Evaluate();
            for (int i = 0; i < k; i++)
            {
                g[i].Scale(w);
                g[i].AddScaled(u, f[i]);
            }
        }

        Evaluate();
        for (int t = 0; t < Steps && !(norm <= accuracy); t++)
        {
            for (int i = 0; i < k; i++)
            {
                element[i].CopyFrom(point[i + 1]);
                point[i + 1].AddScaled(-step, g[i]);
                problem.Y[i].Prox(point[i + 1], step * w);
                element[i].AddScaled(-1, point[i + 1]);                  // (y - y+)/s - G(y) + G(y+)
                element[i].Scale(1 / step);
                element[i].AddScaled(-1, g[i]);
            }

            Evaluate();
            norm = 0;
            for (int i = 0; i < k; i++)
            {
                element[i].AddScaled(1, g[i]);
                norm += element[i].Dot(element[i]);
            }

            norm = Math.Sqrt(norm);
        }

        return norm;
    }
}

/// <summary>The way up: the followers' answers laid end to end are y1 and z1 of a bilevel minimax problem without maximisers.</summary>
internal static class FollowersLift
{
    public static BilevelMinimaxProblem<DenseVector<double>> Lift(this FollowersProblem<DenseVector<double>> problem, IReadOnlyList<DenseVector<double>> start)
    {
        int offset = 0;
        BlockSlice[] slices = [0, .. start.Skip(1).Select(b => new BlockSlice(1, (offset += b.Length) - b.Length, b.Length))];
        return new BilevelMinimaxProblem<DenseVector<double>>(
            new SelectedBlocks<DenseVector<double>>(new ComposedObjective<double>(new ObjectiveTerm<double>(1, problem.Upper, slices)), BilevelMinimaxProblem.X1, BilevelMinimaxProblem.Y1),
            new SelectedBlocks<DenseVector<double>>(new ComposedObjective<double>(new ObjectiveTerm<double>(1, problem.Lower, slices)), BilevelMinimaxProblem.Lower.X1, BilevelMinimaxProblem.Lower.Z1))
        {
            X1 = problem.X,
            Z1 = new ProductTerm<double>([.. problem.Y.Select((term, i) => (start[i + 1].Length, (DenseTerm<double>)term))]),
            Constants = new MinimaxConstants { UpperSmoothness = problem.UpperSmoothness, LowerSmoothness = problem.LowerSmoothness, LowerStrongConvexity = problem.StrongConvexity },
        };
    }

    public static DenseVector<double>[] LiftedStart(IReadOnlyList<DenseVector<double>> start) =>
        BilevelMinimaxProblem.Start(start[0], new(0), Bilevel.Lift.Concatenate([.. start.Skip(1)]), new(0));

    /// <summary>The blocks (x, y_1, ..., y_k) of an answer of the lifted problem.</summary>
    public static DenseVector<double>[] Lowered(IReadOnlyList<DenseVector<double>> point, IReadOnlyList<DenseVector<double>> start)
    {
        int offset = 0;
        return [point[BilevelMinimaxProblem.X1], .. start.Skip(1).Select(b => new DenseVector<double>(point[BilevelMinimaxProblem.Z1].Span.Slice((offset += b.Length) - b.Length, b.Length).ToArray()))];
    }
}

/// <summary>
/// Two followers with a known answer: g = |y1 - (x, -2x)|^2 + (y2 - x)^2/2 with the term |y2|/2, so that y1 = (x, -2x) and
/// y2 = x - 1/2 for x >= 1/2, under f = |y1 - (2, -4)|^2/2 + (y2 - 2)^2/2 + x^2/20. There F' = 6.1 x - 12.5.
/// </summary>
internal static class TwoFollowers
{
    public const double Answer = 12.5 / 6.1;

    public static FollowersProblem<DenseVector<double>> Problem => new(
        new FunctionObjective<DenseVector<double>>(
            p => (Square(p[1][0] - 2) / 2) + (Square(p[1][1] + 4) / 2) + (Square(p[2][0] - 2) / 2) + (Square(p[0][0]) / 20),
            (p, result) => result[0] = p[0][0] / 10,
            (p, result) => (result[0], result[1]) = (p[1][0] - 2, p[1][1] + 4),
            (p, result) => result[0] = p[2][0] - 2),
        new FunctionObjective<DenseVector<double>>(
            p => Square(p[1][0] - p[0][0]) + Square(p[1][1] + (2 * p[0][0])) + (Square(p[2][0] - p[0][0]) / 2),
            (p, result) => result[0] = (-2 * (p[1][0] - p[0][0])) + (4 * (p[1][1] + (2 * p[0][0]))) - (p[2][0] - p[0][0]),
            (p, result) => (result[0], result[1]) = (2 * (p[1][0] - p[0][0]), 2 * (p[1][1] + (2 * p[0][0]))),
            (p, result) => result[0] = p[2][0] - p[0][0]),
        new Box<double>(-5, 5, 1),
        new DenseWholeSpace<double>(),
        new L1Term<double>(0.5))
    {
        UpperSmoothness = 1,
        LowerSmoothness = 14,
        StrongConvexity = 1,
    };

    public static DenseVector<double>[] Start => [Vectors.Of(4), Vectors.Of(0, 0), Vectors.Of(0)];

    private static double Square(double t) => t * t;
}
