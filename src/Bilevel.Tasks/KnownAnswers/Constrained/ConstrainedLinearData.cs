using System.Numerics.Tensors;

namespace Bilevel.Tasks;

/// <summary>
/// The numbers of a <see cref="ConstrainedLinearTask"/> (after Lu and Mei, arXiv 2301.01716, section 4.2). The draws come
/// from one generator, whose seed depends on the sizes and the instance alone, in this order: c, d, A, B (row by row),
/// yHat (all of it again until it is strictly inside the box), lambda.
/// </summary>
internal sealed class ConstrainedLinearData
{
    private const double MatrixScale = 0.01, AnswerScale = 0.1;

    public ConstrainedLinearData(int upper, int lower, int constraints, int instance)
    {
        var random = new SplitMix64(Seed(upper, lower, constraints, instance));
        UpperX = random.NextNormals(upper);
        UpperY = random.NextNormals(lower);
        OfX = random.NextNormals(constraints, upper).Times(MatrixScale);
        OfZ = random.NextNormals(constraints, lower).Times(MatrixScale);
        do
        {
            Answer = random.NextNormals(lower);
            for (int i = 0; i < lower; i++) Answer[i] = Math.Clamp(AnswerScale * Answer[i], -1, 1);
        }
        while (TensorPrimitives.MaxMagnitude<double>(Answer) is >= 1 or <= -1);
        Multipliers = random.NextNormals(constraints);
        for (int i = 0; i < constraints; i++) Multipliers[i] = Math.Abs(Multipliers[i]);
        Right = OfZ.Times(Answer);
        LowerCost = OfZ.TransposeTimes(Multipliers);
        for (int i = 0; i < lower; i++) LowerCost[i] = -LowerCost[i];
    }

    /// <summary>c.</summary>
    public double[] UpperX { get; }

    /// <summary>d.</summary>
    public double[] UpperY { get; }

    /// <summary>A.</summary>
    public Matrix OfX { get; }

    /// <summary>B.</summary>
    public Matrix OfZ { get; }

    /// <summary>b.</summary>
    public double[] Right { get; }

    /// <summary>dTilde.</summary>
    public double[] LowerCost { get; }

    /// <summary>yHat, an answer of the lower level at x = 0.</summary>
    public double[] Answer { get; }

    /// <summary>
    /// lambda: optimal multipliers at x = 0, and wherever all constraints can hold with equality, because dTilde +
    /// B'lambda = 0.
    /// </summary>
    public double[] Multipliers { get; }

    public static ulong Seed(int upper, int lower, int constraints, int instance) =>
        RandomBits.At(RandomBits.At(RandomBits.At(RandomBits.At(0, (ulong)upper), (ulong)lower), (ulong)constraints), (ulong)instance);

    /// <summary>[A x + B z - b].</summary>
    public double[] Constraints(ReadOnlySpan<double> x, ReadOnlySpan<double> z)
    {
        double[] values = OfX.Times(x);
        OfZ.AddTimes(1, z, values);
        TensorPrimitives.Subtract(values, Right, values);
        return values;
    }

    /// <summary>The norm of [A x + B z - b]_+.</summary>
    public double Infeasibility(ReadOnlySpan<double> x, ReadOnlySpan<double> z)
    {
        double[] values = Constraints(x, z);
        TensorPrimitives.Max(values, 0, values);
        return TensorPrimitives.Norm<double>(values);
    }

