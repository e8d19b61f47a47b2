using System.Numerics.Tensors;
using Bilevel.Tasks;

namespace Bilevel.Gauntlet;

/// <summary>
/// Draws a problem of the gauntlet. In u = x / s_x - c_x and w = y / s_y - c_y, over the planted answer u = 0, w = 0:
/// g = w'Hw/2 - w'(A u + b) + h |u|^2/2 + sum_i c_i phi_i(a_i'w + d_i'u + t_i) and
/// f = |C w + E u - e|^2/2 + r |u|^2/2 - v'u + sum_j c_j phi_j(p_j'w + q_j'u + t_j).
/// b makes w = 0 the follower's answer at u = 0, with multipliers for the bounds and rows that are to be active; A, d and Q are
/// scaled to a drawn norm of dw*/du there; v makes grad F(0) = 0.
/// </summary>
internal sealed class GauntletDraft
{
    private const int MostComponents = 40, MostRows = 20, MostRidges = 6;

    private readonly SplitMix64 random;
    private readonly DrawnScales scales;
    private readonly int sizeU, sizeW;

    public GauntletDraft(GauntletClass of, ulong seed, DrawnScales scales)
    {
        (Class, Seed, this.scales) = (of, seed, scales);
        random = new SplitMix64(RandomBits.At(RandomBits.Mix(seed + 1), (ulong)GauntletClass.All.ToList().IndexOf(of)));
        (sizeU, sizeW) = ((int)LogUniform(1, MostComponents + 1), (int)LogUniform(1, MostComponents + 1));
        double[] centreX = Direction(sizeU, LogUniform(0.1, 10)), centreY = Direction(sizeW, LogUniform(0.1, 10));
        Units = new Units(Scale(1e6, DrawnScales.All), Scale(1e6, DrawnScales.All), centreX, centreY);
        (ScaleUpper, ScaleLower) = (Scale(1e6, DrawnScales.Functions), Scale(1e6, DrawnScales.Functions));

        var (p, q, right, multipliers) = DrawRows(of.Follower);
        double response = LogUniform(0.1, 10);
        (Lower, q) = DrawLower(p, q, multipliers, response);
        Upper = DrawUpper(response);
        var planted = new FollowerSolution(new double[sizeW], multipliers, 0);
        double[] slope = new FollowerReference(Upper, Lower, p, q, right).Hyper(new double[sizeU], planted).Gradient;
        Upper = Upper with { LinearU = [.. Upper.LinearU.Zip(slope, (a, b) => a - b)] };
        Reference = new FollowerReference(Upper, Lower, p, q, right);

        (StartU, StartW) = (Direction(sizeU, LogUniform(0.1, 1e3)), Direction(sizeW, LogUniform(0.1, 1e3)));
        var bounds = Lower.Bounds();
        Condition = bounds.WW / bounds.Least;
        if (of.Follower == FollowerSet.Rows) Constrained = Lifted(p, q, right, bounds);
        else Bilevel = Plain(right, bounds);
    }

    public GauntletClass Class { get; }

    public ulong Seed { get; }

    public Units Units { get; }

    public double ScaleUpper { get; }

    public double ScaleLower { get; }

    public double Condition { get; }

    public ScaledFunction Upper { get; }

    public ScaledFunction Lower { get; }

    public FollowerReference Reference { get; }

    public double[] StartU { get; }

    public double[] StartW { get; }

    public BilevelProblem<DenseVector<double>>? Bilevel { get; }

    public BilevelMinimaxProblem<DenseVector<double>>? Constrained { get; }

