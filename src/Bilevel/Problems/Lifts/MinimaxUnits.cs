using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// The units of a bilevel minimax problem, powers of two: what counts as one of f, of g, of x1, of y1 and of every row of
/// the lower level's constraints, found at a start from sizes, gradients and curvatures. What is within a factor of
/// sixteen of one stays as it is.
/// </summary>
/// <param name="Upper">The unit of f.</param>
/// <param name="Lower">The unit of g.</param>
/// <param name="X1">The unit of x1.</param>
/// <param name="Y1">The unit of y1 and z1.</param>
/// <param name="Rows">The units of the constraints, where z2 holds their multipliers; null where it does not.</param>
internal sealed record MinimaxUnits(double Upper, double Lower, double X1, double Y1, double[]? Rows)
{
    // Nothing is done about what is within this factor of one.
    private const double Fine = 16;

    // Differences are taken over this share of a unit, and so many random directions tell the sizes of rows.
    private const double Share = 1e-3;

    private const int Directions = 6;

    /// <summary>Whether every unit is one.</summary>
    public bool IsOne => Upper == 1 && Lower == 1 && X1 == 1 && Y1 == 1 && Rows is null;

    /// <summary>Finds the units at a start.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">Six blocks, feasible; not changed.</param>
    public static MinimaxUnits Of<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V>
    {
        var none = new MinimaxUnits(1, 1, 1, 1, null);
        bool isDense = typeof(V) == typeof(DenseVector<double>) || typeof(V) == typeof(DenseVector<float>);
        if (!isDense || start[X1Block].Length == 0 || start[Y1Block].Length == 0) return none;
        var at = new Probe<V>(problem, start);

        // x1 and y1 are in proportion as the follower's answer, or its constraints, tie them: g_yy dy = -g_yx dx.
        double sizeX = Size(start[X1Block]), sizeY = Size(start[Y1Block]);
        double ratio = at.Lower(Curve.YX) / at.Lower(Curve.YY);
        if (!IsUsable(ratio)) ratio = at.RowRatio;
        if (!IsUsable(ratio)) ratio = Math.Sqrt(at.UpperXX / at.UpperYY);
        if (!IsUsable(ratio)) ratio = sizeX > 0 && sizeY > 0 ? sizeY / sizeX : 1;
        double x = Math.Max(sizeX, sizeY / ratio);
        if (!IsUsable(x)) x = at.SlackX(ratio);
        if (!IsUsable(x)) x = 1;
        double unitX = Unit(x), unitY = Unit(x * ratio);

        double lower = at.Lower(Curve.YY) * unitY * unitY;
        if (!IsUsable(lower)) lower = at.LowerSlope * unitY;
        double upper = Math.Max(Math.Max(at.UpperXX * unitX * unitX, at.UpperYY * unitY * unitY), Math.Max(at.UpperSlopeX * unitX, at.UpperSlopeY * unitY));
        double[]? rows = at.Rows(unitX, unitY);
        if (rows is not null) KeepVariables(problem.LowerMultipliers, rows, Unit(lower));
        if (rows is not null && Array.TrueForAll(rows, r => r == 1) && Unit(lower) == 1) rows = null;
        return new MinimaxUnits(Unit(upper), Unit(lower), unitX, unitY, rows);
    }

    /// <summary>epsilon in these units for a tolerance of the gradient in x1 that is meant in the problem's own, at most <paramref name="most"/>.</summary>
    public double Tolerance(double tolerance, double most) => Math.Min(tolerance * X1 / Upper, Math.Max(most, IsOne ? tolerance : 0));

    /// <summary>The units in words.</summary>
    public override string ToString() => FormattableString.Invariant($"f {Upper:G3}, g {Lower:G3}, x1 {X1:G3}, y1 {Y1:G3}")
        + (Rows is { Length: > 0 } rows ? FormattableString.Invariant($", constraints {rows.Min():G3} to {rows.Max():G3}") : "");

    private const int X1Block = BilevelMinimaxProblem.X1, Y1Block = BilevelMinimaxProblem.Y1;

    private static bool IsUsable(double number) => number > 0 && double.IsFinite(number);

    private static double Unit(double size) => !IsUsable(size) || (size >= 1 / Fine && size <= Fine) ? 1 : Math.ScaleB(1, Math.ILogB(size));

    // Variables among the multipliers keep their unit, one.
    private static void KeepVariables<V>(Multipliers<V>? multipliers, double[] rows, double lower)
        where V : class, IVector<V>
    {
        IEnumerable<(int Length, bool IsVariable)> slices = multipliers switch
        {
            DenseMultipliers<double> dense => dense.Slices.Select(s => (s.Length, s.Kind is null)),
            DenseMultipliers<float> dense => dense.Slices.Select(s => (s.Length, s.Kind is null)),
            _ => [],
        };
        int offset = 0;
        foreach (var (length, isVariable) in slices)
        {
            if (isVariable) rows.AsSpan(offset, length).Fill(lower);
            offset += length;
        }
    }

    // The root of the mean square.
    private static double Size<V>(V vector)
        where V : class, IVector<V> => vector.Norm() / Math.Sqrt(Math.Max(1, vector.Length));

    private enum Curve
    {
        YY,
        YX,
    }

