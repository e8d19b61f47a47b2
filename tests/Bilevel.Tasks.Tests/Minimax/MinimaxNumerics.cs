namespace Bilevel.Tasks.Tests;

/// <summary>Numerical answers about a bilevel minimax problem from its objectives alone, to hold the closed forms against.</summary>
internal sealed class MinimaxNumerics(MinimaxInstance<DenseVector<double>> instance)
{
    private const int SaddleSteps = 4000, OneSidedSteps = 1500;

    public BilevelMinimaxProblem<DenseVector<double>> Problem => instance.Problem;

    public double F(DenseVector<double> x1, DenseVector<double> x2, DenseVector<double> y1, DenseVector<double> y2) => Value(Problem.Upper, [x1, x2, y1, y2]);

    public double G(DenseVector<double> x1, DenseVector<double> z1, DenseVector<double> z2) => Value(Problem.Lower, [x1, z1, z2]);

    public static double Value(IObjective<DenseVector<double>> objective, DenseVector<double>[] point)
    {
        var request = new PreparedRequest<DenseVector<double>>(objective, [point], [], values: true);
        request.Evaluate();
        return request.Values[0];
    }

    public static DenseVector<double> Gradient(IObjective<DenseVector<double>> objective, DenseVector<double>[] point, int block)
    {
        var gradient = point[block].ZerosLike();
        new PreparedRequest<DenseVector<double>>(objective, [point], [new(block, 0, gradient)]).Evaluate();
        return gradient;
    }

    /// <summary>A point of each block's set, some inside, some on its boundary.</summary>
    public DenseVector<double>[] Feasible(SplitMix64 random)
    {
        var point = new DenseVector<double>[BilevelMinimaxProblem.BlockCount];
        for (int b = 0; b < point.Length; b++)
        {
            point[b] = new DenseVector<double>(random.NextNormals(instance.Start[b].Length));
            point[b].Scale(Math.Pow(10, (3 * random.NextUniform()) - 1.5));
            if (point[b].Length > 0) Problem.Blocks[b].Term.Project(point[b]);
        }

        return point;
    }

    /// <summary>A uniform point of X1, which is a box.</summary>
    public DenseVector<double> UniformX1(SplitMix64 random)
    {
        var (low, high) = EndsOfX1();
        var x = low.ZerosLike();
        x.Fill(i => low[i] + (random.NextUniform() * (high[i] - low[i])));
        return x;
    }

    public (DenseVector<double> Low, DenseVector<double> High) EndsOfX1()
    {
        var (low, high) = (instance.Start[0].ZerosLike(), instance.Start[0].ZerosLike());
        low.Fill(_ => -1e9);
        high.Fill(_ => 1e9);
        Problem.X1.Project(low);
        Problem.X1.Project(high);
        return (low, high);
    }

    /// <summary>The gap by two projected gradient methods.</summary>
    public double Gap(DenseVector<double> x1, DenseVector<double> y1, DenseVector<double> y2) =>
        BestValue(Problem.Lower, [x1, y1, y2], BilevelMinimaxProblem.Lower.Z2, Problem.Z2, 1, Problem.Constants.LowerSmoothness!.Value)
        - BestValue(Problem.Lower, [x1, y1, y2], BilevelMinimaxProblem.Lower.Z1, Problem.Z1, -1, Problem.Constants.LowerSmoothness!.Value);

    /// <summary>max over x2 of f, by the projected gradient method.</summary>
    public double WorstUpper(DenseVector<double> x1, DenseVector<double> y1, DenseVector<double> y2) =>
        BestValue(Problem.Upper, [x1, instance.Start[BilevelMinimaxProblem.X2].Copy(), y1, y2], BilevelMinimaxProblem.X2, Problem.X2, 1, Problem.Constants.UpperSmoothness!.Value);

