namespace Bilevel.Tasks;

/// <summary>A method that stays where it is: its answer is the start, read and certified by the driver like any other.</summary>
/// <param name="name">The name of the method that found the point.</param>
/// <param name="penalty">Its penalty parameter.</param>
internal sealed class StandingMethod(string name, double penalty) : IMethod
{
    public string Name => name;

    public IRun<V> Start<V>(IProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => new Run<V>([.. start.Select(b => b.Copy())], penalty);

    public IEnumerable<Finding> Validate<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => [];

    private sealed class Run<V>(V[] point, double penalty) : IRun<V>
        where V : class, IVector<V>
    {
        public double Residual => 1;

        public double Penalty => penalty;

        public ReadOnlySpan<V> Point => point;

        public void Step()
        {
            // It stays.
        }

        public void Transfer(IArchive<V> archive)
        {
            // There is nothing but the start.
        }
    }
}
