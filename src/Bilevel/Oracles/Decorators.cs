using System.Numerics;

namespace Bilevel;

/// <summary>How often an objective was asked, per block; one gradient at one point counts as one, however it was fused.</summary>
/// <param name="blocks">Number of blocks.</param>
public sealed class OracleCounts(int blocks)
{
    private readonly long[] gradients = new long[blocks];
    private long points, values;

    /// <summary>Number of gradients of each block; a combined output over two points counts two.</summary>
    public ReadOnlySpan<long> Gradients => gradients;

    /// <summary>Number of points at which a gradient in one block or more was asked.</summary>
    public long Points => points;

    /// <summary>Number of values.</summary>
    public long Values => values;

    /// <summary>Number of gradients over all blocks, the cost that the literature counts.</summary>
    public long Total
    {
        get
        {
            long total = 0;
            foreach (long g in gradients) total += g;
            return total;
        }
    }

    /// <summary>Adds what the request asks.</summary>
    public void Add<V>(in Request<V> request)
        where V : class, IVector<V>
    {
        ulong asked = 0;
        foreach (ref readonly var output in request.Gradients)
        {
            bool all = output.Point == Output.Combined;
            gradients[output.Block] += all ? request.PointCount : 1;
            asked |= all ? ulong.MaxValue : 1UL << (output.Point & 63);
        }

        if (asked != 0) points += Math.Min(request.PointCount, BitOperations.PopCount(asked));
        values += request.Values.Length;
    }

    /// <summary>Adds what was counted elsewhere.</summary>
    internal void Add(OracleCounts other)
    {
        for (int b = 0; b < gradients.Length; b++) gradients[b] += other.gradients[b];
        (points, values) = (points + other.points, values + other.values);
    }

    /// <summary>Number of gradients that the request asks for.</summary>
    public static long GradientsOf<V>(in Request<V> request)
        where V : class, IVector<V>
    {
        long total = 0;
        foreach (ref readonly var output in request.Gradients) total += output.Point == Output.Combined ? request.PointCount : 1;
        return total;
    }

    /// <summary>Saves or loads the counts.</summary>
    public void Transfer(IArchive archive)
    {
        for (int b = 0; b < gradients.Length; b++) archive.Transfer(ref gradients[b]);
        archive.Transfer(ref points);
        archive.Transfer(ref values);
    }
}

/// <summary>Counts what an objective is asked.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="inner">Who answers.</param>
/// <param name="counts">Where to count; several objectives may share one.</param>
public sealed class CountingObjective<V>(IObjective<V> inner, OracleCounts counts) : IObjective<V>
    where V : class, IVector<V>
{
    /// <summary>The counts so far.</summary>
    public OracleCounts Counts { get; } = counts;

    /// <inheritdoc/>
    public void Evaluate(in Request<V> request)
    {
        Counts.Add(request);
        inner.Evaluate(request);
    }
}

/// <summary>A number of gradients that may be spent, shared by the objectives of a problem.</summary>
/// <param name="limit">Number of gradients allowed.</param>
internal sealed class OracleBudget(long limit)
{
    private long spent;

    /// <summary>Number of gradients allowed.</summary>
    public long Limit { get; } = limit;

    /// <summary>Number of gradients spent.</summary>
    public long Spent => spent;

    /// <summary>Spends <paramref name="gradients"/>.</summary>
    /// <exception cref="OracleBudgetException">That many are not left; nothing is spent.</exception>
    public void Spend(long gradients)
    {
        if (gradients > Limit - spent) throw new OracleBudgetException(Limit);
        spent += gradients;
    }

    /// <summary>Saves or loads what is spent.</summary>
    public void Transfer(IArchive archive) => archive.Transfer(ref spent);
}

/// <summary>A budget of oracle calls would be exceeded. The driver turns it into a status.</summary>
/// <param name="limit">Number of gradients allowed.</param>
public sealed class OracleBudgetException(long limit)
    : Exception($"The budget of {limit.ToString(System.Globalization.CultureInfo.InvariantCulture)} oracle calls is used up.");

/// <summary>Refuses a request that would exceed a budget, before any of it is evaluated.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="inner">Who answers.</param>
/// <param name="budget">The budget; the objectives of a problem may share one.</param>
internal sealed class BudgetedObjective<V>(IObjective<V> inner, OracleBudget budget) : IObjective<V>
    where V : class, IVector<V>
{
    /// <inheritdoc/>
    public void Evaluate(in Request<V> request)
    {
        budget.Spend(OracleCounts.GradientsOf(request));
        inner.Evaluate(request);
    }
}
