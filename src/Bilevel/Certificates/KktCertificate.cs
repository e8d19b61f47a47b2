using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// Certifies an epsilon-KKT point of a bilevel minimax problem (bilevel minimax, sections 2.9 and 3): with
/// w = (x1, y1, y2), v = (x2, z1, z2) and the penalty function P, (K1) dist(0, d_w P) &lt;= eps, (K2) dist(0, d_v P)
/// &lt;= eps, (K3) the primal-dual gap of the lower level at (x1; y1, y2) is at most eps. The certificate belongs to the
/// point after one proximal step, which it returns.
/// </summary>
public sealed record KktCertificate : ICertifier
{
    /// <inheritdoc/>
    public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
        where V : class, IVector<V> =>
        problem is BilevelMinimaxProblem<V> minimax
            ? Check(minimax, point, tolerance, penalty, quick)
            : new(new Certificate(Verdict.NotCheckable, tolerance, "Not checkable: the KKT certificate is for bilevel minimax problems; lift the problem first.", [], [], double.NaN, double.NaN, 0), point);

    /// <summary>Checks a point.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="point">The six blocks (w, v); not changed.</param>
    /// <param name="tolerance">eps.</param>
    /// <param name="penalty">rho.</param>
    /// <param name="quick">Whether only K1, K2 and K3 are wanted.</param>
    public CertifiedPoint<V> Check<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
        where V : class, IVector<V>
    {
        var kkt = new KktResiduals<V>(problem, point, penalty);
        NamedNumber[] numbers =
        [
            new("minimiser_residual", kkt.ResidualW, "K1: distance of 0 from the subdifferential of the penalty function in (x1, y1, y2)"),
            new("maximiser_residual", kkt.ResidualV, "K2: the same in (x2, z1, z2)"),
            new("gap_bound", kkt.GapBound, "K3: upper bound of the primal-dual gap of the lower level"),
        ];
        var failing = numbers.Where(n => !(n.Value <= tolerance)).ToList();
        var verdict = failing.Count == 0 ? Verdict.Certified : Verdict.NotCertified;
        string? touched = problem.Touched(kkt.Point);
        if (touched is not null) verdict = Verdict.NotCertified;
        string summary = verdict == Verdict.Certified
            ? FormattableString.Invariant($"Certified: an epsilon-KKT point at epsilon = {tolerance:G4} with rho = {penalty:G4}.")
            : FormattableString.Invariant($"Not certified at {tolerance:G4}: {string.Join(", ", failing.Select(n => FormattableString.Invariant($"{n.Name} = {n.Value:G4}")))}{touched}");
        return new(new Certificate(verdict, tolerance, summary, numbers, [], kkt.UpperValue, kkt.LowerValue, kkt.OracleCalls) { TouchedBound = failing.Count == 0 ? touched : null }, kkt.Point);
    }
}