    /// <summary>A saddle of the lower level, by the extragradient method from a point that is not one.</summary>
    public (DenseVector<double> Z1, DenseVector<double> Z2) Saddle(DenseVector<double> x1)
    {
        double step = 0.5 / Problem.Constants.LowerSmoothness!.Value;
        DenseVector<double> z1 = instance.Start[4].ZerosLike(), z2 = instance.Start[5].ZerosLike();
        z1[0] = z2[0] = 1;
        DenseVector<double> half1 = z1.Copy(), half2 = z2.Copy(), g1 = z1.ZerosLike(), g2 = z2.ZerosLike(), h1 = z1.ZerosLike(), h2 = z2.ZerosLike();
        var here = new PreparedRequest<DenseVector<double>>(Problem.Lower, [[x1, z1, z2]], [new(1, 0, g1), new(2, 0, g2)]);
        var there = new PreparedRequest<DenseVector<double>>(Problem.Lower, [[x1, half1, half2]], [new(1, 0, h1), new(2, 0, h2)]);
        for (int i = 0; i < SaddleSteps; i++)
        {
            here.Evaluate();
            half1.CopyFrom(z1);
            half1.AddScaled(-step, g1);
            Problem.Z1.Project(half1);
            half2.CopyFrom(z2);
            half2.AddScaled(step, g2);
            Problem.Z2.Project(half2);
            there.Evaluate();
            z1.AddScaled(-step, h1);
            Problem.Z1.Project(z1);
            z2.AddScaled(step, h2);
            Problem.Z2.Project(z2);
        }

        return (z1, z2);
    }

    /// <summary>The norm of the Hessian, by central differences of gradients, which are exact for gradients of degree two.</summary>
    public static double HessianNorm(IObjective<DenseVector<double>> objective, DenseVector<double>[] point)
    {
        const double Step = 0.01;
        int size = point.Sum(b => b.Length), column = 0;
        var hessian = new Matrix(size, size);
        for (int b = 0; b < point.Length; b++)
        {
            for (int i = 0; i < point[b].Length; i++, column++)
            {
                DenseVector<double>[] ahead = [.. point.Select(v => v.Copy())], behind = [.. point.Select(v => v.Copy())];
                ahead[b][i] += Step;
                behind[b][i] -= Step;
                int row = 0;
                for (int block = 0; block < point.Length; block++)
                {
                    DenseVector<double> high = Gradient(objective, ahead, block), low = Gradient(objective, behind, block);
                    for (int j = 0; j < high.Length; j++, row++) hessian[row, column] = (high[j] - low[j]) / (2 * Step);
                }
            }
        }

        var symmetric = (hessian + hessian.Transpose()).Times(0.5);
        Assert.True((hessian - symmetric).SpectralNorm() < 1e-9, "The gradient is not that of a function.");
        double[] spectrum = SymmetricEigenvalues.Of(symmetric);
        return Math.Max(-spectrum[0], spectrum[^1]);
    }

    // The largest of sign * value over one block. After steps of length 1/L a very long one, which ends at the exact
    // corner where the objective is linear.
    private static double BestValue(IObjective<DenseVector<double>> objective, DenseVector<double>[] point, int block, IProximalTerm<DenseVector<double>> set, double sign, double smoothness)
    {
        DenseVector<double>[] moving = [.. point];
        var at = moving[block] = point[block].Copy();
        if (at.Length == 0) return Value(objective, moving);
        var gradient = at.ZerosLike();
        var request = new PreparedRequest<DenseVector<double>>(objective, [moving], [new(block, 0, gradient)], values: true);
        double best = double.NegativeInfinity;
        for (int i = 0; i <= OneSidedSteps + 1; i++)
        {
            request.Evaluate();
            best = Math.Max(best, sign * request.Values[0]);
            at.AddScaled(sign * (i < OneSidedSteps ? 1 / smoothness : 1e6), gradient);
            set.Project(at);
        }

        return sign * best;
    }
}
