namespace Bilevel;

/// <summary>
/// The last few moves and changes of a gradient, as an approximation of the inverse Hessian (limited-memory BFGS;
/// Liu and Nocedal, Mathematical Programming 45, 1989).
/// </summary>
internal sealed class LimitedMemory<V>
    where V : class, IVector<V>
{
    // A move along which the gradient changes by less than this share of its change says nothing but rounding.
    private const double SmallestCosine = 1e-12;

    // All pairs take no more than 256 MiB in double precision, as long as there are so many. By the length alone, since the same run
    // gives the same bits wherever it is computed.
    private const int LeastPairs = 5;
    private const long MostNumbers = 1 << 25;

    private readonly V[] moves, changes;      // s_k and q_k, a ring
    private readonly double[] inverse;        // 1 / s_k.q_k
    private readonly double[] alpha;
    private long count, next;

    /// <param name="like">A vector of the length and storage to work with.</param>
    /// <param name="capacity">Number of pairs that are kept, at least 1.</param>
    public LimitedMemory(V like, int capacity)
    {
        moves = [.. Enumerable.Range(0, capacity).Select(_ => like.ZerosLike())];
        changes = [.. Enumerable.Range(0, capacity).Select(_ => like.ZerosLike())];
        inverse = new double[capacity];
        alpha = new double[capacity];
    }

    /// <summary>The number of pairs of vectors of that length that are kept where so many are wished for.</summary>
    public static int Capacity(int wished, int length) => (int)Math.Min(wished, Math.Max(LeastPairs, MostNumbers / (2 * Math.Max(1L, length))));

    /// <summary>Whether nothing is known yet.</summary>
    public bool IsEmpty => count == 0;

    /// <summary>Forgets everything.</summary>
    public void Clear() => count = 0;

    /// <summary>Learns from a step.</summary>
    /// <param name="from">The point before.</param>
    /// <param name="to">The point after.</param>
    /// <param name="gradientFrom">The gradient before.</param>
    /// <param name="gradientTo">The gradient after.</param>
    public void Add(V from, V to, V gradientFrom, V gradientTo)
    {
        moves[next].CopyFrom(to);
        moves[next].AddScaled(-1, from);
        Close(gradientFrom, gradientTo);
    }

    /// <summary>Learns from a step.</summary>
    /// <param name="move">The step.</param>
    /// <param name="gradientFrom">The gradient before.</param>
    /// <param name="gradientTo">The gradient after.</param>
    public void Add(V move, V gradientFrom, V gradientTo)
    {
        moves[next].CopyFrom(move);
        Close(gradientFrom, gradientTo);
    }

    /// <summary>result = H gradient; with an empty memory H is the identity.</summary>
    public void Apply(V gradient, V result)
    {
        result.CopyFrom(gradient);
        if (count == 0) return;
        for (long k = 1; k <= count; k++)
        {
            int i = Slot(k);
            alpha[i] = inverse[i] * moves[i].Dot(result);
            result.AddScaled(-alpha[i], changes[i]);
        }

        int last = Slot(1);
        result.Scale(1 / (inverse[last] * changes[last].Dot(changes[last])));
        for (long k = count; k >= 1; k--)
        {
            int i = Slot(k);
            double beta = inverse[i] * changes[i].Dot(result);
            result.AddScaled(alpha[i] - beta, moves[i]);
        }
    }

    /// <summary>Saves or loads the pairs.</summary>
    public void Transfer(IArchive<V> archive)
    {
        archive.Transfer(ref count);
        archive.Transfer(ref next);
        for (long k = 1; k <= count; k++)
        {
            int i = Slot(k);
            archive.Transfer(moves[i]);
            archive.Transfer(changes[i]);
            archive.Transfer(ref inverse[i]);
        }
    }

    private void Close(V gradientFrom, V gradientTo)
    {
        var (s, q) = (moves[next], changes[next]);
        q.CopyFrom(gradientTo);
        q.AddScaled(-1, gradientFrom);
        double curvature = s.Dot(q);

        // The slot of the oldest pair is spent even where the new one is refused.
        if (!(curvature > SmallestCosine * s.Norm() * q.Norm()))
        {
            count = Math.Min(count, moves.Length - 1);
            return;
        }

        inverse[next] = 1 / curvature;
        next = (next + 1) % moves.Length;
        count = Math.Min(count + 1, moves.Length);
    }

    // The pair that is k-th youngest, from 1.
    private int Slot(long k) => (int)((next - k + moves.Length) % moves.Length);
}
