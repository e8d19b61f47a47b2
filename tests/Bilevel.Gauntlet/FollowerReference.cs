using System.Numerics.Tensors;
using Bilevel.Tasks;

namespace Bilevel.Gauntlet;

/// <summary>The follower's answer at one u.</summary>
/// <param name="W">w*.</param>
/// <param name="Multipliers">One per row, 0 where the row is not active.</param>
/// <param name="Residual">Largest of |q_w + P'm| and of the violations of rows, relative to the sizes of what is added up.</param>
internal sealed record FollowerSolution(double[] W, double[] Multipliers, double Residual);

/// <summary>
/// The reference for a problem of the gauntlet, with exact second derivatives: the follower minimises g over the rows
/// P w + Q u &lt;= r by the method of multipliers with Newton's method inside, F and grad F come from the implicit function theorem
/// on the active rows. It shares no code with the library's methods and certificates.
/// </summary>
/// <param name="upper">f before its units.</param>
/// <param name="lower">g before its units.</param>
/// <param name="p">P, rows of norm 1; no rows where the follower is free.</param>
/// <param name="q">Q.</param>
/// <param name="right">r.</param>
internal sealed class FollowerReference(ScaledFunction upper, ScaledFunction lower, Matrix p, Matrix q, double[] right)
{
    // The weight of the squares of violations, over the largest curvature, which is about 1.
    private const double Penalty = 100;
    private const int Rounds = 100, NewtonSteps = 3000;

    private readonly int rows = right.Length;

    /// <summary>P w + Q u - r.</summary>
    public double[] RowValues(ReadOnlySpan<double> u, ReadOnlySpan<double> w)
    {
        double[] values = [.. right.Select(v => -v)];
        p.AddTimes(1, w, values);
        q.AddTimes(1, u, values);
        return values;
    }

    /// <summary>g before its units.</summary>
    public double LowerValue(ReadOnlySpan<double> u, ReadOnlySpan<double> w) => lower.Value(u, w);

    /// <summary>w*(u), from a start.</summary>
    public FollowerSolution Solve(ReadOnlySpan<double> u, ReadOnlySpan<double> start)
    {
        double[] w = start.ToArray(), multipliers = new double[rows];
        if (rows == 0) return Finish(u, Newton(u, w, multipliers), multipliers);
        double best = double.PositiveInfinity;
        int worse = 0;
        var (bestW, bestMultipliers) = (w, multipliers);
        for (int round = 0; round < Rounds && worse < 3; round++)
        {
            w = Newton(u, w, multipliers);
            double[] c = RowValues(u, w);
            multipliers = [.. multipliers.Zip(c, (m, v) => Math.Max(0, m + (Penalty * v)))];
            var finished = Polish(u, w, multipliers);
            if (finished.Residual < best)
            {
                worse = finished.Residual < best / 2 ? 0 : worse + 1;
                (best, bestW, bestMultipliers) = (finished.Residual, finished.W, finished.Multipliers);
            }
            else
            {
                worse++;
            }

            if (best < 1e-13) break;
        }

        return new FollowerSolution(bestW, bestMultipliers, best);
    }

    /// <summary>F and grad F in u, at the follower's answer.</summary>
    public (double Value, double[] Gradient) Hyper(ReadOnlySpan<double> u, FollowerSolution follower)
    {
        double[] gradient = new double[upper.SizeU], ofW = new double[upper.SizeW];
        upper.GradientU(u, follower.W, gradient);
        upper.GradientW(u, follower.W, ofW);

        // [G P'; P 0][v; n] = [f_w; 0] and grad F = f_u - g_wu' v - Q' n.
        var (v, n) = SolveFace(lower.HessianW(u, follower.W), Active(follower), ofW, null);
        lower.HessianMixed(u, follower.W).AddTransposeTimes(-1, v, gradient);
        q.AddTransposeTimes(-1, n, gradient);
        return (upper.Value(u, follower.W), gradient);
    }

