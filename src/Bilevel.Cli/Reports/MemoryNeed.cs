namespace Bilevel.Cli;

/// <summary>What a run will keep in memory besides its data, told before it begins where that is much.</summary>
internal static class MemoryNeed
{
    // Copies of all variables that the driver and the search for the best point keep, and those of the follower's that the certificate does.
    private const double Copies = 12, OfFollower = 60;

    /// <summary>About how many bytes that is.</summary>
    public static double Of<V>(IMethod method, IProblem<V> problem, IReadOnlyList<V> start, bool certify)
        where V : class, IVector<V>
    {
        double numbers = method.NumbersKept(problem, start) + (Copies * start.Sum(b => (double)b.Length)) + (certify ? OfFollower * start[problem.FollowerBlock].Length : 0);
        return numbers * (start[0] is IStorable { ByteCount: > 0 and var bytes } ? bytes / (double)start[0].Length : sizeof(double));
    }

    /// <summary>The sentence to tell; null where the run needs no more than half of the memory that there is.</summary>
    /// <param name="need">Bytes that the run keeps.</param>
    /// <param name="available">Bytes that there are.</param>
    /// <param name="variables">Number of variables.</param>
    /// <param name="method">The method.</param>
    public static string? Sentence(double need, double available, long variables, string method) => need <= available / 2 ? null
        : $"{method} will keep about {Gigabytes(need)} for {Numbers.Count(variables)} variables besides the data, more than half of the {Gigabytes(available)} of memory that there are. Take a method that keeps fewer copies (f2sa for bilevel problems, ogda for games), use float32 where the task has --precision, leave the certificate out (--no-certificate), or take a machine with more memory.";

    private static string Gigabytes(double bytes) => FormattableString.Invariant($"{bytes / 1e9:G3} GB");
}
