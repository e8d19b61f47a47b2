using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks;

/// <summary>Settings of <see cref="GroupDroLogisticTask"/>; there are none.</summary>
internal sealed record GroupDroLogisticSettings;

/// <summary>
/// Test D1 (applications, section 7.7), a logistic model with a spurious feature that points the other way in the second
/// group: x1 = x, the logarithm of the l2 weight; z1 the model; z2 the weights of the two groups. The upper level is the
/// mean validation loss, so x2 is absent.
/// </summary>
internal sealed class GroupDroLogisticTask : TaskOf<GroupDroLogisticSettings>
{
    private const double LowerX = -8, UpperX = 2, StartX = -3;

    /// <inheritdoc/>
    public override string Name => "group-dro-logistic";

    /// <inheritdoc/>
    public override string Summary => "Group-robust logistic regression of 200 rows with a spurious feature; the l2 weight is learned.";

    /// <inheritdoc/>
    public override TaskInstance Create(GroupDroLogisticSettings settings, TaskContext context) => Instance();

    /// <summary>The problem, started at x = -3 and the lower saddle there.</summary>
    public static MinimaxInstance<DenseVector<double>> Instance()
    {
        var model = GroupLogistic.D1();
        double best = model.Best(LowerX, UpperX);
        var answer = new KnownAnswer<DenseVector<double>>
        {
            X = Vectors.Of(best),
            UpperValue = model.Hyperobjective(best),
            Accuracy = 1e-9,
            Hyperobjective = x => model.Hyperobjective(x[0]),
            Hypergradient = x => Vectors.Of(model.Hypergradient(x[0])),
            Saddle = x =>
            {
                double[] z1 = model.Robust(x[0]);
                return (new DenseVector<double>(z1), new DenseVector<double>(model.Opponent(z1)));
            },
            Gap = (x, y1, y2) => model.Gap(x[0], y1.ToDoubles(), y2.ToDoubles()),
        };
        var problem = new BilevelMinimaxProblem<DenseVector<double>>(new UpperObjective(model), new LowerObjective(model))
        {
            X1 = new Box<double>(LowerX, UpperX, 1),
            Z2 = new Simplex<double>(1, 2),
            Constants = new MinimaxConstants { LowerStrongConvexity = Math.Exp(LowerX), LowerStrongConcavity = GroupLogistic.Tau },
        };
        double[] w = model.Robust(StartX);
        return KnownMinimax.Instance(problem, Start(Vectors.Of(StartX), Vectors.Zeros(0), new DenseVector<double>(w), new DenseVector<double>(model.Opponent(w))), answer);
    }

    private sealed class UpperObjective(GroupLogistic model) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) => model.Validation.Mean(point[Y1].Span);

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            result.Span.Clear();
            if (block == Y1) model.Validation.AddMeanGradient(point[Y1].Span, result.Span);
        }
    }

    private sealed class LowerObjective(GroupLogistic model) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample) =>
            model.Lower(point[Lower.X1][0], point[Lower.Z1].Span, point[Lower.Z2].Span);

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            ReadOnlySpan<double> w = point[Lower.Z1].Span, q = point[Lower.Z2].Span;
            double ridge = Math.Exp(point[Lower.X1][0]), norm = point[Lower.Z1].Norm();
            result.Span.Clear();
            if (block == Lower.X1)
            {
                result[0] = ridge / 2 * norm * norm;
            }
            else if (block == Lower.Z2)
            {
                for (int g = 0; g < q.Length; g++) result[g] = model.Training.Loss(w, g) - (GroupLogistic.Tau * (q[g] - (1.0 / q.Length)));
            }
            else
            {
                for (int g = 0; g < q.Length; g++) model.Training.AddGradient(w, g, q[g], result.Span);
                result.AddScaled(ridge, point[Lower.Z1]);
            }
        }
    }
}