    // The rows P w + Q u <= r and their multipliers at the planted answer: bounds as pairs of rows, upper before lower.
    private (Matrix P, Matrix Q, double[] Right, double[] Multipliers) DrawRows(FollowerSet follower)
    {
        int rows = follower switch { FollowerSet.None => 0, FollowerSet.Box => 2 * sizeW, _ => (int)LogUniform(1, Math.Min(MostRows, sizeW + 4) + 1) };
        Matrix p = new(rows, sizeW), q = new(rows, sizeU);
        double[] right = new double[rows], multipliers = new double[rows];
        for (int i = 0; i < rows; i++) right[i] = LogUniform(0.1, 100);
        if (follower == FollowerSet.Box)
        {
            int active = 1 + (int)(random.NextUniform() * (sizeW - 1) * 0.7);
            for (int i = 0; i < sizeW; i++) (p[2 * i, i], p[(2 * i) + 1, i]) = (1, -1);
            foreach (int i in Chosen(sizeW, active)) Activate((2 * i) + (random.NextUniform() < 0.5 ? 0 : 1));
        }
        else
        {
            // One direction leads into all rows, so that the follower has a strictly feasible point whatever u is.
            double[] inward = Direction(sizeW, 1);
            for (int i = 0; i < rows; i++)
            {
                double[] row = Direction(sizeW, 1);
                double along = TensorPrimitives.Dot<double>(row, inward), wanted = -Math.Max(0.1, Math.Abs(along));
                TensorPrimitives.MultiplyAdd(inward, wanted - along, row, row);
                Times(1 / TensorPrimitives.Norm<double>(row), row).CopyTo(p.Row(i));
                Direction(sizeU, LogUniform(0.03, 1)).CopyTo(q.Row(i));
            }

            int most = Math.Min(rows, Math.Max(1, sizeW - 1));
            if (rows > 0) foreach (int i in Chosen(rows, 1 + (int)(random.NextUniform() * most * 0.7))) Activate(i);
        }

        return (p, q, right, multipliers);

        void Activate(int row) => (right[row], multipliers[row]) = (0, LogUniform(0.01, 1));
    }

    private (ScaledFunction Lower, Matrix Q) DrawLower(Matrix p, Matrix q, double[] multipliers, double response)
    {
        // The terms of one variable add at most tau to the largest eigenvalue of H, which is 1.
        double condition = LogUniform(1, Class.Condition), tau = random.NextUniform() < 0.25 ? 0 : Math.Min(LogUniform(0.01, 1), condition - 1);
        double[] eigenvalues = [.. Enumerable.Range(0, sizeW).Select(i => i == 0 ? 1 : i == 1 ? (1 + tau) / condition : LogUniform((1 + tau) / condition, 1))];
        var basis = Orthonormal(sizeW, sizeW);
        var hessian = Symmetric(basis, eigenvalues);

        // A = H^alpha R: from a response of y that its flattest direction dominates to one that every direction shares.
        double alpha = random.NextUniform();
        var a = Symmetric(basis, [.. eigenvalues.Select(e => Math.Pow(e, alpha))]) * random.NextNormals(sizeW, sizeU);
        a = a.Times(1 / a.SpectralNorm());
        var ridges = DrawRidges(tau, convex: true);
        var linear = new double[sizeW];
        foreach (var ridge in ridges) TensorPrimitives.MultiplyAdd(ridge.P, -ridge.Weight * ridge.Curve.First(ridge.Shift), linear, linear);
        p.AddTransposeTimes(-1, multipliers, linear);
        double own = random.NextUniform() < 0.3 ? LogUniform(0.01, 1) : 0;
        var lower = new ScaledFunction { W = hessian, M = a.Times(-1), U = Matrix.Diagonal(Constant(sizeU, own)), LinearU = new double[sizeU], LinearW = linear, Ridges = ridges };

        var jacobian = new FollowerReference(lower, lower, p, q, new double[multipliers.Length]).Jacobian(new double[sizeU], new FollowerSolution(new double[sizeW], multipliers, 0));
        double size = jacobian.SpectralNorm(), factor = size > 1e-12 ? response / size : 1;
        return (lower with { M = lower.M.Times(factor), Ridges = [.. ridges.Select(r => r with { D = Times(factor, r.D) })] }, q.Times(factor));
    }

