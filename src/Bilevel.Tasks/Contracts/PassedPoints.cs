namespace Bilevel.Tasks;

/// <summary>Points that runs passed: of every doubling of the iteration number the one with the least f, as long as there is room the least of these.</summary>
internal sealed class PassedPoints<V>(IProblem<V> problem)
    where V : class, IVector<V>
{
    // Eight looks per doubling of the iteration number, as rows of the trace.
    private const int LooksPerDoubling = 8, Room = 8;

    private readonly List<Kept> kept = [];

    /// <summary>The points, the one with the least f first.</summary>
    public IEnumerable<(IReadOnlyList<V> Point, double Value, long Iteration)> Promising =>
        kept.Where(k => double.IsFinite(k.Value)).OrderBy(k => k.Value).ThenBy(k => k.Iteration).Select(k => ((IReadOnlyList<V>)k.Point, k.Value, k.Iteration));

    /// <summary>Whether the point of an iteration is looked at.</summary>
    public static bool IsLook(long iteration) => iteration % Math.Max(1, (1L << (int)long.Log2(iteration)) / LooksPerDoubling) == 0;

    /// <summary>Makes room for points like this one; later steps copy into it.</summary>
    public void Prepare(ReadOnlySpan<V> like)
    {
        while (kept.Count < Room) kept.Add(new Kept(like));
    }

    /// <summary>Reads f, with its terms, at a point that is changed in place; its negative where the leader maximises.</summary>
    public ValueAt Reader(ReadOnlySpan<V> point) => new(problem, point.ToArray());

    /// <summary>Takes a point in, where it is worth it.</summary>
    public void Offer(ReadOnlySpan<V> point, double value, long iteration)
    {
        if (!double.IsFinite(value)) return;
        Kept worst = kept[0];
        foreach (var k in kept)
        {
            if (k.Iteration > 0 && long.Log2(k.Iteration) == long.Log2(iteration))
            {
                if (value < k.Value) k.Take(point, value, iteration);
                return;
            }

            if (k.Value > worst.Value) worst = k;
        }

        if (value < worst.Value) worst.Take(point, value, iteration);
    }

    public void Transfer(IArchive<V> archive)
    {
        foreach (var k in kept) k.Transfer(archive);
    }

    /// <summary>Reads f, with its terms.</summary>
    internal sealed class ValueAt(IProblem<V> problem, V[] point)
    {
        private readonly PreparedRequest<V> upper = new(problem.Upper, [problem.UpperPoint(point)], [], values: true);

        public double Read()
        {
            upper.Evaluate();
            return BestPoint<V>.SignOf(problem) * (upper.Values[0] + problem.TermsAt(point).Upper);
        }
    }

    private sealed class Kept(ReadOnlySpan<V> like)
    {
        private double value = double.PositiveInfinity;
        private long iteration;

        public V[] Point { get; } = [.. like.ToArray().Select(b => b.Copy())];

        public double Value => value;

        public long Iteration => iteration;

        public void Take(ReadOnlySpan<V> point, double f, long k)
        {
            for (int b = 0; b < Point.Length; b++) Point[b].CopyFrom(point[b]);
            (value, iteration) = (f, k);
        }

        public void Transfer(IArchive<V> archive)
        {
            foreach (var block in Point) archive.Transfer(block);
            archive.Transfer(ref value);
            archive.Transfer(ref iteration);
        }
    }
}
