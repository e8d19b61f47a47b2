using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>
/// A linear or diagonal quadratic program with bounds on every variable: minimise c'v + v'Qv/2 subject to A v = b,
/// lower &lt;= v &lt;= upper, all bounds finite. It is solved by Mehrotra's predictor-corrector interior-point method with
/// dense Cholesky on the rows of A: for programs with few rows, to check answers by. An inequality is an equality with a
/// slack variable.
/// </summary>
internal sealed class BoundedProgram
{
    private const int IterationLimit = 200;
    private readonly Matrix rows;
    private readonly double[] right, linear, curvature, lower, upper;

    /// <param name="rows">A, of full row rank.</param>
    /// <param name="right">b.</param>
    /// <param name="linear">c.</param>
    /// <param name="lower">Lower bounds.</param>
    /// <param name="upper">Upper bounds, above the lower ones.</param>
    /// <param name="curvature">The diagonal of Q, not negative; null for a linear program.</param>
    public BoundedProgram(Matrix rows, double[] right, double[] linear, double[] lower, double[] upper, double[]? curvature = null)
    {
        int n = rows.Columns;
        (this.rows, this.right, this.linear, this.lower, this.upper, this.curvature) = (rows, right, linear, lower, upper, curvature ?? new double[n]);
        if (right.Length != rows.Rows || linear.Length != n || lower.Length != n || upper.Length != n || this.curvature.Length != n) throw new ArgumentException("The parts of the program do not fit each other.");
        for (int j = 0; j < n; j++)
        {
            if (!(lower[j] < upper[j]) || !double.IsFinite(upper[j] - lower[j])) throw new ArgumentException($"The bounds of variable {j} are not finite, or leave it no room.");
        }
    }

    /// <summary>c'v + v'Qv/2.</summary>
    public double Value(ReadOnlySpan<double> v)
    {
        double sum = 0;
        for (int j = 0; j < v.Length; j++) sum += v[j] * (linear[j] + (curvature[j] * v[j] / 2));
        return sum;
    }

    /// <summary>The largest component of |A v - b|.</summary>
    public double Violation(ReadOnlySpan<double> v) => Math.Abs(TensorPrimitives.MaxMagnitude<double>(Excess(v)));

    /// <summary>
    /// The smallest value over the box of the Lagrangian c'v + v'Qv/2 + m'(A v - b): a lower bound of the optimal value
    /// for every m, whoever found it.
    /// </summary>
    public double Bound(ReadOnlySpan<double> multipliers)
    {
        double[] slope = rows.TransposeTimes(multipliers);
        double sum = -TensorPrimitives.Dot(multipliers, right);
        for (int j = 0; j < slope.Length; j++)
        {
            double s = slope[j] + linear[j];
            double v = curvature[j] > 0 ? Math.Clamp(-s / curvature[j], lower[j], upper[j]) : s > 0 ? lower[j] : upper[j];
            sum += v * (s + (curvature[j] * v / 2));
        }

        return sum;
    }

