using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// The numbers of section 3.2 at the point after one proximal step: two evaluations of the six rows, each gradient asked
/// for on its own, and what rounding may hide of every number.
/// </summary>
internal sealed class KktResiduals<V>
    where V : class, IVector<V>
{
    // Units of rounding of a projection and of the few operations about it.
    private const double StepUnits = 8;

    // The share of the numbers from which on the rounding of the step counts as drowning them.
    private const double DrownedShare = 0.1;

    private readonly BilevelMinimaxProblem<V> problem;
    private readonly double penalty, precision;
    private double step;
    private readonly double[] residuals = new double[BlockCount];     // of each block of the point
    private readonly double[] stepRounding = new double[BlockCount];  // what the step and its division by t err
    private readonly double slopeUpper, slopeLower;
    private Sides sides;

    public KktResiduals(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point, double penalty)
    {
        (this.problem, this.penalty) = (problem, penalty);
        precision = point.Max(Precision.Of);
        V[] rows = Rows(point);
        double? declared = problem.Constants.PenaltySmoothness(penalty) is { } known && known > 0 && double.IsFinite(known) ? known : null;
        double smoothness = declared ?? EstimateSmoothness(point, rows);
        slopeUpper = problem.Constants.UpperSmoothness ?? smoothness;
        slopeLower = problem.Constants.LowerSmoothness ?? (smoothness / (2 * penalty));
        Point = [];
        Advance(point, rows, smoothness);

        // Any step serves. Where that of a coarse bound is so short that its rounding drowns the numbers, a longer one does.
        if (declared is not null && stepRounding.Sum() > DrownedShare * residuals.Sum())
        {
            double estimate = EstimateSmoothness(point, rows);
            if (estimate < declared / 2) Advance(point, rows, estimate);
        }

        LowerValue = new ValueReader<V>(problem, Point).Read().Lower;
        Conclude(default);
    }

    /// <summary>The point that the numbers belong to.</summary>
    public V[] Point { get; private set; }

    /// <summary>K1 with its rounding.</summary>
    public double ResidualW { get; private set; }

    /// <summary>The part of K1 in x1, with its rounding.</summary>
    public double ResidualX1 { get; private set; }

    /// <summary>K2 with its rounding.</summary>
    public double ResidualV { get; private set; }

    /// <summary>K3 with its rounding.</summary>
    public double GapBound { get; private set; }

    /// <summary>What rounding may hide of K1 and K2, and of K3.</summary>
    public (double Residual, double Gap) Rounding { get; private set; }

    /// <summary>s (g(x1, z1, y2)) with the proximal terms, less what z1 may leave: at most the dual value of y2.</summary>
    public double DualBound { get; private set; }

    /// <summary>K1 and K2 less what rounding may hide, and what is known of the gap from below: numbers of the point, not of the proof.</summary>
    public (double W, double V, double Gap) Seen { get; private set; }

    /// <summary>s g(x1, z1, y2) with the proximal terms, as it was computed.</summary>
    public double DualSeen { get; private set; }

    /// <summary>Rounding of the gradient in z2 at (x1, y1, .).</summary>
    public double ConstraintRounding { get; private set; }

    /// <summary>How far f may rise in x2 still.</summary>
    public double UpperExcess { get; private set; }

    /// <summary>f at the point, with its proximal terms.</summary>
    public double UpperValue { get; private set; }

    /// <summary>g at (x1, y1, y2), with its proximal terms.</summary>
    public double LowerValue { get; }

    /// <summary>The residual in x1, as a direction; computed again, for it is rarely asked for.</summary>
    public V DirectionX1()
    {
        var direction = Rows(Point)[X1];
        var moved = Point[X1].Copy();
        moved.AddScaled(-step, direction);
        problem.X1.Prox(moved, step);
        moved.AddScaled(-1, Point[X1]);
        return moved;
    }

    /// <summary>Measures the rounding of f and g at the point; the numbers become those under the larger of model and measurement.</summary>
    public void MeasureRounding()
    {
        var p = Point;
        Measured = (
            EvaluationRounding.Measure(problem.Upper, [p[X1], p[X2], p[Y1], p[Y2]]),
            EvaluationRounding.Measure(problem.Lower, [p[X1], p[Y1], p[Z2]]),
            EvaluationRounding.Measure(problem.Lower, [p[X1], p[Z1], p[Y2]]));
        Conclude(Measured);
    }

    /// <summary>What was measured: of f, of g at (x1, y1, z2) and at (x1, z1, y2).</summary>
    public (EvaluationRounding Upper, EvaluationRounding First, EvaluationRounding Second) Measured { get; private set; }

    // The proximal step of length 1/(3 smoothness), and the residuals after it.
    private void Advance(IReadOnlyList<V> point, V[] rows, double smoothness)
    {
        step = 1 / (3 * smoothness);
        Point = Step(point, rows, step);
        V[] next = Rows(Point);
        for (int b = 0; b < BlockCount; b++)
        {
            if (point[b].Length == 0) continue;
            if (problem.Blocks[b].Term is IFeasibleSet<V> { IsWholeSpace: true })
            {
                residuals[b] = Norm(next[b]);
                continue;
            }

            // (u - u+)/t - F(u) + F(u+), an element of the subdifferential at u+
            V residual = point[b].Copy();
            residual.AddScaled(-1, Point[b]);
            residual.Scale(1 / step);
            residual.AddScaled(-1, rows[b]);
            residual.AddScaled(1, next[b]);
            residuals[b] = Norm(residual);
            double size = point[b].Norm() + Point[b].Norm(), row = rows[b].Norm();
            stepRounding[b] = (((StepUnits * precision * (size + (step * row))) + (Math.Sqrt(residual.Length) * Precision.Smallest(residual))) / step) + (StepUnits * precision * row);
        }
    }

    private void Conclude((EvaluationRounding Upper, EvaluationRounding First, EvaluationRounding Second) measured)
    {
        double units = EvaluationRounding.Units * precision, rho = penalty;
        double Gradient(Side side, EvaluationRounding seen, int block, double slope) =>
            Math.Max(units * (side.Norms[block] + (slope * side.Size)), seen.Gradients is null ? 0 : seen.Gradients[block]);
        double Value(Side side, EvaluationRounding seen) => Math.Max(units * (Math.Abs(side.Value) + side.Steepness), seen.Gradients is null ? 0 : seen.Value);
        double F(int block) => Gradient(sides.Upper, measured.Upper, block, slopeUpper);
        double G(int block, bool first) => first ? Gradient(sides.First, measured.First, block, slopeLower) : Gradient(sides.Second, measured.Second, block, slopeLower);

        double[] rounding = new double[BlockCount];
        rounding[X1] = F(X1) + (rho * (G(Lower.X1, true) + G(Lower.X1, false)));
        rounding[X2] = F(X2);
        rounding[Y1] = F(Y1) + (rho * G(Lower.Z1, true));
        rounding[Y2] = F(Y2) + (rho * G(Lower.Z2, false));
        rounding[Z1] = rho * G(Lower.Z1, false);
        rounding[Z2] = rho * G(Lower.Z2, true);
        ConstraintRounding = G(Lower.Z2, true);
        for (int b = 0; b < BlockCount; b++) rounding[b] = Point[b].Length == 0 ? 0 : rounding[b] + stepRounding[b];

        double Total(double[] of, params ReadOnlySpan<int> blocks)
        {
            double sum = 0;
            foreach (int b in blocks) sum += of[b] * of[b];
            return Math.Sqrt(sum);
        }

        double roundingW = Total(rounding, X1, Y1, Y2), roundingV = Total(rounding, X2, Z1, Z2);
        ResidualX1 = Total(residuals, X1) + rounding[X1];
        ResidualW = Total(residuals, X1, Y1, Y2) + roundingW;
        ResidualV = Total(residuals, X2, Z1, Z2) + roundingV;

        var (terms, sign) = (problem.LowerSign, problem.LowerSign);
        double y1 = problem.Z1.Value(Point[Y1]), z2 = problem.Z2.Value(Point[Z2]), z1 = problem.Z1.Value(Point[Z1]), y2 = problem.Z2.Value(Point[Y2]);
        double firstRounding = Value(sides.First, measured.First) + (units * (Math.Abs(y1) + Math.Abs(z2))), secondRounding = Value(sides.Second, measured.Second) + (units * (Math.Abs(z1) + Math.Abs(y2)));
        double primal = (sign * sides.First.Value) + y1 - z2, dual = (sign * sides.Second.Value) + z1 - y2;
        var known = problem.Constants;
        double excess1 = Bilevel.GapBound.Excess((residuals[Z1] + rounding[Z1]) / rho, problem.Z1.DiameterAt(Point[Z1].Length), known.LowerStrongConvexity);
        double excess2 = Bilevel.GapBound.Excess((residuals[Z2] + rounding[Z2]) / rho, problem.Z2.DiameterAt(Point[Z2].Length), known.LowerStrongConcavity);
        GapBound = primal - dual + excess1 + excess2 + firstRounding + secondRounding;
        DualBound = dual - excess1 - secondRounding;
        DualSeen = dual + secondRounding;
        Seen = (Total(residuals, X1, Y1, Y2) - roundingW, Total(residuals, X2, Z1, Z2) - roundingV, primal - dual - firstRounding - secondRounding);
        Rounding = (roundingW + roundingV, firstRounding + secondRounding);

        double upperRounding = Value(sides.Upper, measured.Upper);
        UpperExcess = upperRounding + Bilevel.GapBound.Excess(residuals[X2] + rounding[X2], problem.X2.DiameterAt(Point[X2].Length), null);
        UpperValue = sides.Upper.Value + problem.TermsAt(Point).Upper;
    }

    // What the model of rounding needs to know of one evaluation.
    private readonly record struct Side(double Value, double[] Norms, double Size, double Steepness);

    private readonly record struct Sides(Side Upper, Side First, Side Second);

    // A norm whose squares vanish below the smallest number is not zero.
    private static double Norm(V vector)
    {
        double square = vector.Dot(vector);
        return Math.Sqrt(square) + (square < 1e-290 ? 1e-145 : 0);
    }

    private V[] Rows(IReadOnlyList<V> u)
    {
        V[] upper = [u[X1], u[X2], u[Y1], u[Y2]], first = [u[X1], u[Y1], u[Z2]], second = [u[X1], u[Z1], u[Y2]];
        var (f, ofUpper) = Ask(problem.Upper, upper);
        var (a, ofFirst) = Ask(problem.Lower, first);
        var (b, ofSecond) = Ask(problem.Lower, second);
        sides = new Sides(ofUpper, ofFirst, ofSecond);
        double s = problem.UpperSign, g = penalty * problem.LowerSign;
        foreach (var row in f) row.Scale(s);
        f[X2].Scale(-1);
        f[X1].AddScaled(g, a[Lower.X1]);
        f[X1].AddScaled(-g, b[Lower.X1]);
        f[Y1].AddScaled(g, a[Lower.Z1]);
        f[Y2].AddScaled(-g, b[Lower.Z2]);
        b[Lower.Z1].Scale(g);
        a[Lower.Z2].Scale(-g);
        return [.. f, b[Lower.Z1], a[Lower.Z2]];
    }

    private static (V[] Gradients, Side Side) Ask(IObjective<V> objective, V[] at)
    {
        V[] gradients = [.. at.Select(v => v.ZerosLike())];
        var request = new PreparedRequest<V>(objective, [at], [.. gradients.Select((g, b) => new Output<V>(b, 0, g))], values: true);
        request.Evaluate();
        double[] norms = [.. gradients.Select(g => g.Norm())], sizes = [.. at.Select(v => v.Norm())];
        return (gradients, new Side(request.Values[0], norms, Math.Sqrt(sizes.Sum(v => v * v)), norms.Zip(sizes, (n, v) => n * v).Sum()));
    }

    private V[] Step(IReadOnlyList<V> u, V[] rows, double length)
    {
        V[] moved = [.. u.Select(v => v.Copy())];
        for (int b = 0; b < BlockCount; b++)
        {
            if (moved[b].Length == 0) continue;
            moved[b].AddScaled(-length, rows[b]);
            problem.Blocks[b].Term.Prox(moved[b], b is X1 or X2 ? length : length * penalty);
        }

        return moved;
    }

    // Any step gives a valid certificate; this one, from differences of the rows along themselves, gives small numbers.
    private double EstimateSmoothness(IReadOnlyList<V> u, V[] rows)
    {
        double norm = Math.Sqrt(rows.Sum(v => v.Dot(v))), size = Math.Sqrt(u.Sum(v => v.Dot(v)));
        double row = norm > 0 ? norm : sides.Upper.Norms.Sum() + (penalty * (sides.First.Norms.Sum() + sides.Second.Norms.Sum()));
        IReadOnlyList<V> along = rows;
        if (!(norm > 0))
        {
            // At an exact solution along the point itself; what cancelled in the rows tells their units.
            if (!(size > 0)) return 1;
            (along, norm) = (u, size);
        }

        V[] near = [.. u.Select(v => v.Copy())];
        double scale = size > 0 ? size : 1;
        double length = Math.Sqrt(precision) * scale / norm;
        for (int b = 0; b < BlockCount; b++) near[b].AddScaled(-length, along[b]);
        var here = sides;
        V[] there = Rows(near);
        sides = here;
        double change = 0;
        for (int b = 0; b < BlockCount; b++)
        {
            there[b].AddScaled(-1, rows[b]);
            change += there[b].Dot(there[b]);
        }

        double estimate = Math.Sqrt(change) / (length * norm);
        double least = 1e-6 * Math.Min(1, row / scale);
        return double.IsFinite(estimate) && (estimate > 0 || least > 0) ? Math.Max(estimate, least) : 1;
    }
}
