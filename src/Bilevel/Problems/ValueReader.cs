namespace Bilevel;

/// <summary>Reads the values of both levels at a point that is changed in place, proximal terms included; not counted.</summary>
internal sealed class ValueReader<V>(IProblem<V> problem, V[] point)
    where V : class, IVector<V>
{
    private readonly PreparedRequest<V> upper = new(problem.Upper, [problem.UpperPoint(point)], [], values: true);
    private readonly PreparedRequest<V> lower = new(problem.Lower, [problem.LowerPoint(point)], [], values: true);

    public (double Upper, double Lower) Read()
    {
        upper.Evaluate();
        lower.Evaluate();
        var terms = problem.TermsAt(point);
        return (upper.Values[0] + terms.Upper, lower.Values[0] + terms.Lower);
    }
}