    // Gradients at the start and a short way off it, along random directions of x1 and of y1.
    private sealed class Probe<V>
        where V : class, IVector<V>
    {
        private readonly BilevelMinimaxProblem<V> problem;
        private readonly V[] u;
        private readonly double stepX, stepY;
        private readonly double[] rowsX = [], rowsY = [], rowValues = [];
        private readonly V fx, fy, gy, c;
        private readonly PreparedRequest<V> upper, lower;
        private readonly double lowerYY, lowerYX;

        public Probe(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start)
        {
            this.problem = problem;
            u = start.CopyBlocks();
            (fx, fy, gy, c) = (u[X1Block].ZerosLike(), u[Y1Block].ZerosLike(), u[Y1Block].ZerosLike(), u[Y2].ZerosLike());
            upper = new(problem.Upper, [[u[X1Block], u[X2], u[Y1Block], u[Y2]]], [new(BilevelMinimaxProblem.X1, 0, fx), new(BilevelMinimaxProblem.Y1, 0, fy)]);
            lower = new(problem.Lower, [[u[X1Block], u[Y1Block], u[Y2]]], [new(BilevelMinimaxProblem.Lower.Z1, 0, gy), new(BilevelMinimaxProblem.Lower.Z2, 0, c)]);
            (stepX, stepY) = (Share * Reach(problem.X1, u[X1Block]), Share * Reach(problem.Z1, u[Y1Block]));
            Evaluate();
            V fx0 = fx.Copy(), fy0 = fy.Copy(), gy0 = gy.Copy(), c0 = c.Copy();
            (UpperSlopeX, UpperSlopeY, LowerSlope) = (Size(fx0), Size(fy0), Size(gy0));
            bool hasRows = problem.LowerMultipliers is not null && c.Length > 0;
            if (hasRows) (rowsX, rowsY, rowValues) = (new double[c.Length], new double[c.Length], Absolute(c0, 1));
            for (int k = 0; k < Directions; k++)
            {
                double move = Off(BilevelMinimaxProblem.Y1, problem.Z1, start, stepY, 50 + (ulong)k);
                lowerYY = Math.Max(lowerYY, Change(gy, gy0) / move);
                UpperYY = Math.Max(UpperYY, Change(fy, fy0) / move);
                if (hasRows) Collect(rowsY, c0, move);
                move = Off(BilevelMinimaxProblem.X1, problem.X1, start, stepX, 70 + (ulong)k);
                lowerYX = Math.Max(lowerYX, Change(gy, gy0) / move);
                UpperXX = Math.Max(UpperXX, Change(fx, fx0) / move);
                if (hasRows) Collect(rowsX, c0, move);
            }
        }

        public double UpperXX { get; }

        public double UpperYY { get; }

        public double UpperSlopeX { get; }

        public double UpperSlopeY { get; }

        public double LowerSlope { get; }

        /// <summary>How far a row lets y1 move for a move of x1: the median.</summary>
        public double RowRatio => rowsX.Length == 0 ? double.NaN : rowsX.Zip(rowsY, (x, y) => x / y).Order().ElementAt(rowsX.Length / 2);

        public double Lower(Curve which) => which == Curve.YY ? lowerYY : lowerYX;

        /// <summary>The size of x1 from the rows, where both blocks start at zero: how far it is to them.</summary>
        public double SlackX(double ratio) => rowsX.Length == 0 ? double.NaN
            : rowValues.Select((c, i) => c / Math.Max(rowsX[i], rowsY[i] * ratio)).Where(IsUsable).DefaultIfEmpty(double.NaN).Order().First();

        public double[]? Rows(double unitX, double unitY) => rowsX.Length == 0 ? null : [.. rowsX.Zip(rowsY, (x, y) => Unit(Math.Max(x * unitX, y * unitY)))];

        private static double Reach(IProximalTerm<V> term, V at)
        {
            double diameter = term.DiameterAt(at.Length), size = Size(at);
            return double.IsFinite(diameter) && diameter > 0 ? Math.Min(diameter, size > 0 ? size : diameter) : size > 0 ? size : 1;
        }

        // Off the start in one block, and back; the length of the move as a root of the mean square.
        private double Off(int block, IProximalTerm<V> term, IReadOnlyList<V> start, double step, ulong key)
        {
            u[BilevelMinimaxProblem.X1].CopyFrom(start[BilevelMinimaxProblem.X1]);
            u[BilevelMinimaxProblem.Y1].CopyFrom(start[BilevelMinimaxProblem.Y1]);
            var direction = u[block].ZerosLike();
            RandomDirection.Fill(direction, key);
            u[block].AddScaled(step / Math.Max(Size(direction), double.Epsilon), direction);
            term.Project(u[block]);
            direction.CopyFrom(u[block]);
            direction.AddScaled(-1, start[block]);
            Evaluate();
            double move = Size(direction);
            return move > 0 ? move : double.PositiveInfinity;
        }

        private void Evaluate()
        {
            upper.Evaluate();
            lower.Evaluate();
        }

        private static double Change(V now, V before)
        {
            var change = now.Copy();
            change.AddScaled(-1, before);
            double size = Size(change);
            return double.IsFinite(size) ? size : 0;
        }

        private void Collect(double[] rows, V before, double move)
        {
            var change = c.Copy();
            change.AddScaled(-1, before);
            double[] sizes = Absolute(change, move);
            for (int i = 0; i < rows.Length; i++) rows[i] = Math.Max(rows[i], sizes[i]);
        }

        private static double[] Absolute(V vector, double over) => vector switch
        {
            DenseVector<double> dense => [.. dense.ToDoubles().Select(v => Math.Abs(v) / over)],
            DenseVector<float> dense => [.. dense.ToDoubles().Select(v => Math.Abs(v) / over)],
            _ => [],
        };
    }
}
