namespace Bilevel.Tests;

/// <summary>A method for any bilevel problem, written for a test; it takes every problem.</summary>
internal abstract record MethodOfTests(string Name) : IBilevelMethod
{
    public abstract IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V>;

    public IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V> => [];
}