    /// <summary>The primal-dual gap of the lower level with multipliers in a box: what every violation costs at the bound, less the best response to y2 in the box of z.</summary>
    /// <param name="x">x.</param>
    /// <param name="y1">The follower's answer.</param>
    /// <param name="y2">The multipliers of the rows times the factor.</param>
    /// <param name="factor">What the rows were multiplied by.</param>
    /// <param name="bound">The bound of the multipliers of the rows as generated.</param>
    public double Gap(ReadOnlySpan<double> x, ReadOnlySpan<double> y1, ReadOnlySpan<double> y2, double factor, double bound)
    {
        double primal = TensorPrimitives.Dot<double>(LowerCost, y1), dual = 0;
        foreach (double c in Constraints(x, y1)) primal += bound * Math.Max(0, c);
        var response = (double[])LowerCost.Clone();
        double[] atZero = Constraints(x, new double[LowerCost.Length]);
        for (int i = 0; i < atZero.Length; i++)
        {
            dual += factor * y2[i] * atZero[i];
            for (int k = 0; k < response.Length; k++) response[k] += factor * y2[i] * OfZ.Values[(i * response.Length) + k];
        }

        return primal - (dual - TensorPrimitives.SumOfMagnitudes<double>(response));
    }

    /// <summary>c'x + d'y.</summary>
    public double Upper(ReadOnlySpan<double> x, ReadOnlySpan<double> y) => TensorPrimitives.Dot(UpperX, x) + TensorPrimitives.Dot(UpperY, y);

    /// <summary>
    /// The lower level at x, with a slack variable per constraint: its variables are (z, slack), and its multipliers are
    /// those of the constraints. Null where a single constraint already cannot be met.
    /// </summary>
    public BoundedProgram? LowerLevel(ReadOnlySpan<double> x)
    {
        int m = LowerCost.Length, l = Right.Length;
        double[] right = OfX.Times(x);
        TensorPrimitives.Subtract(Right, right, right);
        var rows = new Matrix(l, m + l);
        double[] cost = new double[m + l], least = new double[m + l], most = new double[m + l];
        LowerCost.CopyTo(cost, 0);
        least.AsSpan(0, m).Fill(-1);
        most.AsSpan(0, m).Fill(1);
        for (int i = 0; i < l; i++)
        {
            OfZ.Row(i).CopyTo(rows.Row(i));
            rows[i, m + i] = 1;
            most[m + i] = right[i] + TensorPrimitives.SumOfMagnitudes<double>(OfZ.Row(i));
            if (!(most[m + i] > 0)) return null;
        }

        return new BoundedProgram(rows, right, cost, least, most);
    }

    /// <summary>
    /// Minimise c'x + d'y over the box subject to A x + B y = b. Where that has a solution, y is an answer of the lower
    /// level at x (its multipliers are lambda), so that the value is an upper bound of the best upper value.
    /// </summary>
    public BoundedProgram AllActive()
    {
        int n = UpperX.Length, m = UpperY.Length, l = Right.Length;
        var rows = new Matrix(l, n + m);
        for (int i = 0; i < l; i++)
        {
            OfX.Row(i).CopyTo(rows.Row(i)[..n]);
            OfZ.Row(i).CopyTo(rows.Row(i)[n..]);
        }

        return new BoundedProgram(rows, Right, [.. UpperX, .. UpperY], [.. Enumerable.Repeat(-1.0, n + m)], [.. Enumerable.Repeat(1.0, n + m)]);
    }

    /// <summary>The same with A x + B y &lt;= b: the best that could be if the lower level had no aim of its own, a lower bound of the best upper value.</summary>
    public BoundedProgram Cooperative()
    {
        int n = UpperX.Length, m = UpperY.Length, l = Right.Length;
        var rows = new Matrix(l, n + m + l);
        double[] most = [.. Enumerable.Repeat(1.0, n + m + l)], least = [.. Enumerable.Repeat(-1.0, n + m), .. new double[l]];
        for (int i = 0; i < l; i++)
        {
            OfX.Row(i).CopyTo(rows.Row(i)[..n]);
            OfZ.Row(i).CopyTo(rows.Row(i)[n..(n + m)]);
            rows[i, n + m + i] = 1;
            most[n + m + i] = Right[i] + TensorPrimitives.SumOfMagnitudes<double>(OfX.Row(i)) + TensorPrimitives.SumOfMagnitudes<double>(OfZ.Row(i));
        }

        return new BoundedProgram(rows, Right, [.. UpperX, .. UpperY, .. new double[l]], least, most);
    }
}
