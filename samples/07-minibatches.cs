#:project ../src/Bilevel/Bilevel.csproj
// Objectives that are means over data, asked on minibatches. The leader picks the ridge e^x of a linear regression by its error on
// validation rows, the follower fits the weights w to training rows. F2SA sees 64 rows at a time; the answer on all rows is beside it:
// x = -0.48, F = 8.1930 by both here, and with other seeds x within 0.2 and F within 0.003 of it.
using Bilevel;
using Vector = Bilevel.DenseVector<double>;

const int Features = 10;
var (training, validation) = (Rows.Draw(key: 1, count: 300), Rows.Draw(key: 2, count: 1000));
var problem = new BilevelProblem<Vector>(upper: new SquaredError(validation, isRidge: false), lower: new SquaredError(training, isRidge: true))
{
    UpperSet = new Box<double>(-6, 3, length: 1),
};

// Steps of z below the reciprocal of the curvature average the noise, which lambda multiplies in the steps of x; those are small too.
var method = new F2sa { Batch = 64, StepZ = 0.05, StepX = 0.02, LambdaLimit = 30 };
var sampled = new Driver { Stop = Stop.Iterations(20_000) }.Run(method, problem, Vectors.Of(-5), Vectors.Zeros(Features), seed: 1);
var exact = BilevelSolver.Solve(problem, Vectors.Of(-5), Vectors.Zeros(Features), tolerance: 1e-6);
Console.WriteLine(FormattableString.Invariant($"minibatches: x = {sampled.X[0]:F2}, F = {sampled.UpperValue:F4}; all data: x = {exact.X[0]:F2}, F = {exact.UpperValue:F4}"));

// The mean of (a w - b)^2 / 2 over the rows of the sample, for the follower with e^x |w|^2 / 2. Dividing by the number of rows taken keeps
// every minibatch an unbiased estimate; Sample.All gives the exact value.
internal sealed class SquaredError(Rows data, bool isRidge) : PointObjective<Vector>
{
    protected override double Value(ReadOnlySpan<Vector> point, Sample sample)
    {
        var w = point[BilevelProblem.Y];
        var rows = sample.Rows(data.Count);
        double sum = 0;
        foreach (int i in rows) sum += Math.Pow(data.Error(i, w), 2) / 2;
        return (sum / rows.Count) + (isRidge ? Math.Exp(point[BilevelProblem.X][0]) * w.Dot(w) / 2 : 0);
    }

    protected override void Gradient(ReadOnlySpan<Vector> point, int block, Sample sample, Vector result)
    {
        var w = point[BilevelProblem.Y];
        double ridge = isRidge ? Math.Exp(point[BilevelProblem.X][0]) : 0;
        if (block == BilevelProblem.X)
        {
            result[0] = ridge * w.Dot(w) / 2;
            return;
        }

        var rows = sample.Rows(data.Count);
        result.CopyFrom(w);
        result.Scale(ridge);
        foreach (int i in rows) result.AddScaled(data.Error(i, w) / rows.Count, data.Inputs[i]);
    }
}

// Rows a with targets b = 0.5 sum of a + 4 noise.
internal sealed record Rows(Vector[] Inputs, double[] Targets)
{
    public int Count => Targets.Length;

    public double Error(int i, Vector w) => Inputs[i].Dot(w) - Targets[i];

    public static Rows Draw(ulong key, int count)
    {
        const int Width = 10;
        Vector[] inputs = [.. Enumerable.Range(0, count).Select(i => new Vector([.. Enumerable.Range(0, Width).Select(j => RandomBits.Normal(key, (ulong)((i * Width) + j)))]))];
        return new Rows(inputs, [.. inputs.Select((a, i) => (0.5 * a.Span.ToArray().Sum()) + (4 * RandomBits.Normal(key + 10, (ulong)i)))]);
    }
}
