namespace Bilevel.Tasks;

/// <summary>
/// The formulas of group-robust logistic regression with an l2 weight e^x, and its reference solutions by Newton's
/// method: the opponent is eliminated by q = projection of 1/G + L(w)/tau to the simplex, which leaves a convex function
/// of w whose second derivative gives F' by the implicit function theorem.
/// </summary>
internal sealed class GroupLogistic
{
    /// <summary>tau.</summary>
    public const double Tau = 0.5;

    /// <summary>Number of features.</summary>
    public const int Features = 4;

    private const int Groups = 2, ScanPoints = 100;

    private GroupLogistic(LogisticRows training, LogisticRows validation) => (Training, Validation) = (training, validation);

    /// <summary>The training rows.</summary>
    public LogisticRows Training { get; }

    /// <summary>The validation rows.</summary>
    public LogisticRows Validation { get; }

    /// <summary>The data of test D1: seed 9; 160 and 40 training rows of the two groups, then 50 and 50 validation rows.</summary>
    public static GroupLogistic D1()
    {
        var random = new SplitMix64(9);
        return new GroupLogistic(LogisticRows.Draw(random, 160, 40), LogisticRows.Draw(random, 50, 50));
    }

    /// <summary>g(x, w, q).</summary>
    public double Lower(double x, ReadOnlySpan<double> w, ReadOnlySpan<double> q)
    {
        double value = Math.Exp(x) / 2 * Dot(w, w);
        for (int g = 0; g < Groups; g++) value += (q[g] * Training.Loss(w, g)) - (Tau / 2 * (q[g] - (1.0 / Groups)) * (q[g] - (1.0 / Groups)));
        return value;
    }

    /// <summary>The opponent's answer to a model.</summary>
    public double[] Opponent(ReadOnlySpan<double> w)
    {
        // Of two weights that add up to 1 only their difference is free.
        double tilt = Math.Clamp((Training.Loss(w, 0) - Training.Loss(w, 1)) / (2 * Tau), -0.5, 0.5);
        return [0.5 + tilt, 0.5 - tilt];
    }

    /// <summary>The model of the saddle at x.</summary>
    public double[] Robust(double x) => Newton(x, w => Opponent(w), answers: true);

    /// <summary>The model trained at fixed group weights: plain training where they are the groups' shares.</summary>
    public double[] Fixed(double x, double[] q) => Newton(x, _ => q, answers: false);

    /// <summary>F(x): the mean validation loss at the saddle.</summary>
    public double Hyperobjective(double x) => Validation.Mean(Robust(x));

    /// <summary>F'(x) = -(grad V)' H^-1 e^x w; not defined where q is just leaving the boundary.</summary>
    public double Hypergradient(double x)
    {
        double[] w = Robust(x), gradient = new double[Features];
        Validation.AddMeanGradient(w, gradient);
        return -Math.Exp(x) * Dot(gradient, Cholesky.Of(Hessian(x, w, Opponent(w), answers: true)).Solve(w));
    }

    /// <summary>The best x between two ends: the best of a scan, then bisection on F'.</summary>
    public double Best(double low, double high)
    {
        double spacing = (high - low) / ScanPoints;
        double best = Enumerable.Range(0, ScanPoints + 1).Select(i => low + (i * spacing)).MinBy(Hyperobjective);
        double left = Math.Max(low, best - spacing), right = Math.Min(high, best + spacing);
        if (Hypergradient(left) >= 0) return left;
        if (Hypergradient(right) <= 0) return right;
        while (true)
        {
            double middle = (left + right) / 2;
            if (middle <= left || middle >= right) return middle;
            if (Hypergradient(middle) < 0) left = middle;
            else right = middle;
        }
    }

    /// <summary>The primal-dual gap of the lower level at (x; w, q).</summary>
    public double Gap(double x, double[] w, double[] q) => Lower(x, w, Opponent(w)) - Lower(x, Fixed(x, q), q);

    private double[] Newton(double x, Func<double[], double[]> opponent, bool answers)
    {
        double[] w = new double[Features];
        double value = Lower(x, w, opponent(w));
        while (true)
        {
            double[] q = opponent(w), gradient = [.. w.Select(c => Math.Exp(x) * c)];
            for (int g = 0; g < Groups; g++) Training.AddGradient(w, g, q[g], gradient);
            double[] step = Cholesky.Of(Hessian(x, w, q, answers)).Solve(gradient);
            double decrement = Dot(gradient, step);
            for (double length = 1; ; length /= 2)
            {
                double[] trial = [.. w.Zip(step, (c, s) => c - (length * s))];
                double there = Lower(x, trial, opponent(trial));
                if (there < value - (0.1 * length * decrement))
                {
                    (w, value) = (trial, there);
                    break;
                }

                // Values no longer tell: one more full step, which converges quadratically, and it is done.
                if (decrement <= 1e-13 * (1 + value)) return [.. w.Zip(step, (c, s) => c - s)];
                if (length < 1e-9) throw new InvalidOperationException("Newton's method made no progress.");
            }
        }
    }