    /// <summary>
    /// The residual of the leader's conditions: the least norm over v and n of (f_u - g_wu' v - Q' n, f_w - g_ww v - P' n, P v), with P, Q and n of
    /// the active rows. grad F is the first part where the others are zero; the norm of all is what the KKT conditions of a penalty function bound.
    /// </summary>
    /// <param name="u">u.</param>
    /// <param name="w">w.</param>
    /// <param name="active">The rows that count as active.</param>
    public double KktDistance(ReadOnlySpan<double> u, double[] w, IEnumerable<int> active)
    {
        int sizeU = upper.SizeU, sizeW = upper.SizeW;
        int[] face = [.. active];
        var rest = new double[sizeU + sizeW + face.Length];
        upper.GradientU(u, w, rest.AsSpan(0, sizeU));
        upper.GradientW(u, w, rest.AsSpan(sizeU, sizeW));
        Matrix hessian = lower.HessianW(u, w), mixed = lower.HessianMixed(u, w);
        List<double[]> columns = [.. Enumerable.Range(0, sizeW).Select(j => (double[])[.. mixed.Row(j), .. hessian.Row(j), .. face.Select(i => p[i, j])]), .. face.Select(i => (double[])[.. q.Row(i), .. p.Row(i), .. new double[face.Length]])];

        // By Gram and Schmidt, twice, columns that depend on those before them left out.
        List<double[]> basis = [];
        foreach (double[] column in columns)
        {
            double before = TensorPrimitives.Norm<double>(column);
            for (int pass = 0; pass < 2; pass++) Reduce(column);
            double after = TensorPrimitives.Norm<double>(column);
            if (!(after > 1e-13 * before)) continue;
            TensorPrimitives.Multiply(column, 1 / after, column);
            basis.Add(column);
        }

        for (int pass = 0; pass < 2; pass++) Reduce(rest);
        return TensorPrimitives.Norm<double>(rest);

        void Reduce(double[] vector)
        {
            foreach (double[] direction in basis) TensorPrimitives.MultiplyAdd(direction, -TensorPrimitives.Dot<double>(direction, vector), vector, vector);
        }
    }

    /// <summary>dw*/du on the face of the active rows.</summary>
    public Matrix Jacobian(ReadOnlySpan<double> u, FollowerSolution follower)
    {
        Matrix mixed = lower.HessianMixed(u, follower.W), hessian = lower.HessianW(u, follower.W), jacobian = new(lower.SizeW, lower.SizeU);
        int[] active = Active(follower);
        for (int j = 0; j < lower.SizeU; j++)
        {
            double[] first = new double[lower.SizeW], second = new double[rows];
            for (int i = 0; i < first.Length; i++) first[i] = -mixed[i, j];
            for (int i = 0; i < rows; i++) second[i] = -q[i, j];
            double[] column = SolveFace(hessian, active, first, second).Point;
            for (int i = 0; i < column.Length; i++) jacobian[i, j] = column[i];
        }

        return jacobian;
    }

    /// <summary>The rows whose multipliers are positive.</summary>
    public static int[] Active(FollowerSolution follower) => [.. Enumerable.Range(0, follower.Multipliers.Length).Where(i => follower.Multipliers[i] > 0)];

    // Solves [G P'; P 0][v; n] = [first; second] for the active rows; n is 0 for the others. Rows that depend on those before them are left out.
    private (double[] Point, double[] Multipliers) SolveFace(Matrix hessian, int[] active, double[] first, double[]? second)
    {
        var factor = Cholesky.Of(hessian);
        double[] free = factor.Solve(first), n = new double[rows];
        if (active.Length == 0) return (free, n);
        double[][] solved = [.. active.Select(i => factor.Solve(p.Row(i)))];
        List<int> kept = [];
        for (int i = 0; i < active.Length; i++)
        {
            kept.Add(i);
            if (Independent(kept)) continue;
            kept.RemoveAt(kept.Count - 1);
        }

        double[] rest = [.. kept.Select(i => TensorPrimitives.Dot(p.Row(active[i]), free) - (second?[active[i]] ?? 0))];
        double[] multipliers = Cholesky.Of(Schur(kept)).Solve(rest);
        for (int i = 0; i < kept.Count; i++)
        {
            n[active[kept[i]]] = multipliers[i];
            TensorPrimitives.MultiplyAdd(solved[kept[i]], -multipliers[i], free, free);
        }

        return (free, n);

        Matrix Schur(List<int> of)
        {
            var schur = new Matrix(of.Count, of.Count);
            for (int i = 0; i < of.Count; i++)
            {
                for (int j = 0; j < of.Count; j++) schur[i, j] = TensorPrimitives.Dot(p.Row(active[of[i]]), solved[of[j]]);
            }

            return schur;
        }

        bool Independent(List<int> of)
        {
            var schur = Schur(of);
            for (int i = 0; i < of.Count; i++) schur[i, i] *= 1 - 1e-12;
            return Cholesky.TryOf(schur) is not null;
        }
    }

