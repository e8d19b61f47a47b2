using System.Numerics.Tensors;
using Bilevel.Tasks;

namespace Bilevel.Gauntlet;

/// <summary>A problem of the gauntlet with its true constants, its start and its reference.</summary>
public sealed class GauntletProblem
{
    // The most that the follower's conditions may leave in the reference, in scaled units.
    private const double Accuracy = 1e-9;

    // Rounding of values of g over the squares that they are sums of, as curvatures are at most about 1.
    private const double ValueRounding = 4e-15;

    private readonly Units units;
    private readonly FollowerReference reference;
    private readonly double scaleUpper, scaleLower;

    internal GauntletProblem(GauntletDraft draft)
    {
        (Class, Seed, Condition, Curved, units, reference, scaleUpper, scaleLower) = (draft.Class, draft.Seed, draft.Condition, draft.Lower.Ridges.Length > 0, draft.Units, draft.Reference, draft.ScaleUpper, draft.ScaleLower);
        (X0, Y0) = (units.ToX(draft.StartU), units.ToY(draft.StartW));
        (Bilevel, Constrained) = (draft.Bilevel, draft.Constrained);
        StartGradient = Measure(X0);
        Tolerance = Class.RelativeTolerance * StartGradient;
        RowSize = Math.Max(1, Violation(X0, Y0));
    }

    /// <summary>Its class.</summary>
    public GauntletClass Class { get; }

    /// <summary>Its seed.</summary>
    public ulong Seed { get; }

    /// <summary>kappa of the lower level, as declared.</summary>
    public double Condition { get; }

    /// <summary>Whether g has terms besides its quadratic form.</summary>
    public bool Curved { get; }

    /// <summary>The problem where the follower is free or has a box; null otherwise.</summary>
    public BilevelProblem<DenseVector<double>>? Bilevel { get; }

    /// <summary>The lifted problem where the follower has constraints; null otherwise.</summary>
    public BilevelMinimaxProblem<DenseVector<double>>? Constrained { get; }

    /// <summary>The problem of either class.</summary>
    public IProblem<DenseVector<double>> Problem => Bilevel is { } bilevel ? bilevel : Constrained!;

    /// <summary>Start of x.</summary>
    public DenseVector<double> X0 { get; }

    /// <summary>Start of y.</summary>
    public DenseVector<double> Y0 { get; }

    /// <summary>s_x, the unit of x.</summary>
    public double UnitX => units.X;

    /// <summary>s_y, the unit of y.</summary>
    public double UnitY => units.Y;

    /// <summary>The start, block by block.</summary>
    public IReadOnlyList<DenseVector<double>> Start => Bilevel is not null ? [X0, Y0] : BilevelMinimaxProblem.Start(X0, Y0, new DenseVector<double>(RowCount));

    /// <summary>|grad F(x0)| by the reference; its <see cref="Measure"/> where the follower has constraints.</summary>
    public double StartGradient { get; }

    /// <summary>What is asked: the share of the class of the measure at the start.</summary>
    public double Tolerance { get; }

    /// <summary>The scale of violations: the largest of 1 and of those at the start, in rows that have norm 1 in y over its unit.</summary>
    public double RowSize { get; }

    /// <summary>Number of affine constraints.</summary>
    public int RowCount => Constrained is null ? 0 : reference.RowValues(new double[X0.Length], new double[Y0.Length]).Length;

    /// <summary>The problem of a class and a seed.</summary>
    /// <param name="of">The class.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="scales">Which scales are drawn; fewer show what scales do.</param>
    public static GauntletProblem Create(GauntletClass of, ulong seed, DrawnScales scales = DrawnScales.All) => new(new GauntletDraft(of, seed, scales));

    /// <summary>F(x), |grad F(x)| and the accuracy of the reference there, from the start of y.</summary>
    public ReferenceNumbers At(DenseVector<double> x)
    {
        var (value, gradient, residual) = Hyper(x, Y0);
        return new ReferenceNumbers(value, gradient.Norm(), residual);
    }

    /// <summary>
    /// What an answer is judged by. Where the follower is free or has a box, |grad F(x)|. Where it has constraints, the residual of the leader's KKT
    /// conditions at (x, y*(x)): the least norm over v and n of (f_x - g_xy v - A' n, (s_y / s_x) (f_y - g_yy v - B' n), B v), in units of f over x and
    /// with the active rows scaled to norm 1 in y over its unit.
    /// </summary>
    public double Measure(DenseVector<double> x)
    {
        if (Constrained is null) return At(x).Gradient;
        double[] u = units.ToU(x);
        var follower = Accurate(reference.Solve(u, units.ToW(Y0)));
        return scaleUpper / units.X * reference.KktDistance(u, follower.W, FollowerReference.Active(follower));
    }