    private ScaledFunction DrawUpper(double response)
    {
        int rows = 1 + (int)(random.NextUniform() * sizeW);
        double condition = LogUniform(1, 100), r = LogUniform(0.01, 1);
        var c = Matrix.Diagonal([.. Enumerable.Range(0, rows).Select(i => i == 0 ? 1 : Math.Sqrt(LogUniform(1 / condition, 1)))]) * Orthonormal(rows, sizeW);
        var e = random.NextNormals(rows, sizeU);
        e = e.Times((random.NextUniform() < 0.5 ? 0 : LogUniform(0.01, 1)) / e.SpectralNorm());
        double[] target = Times(0.3, random.NextNormals(rows));
        double tau = random.NextUniform() < 0.3 ? 0 : LogUniform(0.01, 0.3);
        var ridges = DrawRidges(tau, convex: false).Select(ridge => ridge with { P = Times(1 / Math.Max(1, response), ridge.P) });
        return new ScaledFunction
        {
            W = c.Transpose() * c,
            M = c.Transpose() * e,
            U = (e.Transpose() * e) + Matrix.Diagonal(Constant(sizeU, r)),
            LinearU = Times(-1, e.TransposeTimes(target)),
            LinearW = Times(-1, c.TransposeTimes(target)),
            Ridges = [.. ridges],
        };
    }

    // Terms of one variable whose second derivatives in w add up to at most tau in norm.
    private Ridge[] DrawRidges(double tau, bool convex)
    {
        int count = 1 + (int)(random.NextUniform() * MostRidges);
        Ridge[] ridges = [.. Enumerable.Range(0, count).Select(_ => new Ridge(
            new Curve((CurveKind)(int)(random.NextUniform() * (convex ? 3 : 4))),
            LogUniform(0.1, 1),
            Direction(sizeW, LogUniform(0.1, 3)),
            Direction(sizeU, LogUniform(0.1, 3)),
            random.NextNormal()))];
        if (tau == 0) return [];
        var sum = new Matrix(sizeW, sizeW);
        foreach (var ridge in ridges) sum.AddOuter(ridge.Weight * ridge.Curve.Second, ridge.P);
        double factor = tau / sum.SpectralNorm();
        return [.. ridges.Select(r => r with { Weight = factor * r.Weight })];
    }

    private BilevelProblem<DenseVector<double>> Plain(double[] right, DerivativeBounds lower)
    {
        var upper = Upper.Bounds();
        double g = ScaleLower, x = Units.X, y = Units.Y;
        var problem = new BilevelProblem<DenseVector<double>>(new ScaledObjective(Upper, ScaleUpper, Units), new ScaledObjective(Lower, ScaleLower, Units))
        {
            Constants = new ProblemConstants
            {
                LowerStrongConvexity = g / (y * y) * Modulus(lower),
                LowerSmoothness = Above(g / (y * y) * lower.WW),
                LowerCoupling = Above(g / (x * y) * lower.WU),
                LowerHessianLipschitz = Above(g / (y * y * y) * lower.WWW),
                LowerMixedHessianLipschitz = Above(g / (x * y * y) * lower.WWU),
                LowerThirdDerivativeLipschitz = Above(g / (y * y * y * y) * lower.WWWW),
                LowerMixedThirdDerivativeLipschitz = Above(g / (x * y * y * y) * lower.WWWU),
                UpperSmoothness = Above(ScaleUpper / (y * y) * upper.WW),
                UpperCoupling = Above(ScaleUpper / (x * y) * upper.WU),
            },
        };
        if (Class.Follower == FollowerSet.None) return problem;
        double[] most = [.. Enumerable.Range(0, sizeW).Select(i => right[2 * i])], least = [.. Enumerable.Range(0, sizeW).Select(i => -right[(2 * i) + 1])];
        var box = new Box<double>(Units.ToY(least).Span, Units.ToY(most).Span);
        for (int i = 0; i < sizeW; i++) StartW[i] = Math.Clamp(StartW[i], least[i], most[i]);
        return problem with { LowerSet = box };
    }