    // A Newton step on the equations of the active rows, kept where it makes the residual smaller.
    private FollowerSolution Polish(ReadOnlySpan<double> u, double[] w, double[] multipliers)
    {
        var solution = Finish(u, w, multipliers);
        for (int k = 0; k < 3; k++)
        {
            var next = Step(u, solution);
            if (!(next.Residual < solution.Residual)) break;
            solution = next;
        }

        return solution;
    }

    private FollowerSolution Step(ReadOnlySpan<double> u, FollowerSolution at)
    {
        double[] gradient = new double[lower.SizeW], values = RowValues(u, at.W);
        lower.GradientW(u, at.W, gradient);
        var (move, multipliers) = SolveFace(lower.HessianW(u, at.W), Active(at), [.. gradient.Select(g => -g)], [.. values.Select(v => -v)]);
        return Finish(u, [.. at.W.Zip(move, (a, b) => a + b)], [.. multipliers.Select(m => Math.Max(0, m))]);
    }

    private FollowerSolution Finish(ReadOnlySpan<double> u, double[] w, double[] multipliers)
    {
        double[] gradient = new double[lower.SizeW], values = RowValues(u, w);
        lower.GradientW(u, w, gradient);
        p.AddTransposeTimes(1, multipliers, gradient);
        double size = 1 + TensorPrimitives.Norm<double>(w) + TensorPrimitives.Norm(u);
        double worst = TensorPrimitives.Norm<double>(gradient) / size;
        for (int i = 0; i < rows; i++) worst = Math.Max(worst, (multipliers[i] > 0 ? Math.Abs(values[i]) : Math.Max(0, values[i])) / size);
        return new FollowerSolution(w, multipliers, worst);
    }

    // min over w of g + sum_i max(0, m_i + Penalty c_i)^2 / (2 Penalty), by Newton's method with backtracking.
    private double[] Newton(ReadOnlySpan<double> u, double[] start, double[] multipliers)
    {
        double[] w = start, best = start;
        double least = double.PositiveInfinity;
        int still = 0;
        double size = 1 + TensorPrimitives.Norm(u) + TensorPrimitives.Norm<double>(start);
        for (int k = 0; k < NewtonSteps && still < (least <= 1e-9 * size ? 3 : 1000); k++)
        {
            var gradient = new double[lower.SizeW];
            lower.GradientW(u, w, gradient);
            var hessian = lower.HessianW(u, w);
            double[] c = RowValues(u, w);
            for (int i = 0; i < rows; i++)
            {
                double pressure = multipliers[i] + (Penalty * c[i]);
                if (pressure <= 0) continue;
                TensorPrimitives.MultiplyAdd(p.Row(i), pressure, gradient, gradient);
                hessian.AddOuter(Penalty, p.Row(i));
            }

            double norm = TensorPrimitives.Norm<double>(gradient);
            still = norm < 0.5 * least ? 0 : still + 1;
            if (norm < least) (least, best) = (norm, w);
            if (norm == 0) break;
            double[] move = Cholesky.Of(hessian).Solve(gradient);
            double slope = TensorPrimitives.Dot<double>(move, gradient), value = Merit(u, w, multipliers), step = 1;
            double[] next = w;
            for (int halving = 0; halving < 50; halving++, step /= 2)
            {
                next = [.. w.Zip(move, (a, b) => a - (step * b))];
                if (Merit(u, next, multipliers) <= value - (1e-4 * step * slope) + (1e-13 * Math.Abs(value))) break;
            }

            w = next;
        }

        return best;
    }

    private double Merit(ReadOnlySpan<double> u, double[] w, double[] multipliers)
    {
        double sum = lower.Value(u, w);
        double[] c = RowValues(u, w);
        for (int i = 0; i < rows; i++)
        {
            double pressure = Math.Max(0, multipliers[i] + (Penalty * c[i]));
            sum += pressure * pressure / (2 * Penalty);
        }

        return sum;
    }
}
