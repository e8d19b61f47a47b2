namespace Bilevel.Tasks;

/// <summary>
/// Classifiers of the data trained to convergence, by limited-memory BFGS and without the method that is judged: plain
/// ones, and group-robust ones, whose opponent is eliminated by its closed form q = projection of 1/G + L/tau to the simplex.
/// </summary>
internal sealed class GroupModels(GroupData data, int threads)
{
    // The classifiers are exact to about this gradient norm.
    private const double Accuracy = 1e-8;

    private readonly FeatureRows<double> training = data.Training.Data.Features<double>();

    private int Groups => data.GroupNames.Count;

    private int Classes => data.ClassNames.Count;

    /// <summary>Trained on all rows alike: minimises the mean cross-entropy and ridge/2 |W|^2.</summary>
    public DenseVector<double> Plain(double ridge)
    {
        double[] shares = [.. data.Training.Sizes(Groups).Select(n => (double)n / training.Count)];
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
        double[] q = new double[Groups];
        Opponent(Level(layout).Losses(leader, classifier), layout.Tau<double>(leader.Span), q);
        return q;
    }

    private static void Opponent(ReadOnlySpan<double> losses, double tau, Span<double> q)
    {
        for (int g = 0; g < q.Length; g++) q[g] = (1.0 / q.Length) + (losses[g] / tau);
        new Simplex<double>(1, q.Length).Project(q);
    }

    private AnsweredLevel Level(LeaderLayout layout, Opponent? opponent = null) =>
        new(new RobustSoftmaxLoss<double>(training, data.Training.Data.Labels, data.Training.Groups, Groups, Classes, layout, threads), Groups, opponent ?? ((_, _) => { }));

    private DenseVector<double> Fit(LeaderLayout layout, DenseVector<double> leader, Opponent opponent) =>
        LowerLevelSolver.Solve(Level(layout, opponent), leader, Vectors.Zeros(training.FeatureCount * Classes), new WholeSpace<DenseVector<double>>(), Accuracy).Y;
}

/// <summary>Fills in q from the group losses.</summary>
internal delegate void Opponent(ReadOnlySpan<double> losses, Span<double> q);

/// <summary>The lower level against an opponent who answers every classifier, over the blocks (x1, W). Its gradient in W is that at the answer (Danskin).</summary>
internal sealed class AnsweredLevel(RobustSoftmaxLoss<double> level, int groups, Opponent opponent) : PointObjective<DenseVector<double>>
{
    private readonly DenseVector<double> q = new(groups), losses = new(groups);
    private readonly double[] value = new double[1];

    /// <summary>L_g at a classifier.</summary>
    public ReadOnlySpan<double> Losses(DenseVector<double> leader, DenseVector<double> classifier)
    {
        // The gradient in q where q = 1/G.
        q.Span.Fill(1.0 / groups);
        Ask([leader, classifier, q], BilevelMinimaxProblem.Lower.Z2, losses);
        return losses.Span;
    }

    protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
    {
        Answer(point);
        level.Evaluate(new Request<DenseVector<double>> { Points = [point[0], point[1], q], Blocks = 3, Values = value });
        return value[0];
    }

    protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
    {
        Answer(point);
        Ask([point[0], point[1], q], block, result);
    }

    private void Answer(ReadOnlySpan<DenseVector<double>> point)
    {
        var found = Losses(point[0], point[1]);
        opponent(found, q.Span);
    }

    private void Ask(ReadOnlySpan<DenseVector<double>> point, int block, DenseVector<double> result) =>
        level.Evaluate(new Request<DenseVector<double>> { Points = point, Blocks = 3, Gradients = [new(block, 0, result)] });
}

/// <summary>What a classifier makes of the groups of some rows.</summary>
/// <param name="Mean">Its mean loss and accuracy.</param>
/// <param name="Losses">Mean cross-entropy by group; NaN for one without rows.</param>
/// <param name="Accuracies">Accuracy by group; NaN for one without rows.</param>
internal sealed record GroupScores(ModelScores Mean, double[] Losses, double[] Accuracies)
{
    /// <summary>Loss of the worst group.</summary>
    public double WorstLoss => Losses.Where(double.IsFinite).Max();

    /// <summary>Accuracy of the worst group.</summary>
    public double WorstAccuracy => Accuracies.Where(double.IsFinite).Min();

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

        return new GroupScores(mean, [.. losses.Zip(sizes, (sum, n) => sum / n)], [.. right.Zip(sizes, (sum, n) => sum / n)]);
    }
}