    private BilevelMinimaxProblem<DenseVector<double>> Lifted(Matrix p, Matrix q, double[] right, DerivativeBounds lower)
    {
        int rows = right.Length;
        double[] a = new double[rows * sizeU], b = new double[rows * sizeW], level = new double[rows];
        for (int i = 0; i < rows; i++)
        {
            // A row of norm one in y has norm s_y before its factor, so that the factor is the row's own scale.
            double factor = Scale(1e4, DrawnScales.Functions);
            TensorPrimitives.Multiply(q.Row(i), factor * Units.Y / Units.X, a.AsSpan(i * sizeU, sizeU));
            TensorPrimitives.Multiply(p.Row(i), factor, b.AsSpan(i * sizeW, sizeW));
            level[i] = factor * Units.Y * (right[i] + TensorPrimitives.Dot(p.Row(i), Units.CentreY) + TensorPrimitives.Dot(q.Row(i), Units.CentreX));
        }

        var follower = new ConstrainedLowerLevel<double>(new ScaledObjective(Lower, ScaleLower, Units), new LinearConstraints<double>(a, b, level))
        {
            Smoothness = Above(ScaleLower * Joint(lower)),
            StrongConvexity = ScaleLower / (Units.Y * Units.Y) * Modulus(lower),
        };
        var lifted = Lift.ConstrainedLowerLevel(new ScaledObjective(Upper, ScaleUpper, Units), follower);
        return lifted with { Constants = lifted.Constants with { UpperSmoothness = Above(ScaleUpper * Joint(Upper.Bounds())) } };
    }

    // A bound on the Hessian in (x, y) from bounds on its blocks.
    private double Joint(DerivativeBounds bounds)
    {
        double xx = bounds.UU / (Units.X * Units.X), yy = bounds.WW / (Units.Y * Units.Y), xy = bounds.WU / (Units.X * Units.Y);
        return ((xx + yy) / 2) + Math.Sqrt(((xx - yy) * (xx - yy) / 4) + (xy * xy));
    }

    // Rounding of the eigenvalues aside.
    private static double Modulus(DerivativeBounds bounds) => bounds.Least - (2e-14 * bounds.WW);

    private static double Above(double bound) => bound * (1 + 1e-9);

    // Drawn even where it is not used, so that the rest of the problem stays the same.
    private double Scale(double most, DrawnScales upTo)
    {
        double drawn = LogUniform(1 / most, most);
        return scales <= upTo ? drawn : 1;
    }

    private double LogUniform(double least, double most) => least * Math.Exp(random.NextUniform() * Math.Log(most / least));

    private double[] Direction(int size, double length)
    {
        double[] drawn = random.NextNormals(size);
        return Times(length / TensorPrimitives.Norm<double>(drawn), drawn);
    }

    private int[] Chosen(int from, int count) => [.. Enumerable.Range(0, from).Select(i => (i, random.NextUniform())).OrderBy(k => k.Item2).Take(count).Select(k => k.i)];

    private static double[] Times(double factor, double[] vector) => [.. vector.Select(v => factor * v)];

    private static double[] Constant(int size, double value) => [.. Enumerable.Repeat(value, size)];

    private static Matrix Symmetric(Matrix basis, double[] eigenvalues)
    {
        var product = basis.Transpose() * Matrix.Diagonal(eigenvalues) * basis;
        return (product + product.Transpose()).Times(0.5);
    }

    // Rows that are orthonormal, by Gram and Schmidt, twice.
    private Matrix Orthonormal(int rows, int columns)
    {
        var basis = random.NextNormals(rows, columns);
        for (int i = 0; i < rows; i++)
        {
            for (int pass = 0; pass < 2; pass++)
            {
                for (int j = 0; j < i; j++) TensorPrimitives.MultiplyAdd(basis.Row(j), -TensorPrimitives.Dot(basis.Row(j), basis.Row(i)), basis.Row(i), basis.Row(i));
                TensorPrimitives.Multiply(basis.Row(i), 1 / TensorPrimitives.Norm<double>(basis.Row(i)), basis.Row(i));
            }
        }

        return basis;
    }
}
