namespace Bilevel.Tests;

/// <summary>
/// A method that does what a test tells it: in step k it adds 1 to x[0], asks for so many y-gradients of f, calls
/// back, and has the residual residual(k).
/// </summary>
internal sealed record ScriptedMethod(Func<long, double> Residual) : IBilevelMethod
{
    public string Name { get; init; } = "scripted";

    public int CallsPerStep { get; init; } = 1;

    public int CallsToStart { get; init; }

    public Action<long> OnStep { get; init; } = _ => { };

    public Action<DenseVector<double>[]> OnStart { get; init; } = _ => { };

    public IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V>
    {
        OnStart([(DenseVector<double>)(object)x.Copy(), (DenseVector<double>)(object)y.Copy()]);
        return new Run<V>(this, problem, x.Copy(), y.Copy());
    }

    public IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V> => [];

    private sealed class Run<V> : IRun<V>
        where V : class, IVector<V>
    {
        private readonly ScriptedMethod script;
        private readonly V[] point;
        private readonly V derived;          // 2 x at the start: derived, not saved
        private readonly PreparedRequest<V> gradient;
        private long k;

        public Run(ScriptedMethod script, BilevelProblem<V> problem, V x, V y)
        {
            (this.script, point) = (script, [x, y]);
            gradient = new(problem.Upper, [point], [new(BilevelProblem.Y, 0, y.ZerosLike())]);
            for (int i = 0; i < script.CallsToStart; i++) gradient.Evaluate();
            derived = x.Copy();
            derived.Scale(2);
        }

        public double Residual => k == 0 ? double.NaN : script.Residual(k);

        public double Penalty => 10 * k;

        public ReadOnlySpan<V> Point => point;

        public void Step()
        {
            for (int i = 0; i < script.CallsPerStep; i++) gradient.Evaluate();
            var (x, y) = ((DenseVector<double>)(object)point[0], (DenseVector<double>)(object)point[1]);
            x[0]++;
            y[0] += ((DenseVector<double>)(object)derived)[0];
            k++;
            script.OnStep(k);
        }

        public void Transfer(IArchive<V> archive)
        {
            archive.Transfer(point[0]);
            archive.Transfer(point[1]);
            archive.Transfer(ref k);
        }
    }
}