    /// <summary>
    /// The same at a y that need not be y*(x), with the rows of positive multipliers counted as active: what an epsilon-KKT point claims,
    /// whose y may be as far from y*(x) as a gap of the follower of epsilon allows.
    /// </summary>
    public double MeasureAt(DenseVector<double> x, DenseVector<double> y, DenseVector<double> multipliers)
    {
        double[] u = units.ToU(x);
        var active = FollowerReference.Active(Accurate(reference.Solve(u, units.ToW(Y0)))).Union(Enumerable.Range(0, multipliers.Length).Where(i => multipliers[i] > 0));
        return scaleUpper / units.X * reference.KktDistance(u, units.ToW(y), active);
    }

    /// <summary>F(x), grad F(x) and the reference's own residual.</summary>
    /// <param name="x">x.</param>
    /// <param name="y">Where the follower's solve starts.</param>
    public (double Value, DenseVector<double> Gradient, double Residual) Hyper(DenseVector<double> x, DenseVector<double> y)
    {
        double[] u = units.ToU(x);
        var follower = Accurate(reference.Solve(u, units.ToW(y)));
        var (value, gradient) = reference.Hyper(u, follower);
        TensorPrimitives.Multiply(gradient, scaleUpper / units.X, gradient);
        return (scaleUpper * value, new DenseVector<double>(gradient), follower.Residual);
    }

    private FollowerSolution Accurate(FollowerSolution follower) =>
        follower.Residual <= Accuracy ? follower : throw new InvalidOperationException(FormattableString.Invariant($"The reference of {Class.Name} seed {Seed} leaves a residual of {follower.Residual:G3}."));

    /// <summary>y*(x).</summary>
    public DenseVector<double> LowerSolution(DenseVector<double> x) => units.ToY(reference.Solve(units.ToU(x), units.ToW(Y0)).W);

    /// <summary>
    /// The least norm of the convex combinations of gradients of F at points around x, within <paramref name="radius"/> in units of x: where F
    /// has a kink, its minimiser has this and not |grad F| near zero.
    /// </summary>
    public double GradientAround(DenseVector<double> x, double radius)
    {
        double[] u = units.ToU(x);
        var at = reference.Solve(u, units.ToW(Y0));
        var gradients = new List<double[]> { reference.Hyper(u, at).Gradient };
        double reach = radius * (1 + TensorPrimitives.Norm<double>(u));
        bool descends = true;
        for (int round = 0; round < (4 * u.Length) + 60; round++)
        {
            double[] least = LeastNorm.Of(gradients);
            double norm = TensorPrimitives.Norm<double>(least);
            if (norm == 0) return 0;

            // Along the steepest descent of what is known, by a part of the reach; where the gradient there adds nothing, anywhere around.
            double[] along = descends ? least : new SplitMix64(Seed + (ulong)round).NextNormals(u.Length);
            double step = (descends ? -reach : reach) / (1 + (round % 3)) / TensorPrimitives.Norm<double>(along);
            double[] next = [.. u.Zip(along, (a, b) => a + (step * b))];
            double[] gradient = reference.Hyper(next, reference.Solve(next, at.W)).Gradient;
            descends = !descends || TensorPrimitives.Dot<double>(gradient, least) < 0.9 * norm * norm;
            gradients.Add(gradient);
        }

        return scaleUpper / units.X * TensorPrimitives.Norm<double>(LeastNorm.Of(gradients));
    }