/// <summary>The numbers of section 3.2: two evaluations of the six rows, each gradient asked for on its own.</summary>
internal sealed class KktResiduals<V>
    where V : class, IVector<V>
{
    private readonly BilevelMinimaxProblem<V> problem;
    private readonly double penalty;
    private readonly OracleCounts calls = new(UpperCount);
    private double difference;

    public KktResiduals(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> point, double penalty)
    {
        (this.problem, this.penalty) = (problem, penalty);
        V[] old = [.. point.Select(v => v.Copy())];
        V[] rows = Rows(old);
        double step = 1 / (3 * (problem.Constants.PenaltySmoothness(penalty) ?? EstimateSmoothness(old, rows)));
        V[] moved = Step(old, rows, step);
        V[] next = Rows(moved);
        double[] squares = new double[BlockCount];
        for (int b = 0; b < BlockCount; b++)
        {
            // (u - u+)/t - F(u) + F(u+), an element of the subdifferential at u+
            V residual = old[b];
            residual.AddScaled(-1, moved[b]);
            residual.Scale(1 / step);
            residual.AddScaled(-1, rows[b]);
            residual.AddScaled(1, next[b]);
            squares[b] = residual.Dot(residual);
        }

        Point = moved;
        ResidualW = Math.Sqrt(squares[X1] + squares[Y1] + squares[Y2]);
        ResidualV = Math.Sqrt(squares[X2] + squares[Z1] + squares[Z2]);
        double terms = problem.Z1.Value(moved[Y1]) - problem.Z2.Value(moved[Z2]) - problem.Z1.Value(moved[Z1]) + problem.Z2.Value(moved[Y2]);
        GapBound = difference + terms
            + Excess(Math.Sqrt(squares[Z1]) / penalty, problem.Z1.DiameterAt(moved[Z1].Length), problem.Constants.LowerStrongConvexity)
            + Excess(Math.Sqrt(squares[Z2]) / penalty, problem.Z2.DiameterAt(moved[Z2].Length), problem.Constants.LowerStrongConcavity);
        (UpperValue, LowerValue) = new ValueReader<V>(problem, moved).Read();
    }

    public V[] Point { get; }

    public double ResidualW { get; }

    public double ResidualV { get; }

    public double GapBound { get; }

    public double UpperValue { get; }

    public double LowerValue { get; }

    public long OracleCalls => calls.Total;

    // What a concave function can still rise where its subgradient has this norm.
    private static double Excess(double norm, double diameter, double? modulus) => norm == 0 || diameter == 0 ? 0 : double.IsInfinity(diameter) && modulus > 0 ? norm * norm / (2 * modulus.Value) : norm * diameter;

    private V[] Rows(V[] u)
    {
        V[] rows = [.. u.Select(v => v.ZerosLike())];
        V[] upper = [u[X1], u[X2], u[Y1], u[Y2]], first = [u[X1], u[Y1], u[Z2]], second = [u[X1], u[Z1], u[Y2]];
        V firstX1 = u[X1].ZerosLike(), secondX1 = u[X1].ZerosLike(), firstZ1 = u[Y1].ZerosLike(), secondZ2 = u[Y2].ZerosLike();
        Ask(problem.Upper, upper, [new(0, 0, rows[X1]), new(1, 0, rows[X2]), new(2, 0, rows[Y1]), new(3, 0, rows[Y2])]);
        difference = Ask(problem.Lower, first, [new(Lower.X1, 0, firstX1), new(Lower.Z1, 0, firstZ1), new(Lower.Z2, 0, rows[Z2])])
            - Ask(problem.Lower, second, [new(Lower.X1, 0, secondX1), new(Lower.Z1, 0, rows[Z1]), new(Lower.Z2, 0, secondZ2)]);
        difference *= problem.LowerSign;
        double f = problem.UpperSign, g = penalty * problem.LowerSign;
        rows[X1].Scale(f);
        rows[X1].AddScaled(g, firstX1);
        rows[X1].AddScaled(-g, secondX1);
        rows[X2].Scale(-f);
        rows[Y1].Scale(f);
        rows[Y1].AddScaled(g, firstZ1);
        rows[Y2].Scale(f);
        rows[Y2].AddScaled(-g, secondZ2);
        rows[Z1].Scale(g);
        rows[Z2].Scale(-g);
        return rows;
    }

    private double Ask(IObjective<V> objective, V[] at, Output<V>[] outputs)
    {
        var request = new PreparedRequest<V>(new CountingObjective<V>(objective, calls), [at], outputs, values: true);
        request.Evaluate();
        return request.Values[0];
    }

    private V[] Step(V[] u, V[] rows, double step)
    {
        V[] moved = [.. u.Select(v => v.Copy())];
        for (int b = 0; b < BlockCount; b++)
        {
            if (moved[b].Length == 0) continue;
            moved[b].AddScaled(-step, rows[b]);
            problem.Blocks[b].Term.Prox(moved[b], b is X1 or X2 ? step : step * penalty);
        }

        return moved;
    }

    // Any step gives a valid certificate; this one, from differences of the rows along themselves, gives small numbers.
    private double EstimateSmoothness(V[] u, V[] rows)
    {
        double norm = Math.Sqrt(rows.Sum(v => v.Dot(v))), size = Math.Sqrt(u.Sum(v => v.Dot(v)));
        if (!(norm > 0)) return 1;
        V[] near = [.. u.Select(v => v.Copy())];
        double length = Math.Sqrt(Precision.Of(u[X1])) * (1 + size) / norm;
        for (int b = 0; b < BlockCount; b++) near[b].AddScaled(-length, rows[b]);
        V[] there = Rows(near);
        double change = 0;
        for (int b = 0; b < BlockCount; b++)
        {
            there[b].AddScaled(-1, rows[b]);
            change += there[b].Dot(there[b]);
        }

        return Math.Max(Math.Sqrt(change) / (length * norm), 1e-6);
    }
}