    // sum q_g H_g + e^x I, and the opponent's answer: (L_0' - L_1')(L_0' - L_1')' / (2 tau) while q is inside the simplex.
    private Matrix Hessian(double x, double[] w, double[] q, bool answers)
    {
        var hessian = Matrix.Diagonal([.. Enumerable.Repeat(Math.Exp(x), Features)]);
        for (int g = 0; g < Groups; g++) Training.AddHessian(w, g, q[g], hessian);
        if (!answers || q[0] is <= 0 or >= 1) return hessian;
        double[] difference = new double[Features];
        Training.AddGradient(w, 0, 1, difference);
        Training.AddGradient(w, 1, -1, difference);
        hessian.AddOuter(1 / (2 * Tau), difference);
        return hessian;
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b) => System.Numerics.Tensors.TensorPrimitives.Dot(a, b);
}

/// <summary>Rows of a logistic model in groups that follow each other, each row multiplied by its label 1 or -1.</summary>
internal sealed class LogisticRows
{
    private readonly Matrix rows;
    private readonly int[] ends;

    private LogisticRows(Matrix rows, int[] ends) => (this.rows, this.ends) = (rows, ends);

    /// <summary>Draws groups 0 and 1: the second feature goes with the label in the first group and against it in the second.</summary>
    public static LogisticRows Draw(SplitMix64 random, int first, int second)
    {
        var rows = new Matrix(first + second, GroupLogistic.Features);
        for (int i = 0; i < rows.Rows; i++)
        {
            double label = random.NextUniform() < 0.5 ? 1 : -1, sign = i < first ? 1 : -1;
            double[] features = [label + random.NextNormal(), (sign * 1.5 * label) + (0.5 * random.NextNormal()), random.NextNormal(), 1];
            for (int j = 0; j < features.Length; j++) rows[i, j] = label * features[j];
        }

        return new LogisticRows(rows, [first, first + second]);
    }

    /// <summary>Row i times its label.</summary>
    public ReadOnlySpan<double> Row(int i) => rows.Row(i);

    /// <summary>Number of rows.</summary>
    public int Count => rows.Rows;

    /// <summary>Mean loss of a group.</summary>
    public double Loss(ReadOnlySpan<double> w, int group) => Sum(w, Begin(group), ends[group]) / (ends[group] - Begin(group));

    /// <summary>Mean loss of all rows.</summary>
    public double Mean(ReadOnlySpan<double> w) => Sum(w, 0, Count) / Count;

    /// <summary>result += factor times the gradient of a group's mean loss.</summary>
    public void AddGradient(ReadOnlySpan<double> w, int group, double factor, Span<double> result) =>
        AddGradient(w, Begin(group), ends[group], factor / (ends[group] - Begin(group)), result);

    /// <summary>result += the gradient of the mean loss.</summary>
    public void AddMeanGradient(ReadOnlySpan<double> w, Span<double> result) => AddGradient(w, 0, Count, 1.0 / Count, result);

    /// <summary>result += factor times the second derivative of a group's mean loss.</summary>
    public void AddHessian(ReadOnlySpan<double> w, int group, double factor, Matrix result)
    {
        for (int i = Begin(group); i < ends[group]; i++)
        {
            double p = Sigmoid(-Margin(w, i));
            result.AddOuter(factor / (ends[group] - Begin(group)) * p * (1 - p), rows.Row(i));
        }
    }

    private void AddGradient(ReadOnlySpan<double> w, int begin, int end, double factor, Span<double> result)
    {
        for (int i = begin; i < end; i++)
        {
            double slope = -factor * Sigmoid(-Margin(w, i));
            for (int j = 0; j < result.Length; j++) result[j] += slope * rows[i, j];
        }
    }

    private double Sum(ReadOnlySpan<double> w, int begin, int end)
    {
        double sum = 0;
        for (int i = begin; i < end; i++)
        {
            double margin = Margin(w, i);
            sum += Math.Max(-margin, 0) + Math.Log(1 + Math.Exp(-Math.Abs(margin)));
        }

        return sum;
    }

    private double Margin(ReadOnlySpan<double> w, int i) => System.Numerics.Tensors.TensorPrimitives.Dot<double>(rows.Row(i), w);

    private int Begin(int group) => group == 0 ? 0 : ends[group - 1];

    private static double Sigmoid(double t) => 1 / (1 + Math.Exp(-t));
}
