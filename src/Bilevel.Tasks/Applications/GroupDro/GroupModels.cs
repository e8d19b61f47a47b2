namespace Bilevel.Tasks;

/// <summary>
/// Classifiers of some rows trained to convergence, by limited-memory BFGS and without the method that is judged: plain
/// ones, and group-robust ones, whose opponent is eliminated by its closed form q = projection of 1/G + L/tau to the simplex.
/// </summary>
/// <param name="part">The rows to train on.</param>
/// <param name="groups">Number of groups.</param>
/// <param name="context">Number of threads, on which the result does not depend, and whether to end.</param>
internal sealed class GroupModels(GroupPart part, int groups, TaskContext context)
{
    // The classifiers are exact to about this gradient norm.
    private const double Accuracy = 1e-8;

    private readonly FeatureRows<double> rows = part.Data.Features<double>();

    private int Classes => part.Data.Source.ClassNames.Count;

    /// <summary>Trained on all rows alike: minimises the mean cross-entropy and ridge/2 |W|^2.</summary>
    public DenseVector<double> Plain(double ridge)
    {
        double[] shares = [.. part.Sizes(groups).Select(n => (double)n / rows.Count)];
        return Fit(new LeaderLayout(0, 0, 0, ridge, 1), Vectors.Zeros(0), (_, q) => shares.CopyTo(q));
    }

    /// <summary>Group-robust training at fixed ridge and tau.</summary>
    public DenseVector<double> Robust(double ridge, double tau) => Robust(new LeaderLayout(0, 0, 0, ridge, tau), Vectors.Zeros(0));

    /// <summary>Group-robust training at a leader's variable.</summary>
    public DenseVector<double> Robust(LeaderLayout layout, DenseVector<double> leader)
    {
        double tau = layout.Tau<double>(leader.Span);
        return Fit(layout, leader, (losses, q) => Opponent(losses, tau, q));
    }

    /// <summary>q, the answer of the lower opponent to a classifier.</summary>
    public double[] Answer(LeaderLayout layout, DenseVector<double> leader, DenseVector<double> classifier)
    {
        double[] q = new double[groups];
        Opponent(Level(layout).Losses(leader, classifier), layout.Tau<double>(leader.Span), q);
        return q;
    }

    private static void Opponent(ReadOnlySpan<double> losses, double tau, Span<double> q)
    {
        for (int g = 0; g < q.Length; g++) q[g] = (1.0 / q.Length) + (losses[g] / tau);
        new Simplex<double>(1, q.Length).Project(q);
    }

    private AnsweredLevel Level(LeaderLayout layout, Opponent? opponent = null) =>
        new(new RobustSoftmaxLoss<double>(rows, part.Data.Labels, part.Groups, groups, Classes, layout, context.Threads), groups, opponent ?? ((_, _) => { }));

    private DenseVector<double> Fit(LeaderLayout layout, DenseVector<double> leader, Opponent opponent) =>
        LowerLevelSolver.Solve(context.Interruptible(Level(layout, opponent)), leader, Vectors.Zeros(rows.FeatureCount * Classes), new WholeSpace<DenseVector<double>>(), Accuracy).Y;
}

/// <summary>Fills in q from the group losses.</summary>
internal delegate void Opponent(ReadOnlySpan<double> losses, Span<double> q);

/// <summary>
/// The lower level against an opponent who answers every classifier, over the blocks (x1, W); the gradient in W is that
/// at the answer (Danskin). Two passes over the rows: one for the answers, one for the rest.
/// </summary>
internal sealed class AnsweredLevel(RobustSoftmaxLoss<double> level, int groups, Opponent opponent) : IObjective<DenseVector<double>>
{
    private const int Blocks = BilevelMinimaxProblem.LowerCount, W = BilevelMinimaxProblem.Lower.Z1, Q = BilevelMinimaxProblem.Lower.Z2;

    public void Evaluate(in Request<DenseVector<double>> request)
    {
        var points = new DenseVector<double>[Blocks * request.PointCount];
        for (int p = 0; p < request.PointCount; p++)
        {
            var (leader, classifier) = (request.Point(p)[0], request.Point(p)[W]);
            (points[Blocks * p], points[(Blocks * p) + W], points[(Blocks * p) + Q]) = (leader, classifier, new DenseVector<double>(groups));
            opponent(Losses(leader, classifier), points[(Blocks * p) + Q].Span);
        }

        level.Evaluate(request.Rerouted(points, Blocks, request.Gradients, request.Values));
    }

    /// <summary>L_g at a classifier: the gradient in q where q = 1/G.</summary>
    public ReadOnlySpan<double> Losses(DenseVector<double> leader, DenseVector<double> classifier)
    {
        DenseVector<double> even = new(groups), losses = new(groups);
        even.Span.Fill(1.0 / groups);
        level.Evaluate(new Request<DenseVector<double>> { Points = [leader, classifier, even], Blocks = Blocks, Gradients = [new(Q, 0, losses)] });
        return losses.Span;
    }
}

/// <summary>What a classifier makes of the groups of some rows.</summary>
/// <param name="Mean">Its mean loss and accuracy.</param>
/// <param name="Losses">Mean cross-entropy by group; NaN for one without rows.</param>
/// <param name="Accuracies">Accuracy by group; NaN for one without rows.</param>
/// <param name="Sizes">Number of rows by group.</param>
internal sealed record GroupScores(ModelScores Mean, double[] Losses, double[] Accuracies, int[] Sizes)
{
    /// <summary>Accuracy of the worst of the groups with enough rows; NaN where none has.</summary>
    public double WorstAccuracy => Accuracies.Where((_, g) => Sizes[g] >= GroupData.FewestRows).DefaultIfEmpty(double.NaN).Min();

    /// <summary>Loss of the worst of some groups.</summary>
    public double WorstLoss(int[] groups) => groups.Max(g => Losses[g]);

    /// <summary>The accuracy that rows in other shares of the groups would have: the mean of the groups' accuracies, weighed by these sizes; NaN where one of them has no rows.</summary>
    /// <param name="sizes">A size for every group.</param>
    public double AccuracyAt(int[] sizes) => Accuracies.Zip(sizes, (accuracy, size) => accuracy * size).Sum() / sizes.Sum();

    public static GroupScores Of(DenseVector<double> classifier, GroupPart part, FeatureRows<double> rows, int groups, int threads)
    {
        int[] labels = part.Data.Labels, sizes = part.Sizes(groups);
        int classes = part.Data.Source.ClassNames.Count;
        var mean = ModelScores.Of(classifier, rows, labels, classes, threads);
        double[] losses = new double[groups], right = new double[groups];
        var pass = new SoftmaxPass<double>(rows, labels, classes, threads);
        pass.Run(Sample.All, [classifier], new double[1][], new DenseVector<double>?[1], losses: true);
        for (int i = 0; i < labels.Length; i++)
        {
            losses[part.Groups[i]] += pass.Losses[i];
            if (mean.Predictions[i] == labels[i]) right[part.Groups[i]]++;
        }

        return new GroupScores(mean, [.. losses.Zip(sizes, (sum, n) => sum / n)], [.. right.Zip(sizes, (sum, n) => sum / n)], sizes);
    }
}