    /// <summary>
    /// Where descent from x ends by the reference: BFGS on F with a weak Wolfe search, which finds minimisers at kinks as well. Returns the point, F there, the least
    /// norm of convex combinations of gradients within 1e-6 of it, and its distance from x in units of x.
    /// </summary>
    public (DenseVector<double> X, double Value, double Gradient, double Distance) Polish(DenseVector<double> x)
    {
        double[] start = units.ToU(x), u = start, y = units.ToW(Y0);
        int n = u.Length;
        var (value, gradient) = At(u);
        double[] inverse = new double[n * n];
        for (int i = 0; i < n; i++) inverse[(i * n) + i] = 1;
        for (int k = 0; k < 500 && TensorPrimitives.Norm<double>(gradient) > 0; k++)
        {
            double[] direction = [.. Enumerable.Range(0, n).Select(i => -TensorPrimitives.Dot<double>(inverse.AsSpan(i * n, n), gradient))];
            double slope = TensorPrimitives.Dot<double>(direction, gradient);
            if (!(slope < 0)) break;
            double least = 0, most = double.PositiveInfinity, step = k == 0 ? 1 / TensorPrimitives.Norm<double>(gradient) : 1;
            double[] next = u, nextGradient = gradient;
            double nextValue = value;
            for (int trial = 0; trial < 60; trial++)
            {
                next = [.. u.Zip(direction, (a, b) => a + (step * b))];
                (nextValue, nextGradient) = At(next);
                if (!(nextValue <= value + (1e-4 * step * slope))) most = step;
                else if (TensorPrimitives.Dot<double>(nextGradient, direction) < 0.9 * slope) least = step;
                else break;
                step = double.IsInfinity(most) ? 2 * step : (least + most) / 2;
            }

            if (!(nextValue < value)) break;
            double[] s = [.. next.Zip(u, (a, b) => a - b)], d = [.. nextGradient.Zip(gradient, (a, b) => a - b)];
            (u, value, gradient) = (next, nextValue, nextGradient);
            double sd = TensorPrimitives.Dot<double>(s, d);
            if (sd > 0) Update(s, d, sd);
        }

        var end = units.ToX(u);
        return (end, scaleUpper * value, GradientAround(end, 1e-6), TensorPrimitives.Distance<double>(u, start));

        (double Value, double[] Gradient) At(double[] at) => reference.Hyper(at, reference.Solve(at, y));

        void Update(double[] s, double[] d, double sd)
        {
            double[] hd = [.. Enumerable.Range(0, n).Select(i => TensorPrimitives.Dot<double>(inverse.AsSpan(i * n, n), d))];
            double factor = 1 + (TensorPrimitives.Dot<double>(d, hd) / sd);
            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j < n; j++) inverse[(i * n) + j] += ((factor * s[i] * s[j]) - (hd[i] * s[j]) - (s[i] * hd[j])) / sd;
            }
        }
    }

    /// <summary>The largest violation of a row of the follower, in rows that have norm 1 in y over its unit; 0 where there are none.</summary>
    public double Violation(DenseVector<double> x, DenseVector<double> y) =>
        Constrained is null ? 0 : Math.Max(0, reference.RowValues(units.ToU(x), units.ToW(y)).Append(0).Max());

    /// <summary>|y - y*(x)| in units of y.</summary>
    public double LowerDistance(DenseVector<double> x, DenseVector<double> y) =>
        TensorPrimitives.Distance<double>(units.ToW(y), units.ToW(LowerSolution(x)));

    /// <summary>g(x, y) - g(x, y*(x)), by the reference, and what it may err: what violated rows of its own y* buy, what its residual leaves, rounding.</summary>
    public (double Loss, double Error) LowerLoss(DenseVector<double> x, DenseVector<double> y)
    {
        double[] u = units.ToU(x), w = units.ToW(y);
        var best = Accurate(reference.Solve(u, w));
        double size = 1 + TensorPrimitives.SumOfSquares<double>(u) + TensorPrimitives.SumOfSquares<double>(w);
        double bought = reference.RowValues(u, best.W).Zip(best.Multipliers, (c, m) => m * Math.Abs(c)).Sum();
        double left = best.Residual * Math.Sqrt(size) * TensorPrimitives.Distance<double>(w, best.W);
        return (scaleLower * (reference.LowerValue(u, w) - reference.LowerValue(u, best.W)), scaleLower * (bought + left + (ValueRounding * size)));
    }

    /// <summary>|x| in units of x, from the planted point.</summary>
    public double UpperSize(DenseVector<double> x) => TensorPrimitives.Norm<double>(units.ToU(x));

    /// <summary>The planted point, where grad F = 0 but for rounding.</summary>
    public DenseVector<double> Planted => units.ToX(new double[X0.Length]);

    /// <summary>The units and the shape, in a line.</summary>
    public override string ToString() => FormattableString.Invariant(
        $"{Class.Name} seed {Seed}: n_x {X0.Length}, n_y {Y0.Length}, rows {RowCount}, kappa {Condition:G3}, {(Curved ? "curved" : "quadratic")}, f {scaleUpper:G2}, x {units.X:G2}, y {units.Y:G2}, |u0| {UpperSize(X0):G2}, |grad F(x0)| {StartGradient:G3}");
}

/// <summary>What the reference knows at one x.</summary>
/// <param name="Value">F(x).</param>
/// <param name="Gradient">|grad F(x)|.</param>
/// <param name="Residual">The residual of the follower's solve, in scaled units.</param>
public readonly record struct ReferenceNumbers(double Value, double Gradient, double Residual);