    /// <summary>Solves the program; what the answer says of itself tells whether that succeeded.</summary>
    public ProgramAnswer Solve()
    {
        int n = linear.Length;
        double size = 1 + TensorPrimitives.Norm<double>(linear) / Math.Sqrt(n), span = 1 + Math.Abs(TensorPrimitives.MaxMagnitude<double>(right));
        double[] v = new double[n], m = new double[right.Length], low = new double[n], high = new double[n];
        for (int j = 0; j < n; j++) (v[j], low[j], high[j]) = ((lower[j] + upper[j]) / 2, size, size);
        double[] dual = new double[n], weight = new double[n], toLow = new double[n], toHigh = new double[n];
        ProgramAnswer best = Answer(v, m);
        for (int k = 0; k < IterationLimit; k++)
        {
            double[] excess = Excess(v), slope = rows.TransposeTimes(m);
            double product = 0;
            for (int j = 0; j < n; j++)
            {
                dual[j] = linear[j] + (curvature[j] * v[j]) + slope[j] - low[j] + high[j];
                weight[j] = 1 / (curvature[j] + (low[j] / (v[j] - lower[j])) + (high[j] / (upper[j] - v[j])));
                product += (low[j] * (v[j] - lower[j])) + (high[j] * (upper[j] - v[j]));
            }

            if (Factor(weight) is not { } factor) break;

            // The predictor aims at complementarity 0; how far it gets tells the corrector what to aim at.
            for (int j = 0; j < n; j++) (toLow[j], toHigh[j]) = (-low[j] * (v[j] - lower[j]), -high[j] * (upper[j] - v[j]));
            var step = Direction(factor);
            var (primal, slack) = (Longest(step.V, forV: true), Math.Min(Longest(step.Low, forV: false, low), Longest(step.High, forV: false, high)));
            double ahead = 0;
            for (int j = 0; j < n; j++)
            {
                ahead += ((low[j] + (slack * step.Low[j])) * (v[j] + (primal * step.V[j]) - lower[j])) + ((high[j] + (slack * step.High[j])) * (upper[j] - v[j] - (primal * step.V[j])));
            }

            double aim = Math.Pow(Math.Max(0, ahead) / product, 3) * product / (2 * n);
            for (int j = 0; j < n; j++)
            {
                toLow[j] += aim - (step.V[j] * step.Low[j]);
                toHigh[j] += aim + (step.V[j] * step.High[j]);
            }

            step = Direction(factor);
            const double Back = 0.995;
            (primal, slack) = (Math.Min(1, Back * Longest(step.V, forV: true)), Math.Min(1, Back * Math.Min(Longest(step.Low, forV: false, low), Longest(step.High, forV: false, high))));
            if (curvature.AsSpan().ContainsAnyExcept(0)) primal = slack = Math.Min(primal, slack);
            for (int j = 0; j < n; j++)
            {
                v[j] = Math.Clamp(v[j] + (primal * step.V[j]), Math.BitIncrement(lower[j]), Math.BitDecrement(upper[j]));
                low[j] += slack * step.Low[j];
                high[j] += slack * step.High[j];
            }

            for (int i = 0; i < m.Length; i++) m[i] += slack * step.M[i];
            var answer = Answer(v, m);
            if (!double.IsFinite(answer.Gap)) break;
            if (answer.Merit(span, size) < best.Merit(span, size)) best = answer;
            else if (best.Merit(span, size) < 1e-9) break;

            (double[] V, double[] M, double[] Low, double[] High) Direction(Cholesky factor)
            {
                double[] aimed = new double[n], weighted = new double[n];
                for (int j = 0; j < n; j++)
                {
                    aimed[j] = -dual[j] + (toLow[j] / (v[j] - lower[j])) - (toHigh[j] / (upper[j] - v[j]));
                    weighted[j] = weight[j] * aimed[j];
                }

                double[] target = rows.Times(weighted);
                for (int i = 0; i < target.Length; i++) target[i] += excess[i];
                double[] moveM = factor.Solve(target), pull = rows.TransposeTimes(moveM);
                double[] moveV = new double[n], moveLow = new double[n], moveHigh = new double[n];
                for (int j = 0; j < n; j++)
                {
                    moveV[j] = weight[j] * (aimed[j] - pull[j]);
                    moveLow[j] = (toLow[j] - (low[j] * moveV[j])) / (v[j] - lower[j]);
                    moveHigh[j] = (toHigh[j] + (high[j] * moveV[j])) / (upper[j] - v[j]);
                }

                return (moveV, moveM, moveLow, moveHigh);
            }

            double Longest(double[] move, bool forV, double[]? from = null)
            {
                double longest = 1 / Back;
                for (int j = 0; j < n; j++)
                {
                    double room = forV ? (move[j] < 0 ? v[j] - lower[j] : upper[j] - v[j]) : move[j] < 0 ? from![j] : double.PositiveInfinity;
                    if (Math.Abs(move[j]) * longest > room) longest = room / Math.Abs(move[j]);
                }

                return longest;
            }
        }

        return best;
    }

    private ProgramAnswer Answer(double[] v, double[] m) => new([.. v], [.. m], Value(v), Bound(m), Violation(v));

    private double[] Excess(ReadOnlySpan<double> v)
    {
        double[] excess = rows.Times(v);
        TensorPrimitives.Subtract(excess, right, excess);
        return excess;
    }

    // A diag(weight) A', which rounding may make indefinite at the very end.
    private Cholesky? Factor(double[] weight)
    {
        var normal = new Matrix(rows.Rows, rows.Rows);
        double[] weighted = new double[weight.Length];
        double largest = 0;
        for (int i = 0; i < rows.Rows; i++)
        {
            TensorPrimitives.Multiply(rows.Row(i), weight, weighted);
            for (int k = 0; k <= i; k++) normal[i, k] = normal[k, i] = TensorPrimitives.Dot<double>(weighted, rows.Row(k));
            largest = Math.Max(largest, normal[i, i]);
        }

        for (int i = 0; i < rows.Rows; i++) normal[i, i] += 1e-15 * largest;
        return Cholesky.TryOf(normal);
    }
}

/// <summary>What a solve of a <see cref="BoundedProgram"/> found, with its own proof: no feasible point has a value below the bound.</summary>
/// <param name="Point">v, strictly within its bounds.</param>
/// <param name="Multipliers">m, of the rows: the optimal value changes by -m'e when b changes by e.</param>
/// <param name="Value">The value at the point.</param>
/// <param name="Bound">A lower bound of the optimal value.</param>
/// <param name="Violation">The largest component of |A v - b|.</param>
internal sealed record ProgramAnswer(double[] Point, double[] Multipliers, double Value, double Bound, double Violation)
{
    /// <summary>Value minus bound.</summary>
    public double Gap => Value - Bound;

    /// <summary>Whether the point is feasible and its value optimal within that tolerance; an infeasible program never succeeds.</summary>
    public bool Succeeded(double tolerance = 1e-7) => Math.Abs(Gap) <= tolerance * (1 + Math.Abs(Value)) && Violation <= tolerance;

    internal double Merit(double span, double size) => (Math.Abs(Gap) / (size + Math.Abs(Value))) + (Violation / span);
}
