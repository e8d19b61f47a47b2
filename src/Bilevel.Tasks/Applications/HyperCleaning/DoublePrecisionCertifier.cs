namespace Bilevel.Tasks;

/// <summary>
/// Checks an answer that was found in single precision on the same problem in double precision, where rounding leaves the
/// bounds room: the numbers of the answer are numbers of double precision too.
/// </summary>
/// <param name="problem">The problem in double precision; made when first asked for.</param>
internal sealed class DoublePrecisionCertifier(Func<BilevelProblem<DenseVector<double>>> problem) : ICertifier
{
    private readonly Lazy<BilevelProblem<DenseVector<double>>> wide = new(problem);

    public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
        where V : class, IVector<V>
    {
        var (x, y) = (Widen(point[BilevelProblem.X]), Widen(point[BilevelProblem.Y]));
        var own = wide.Value;

        // What may end the solves of the given problem ends these too.
        if (problem.Lower is InterruptibleObjective<V> { Check: var check })
            own = own with { Upper = new InterruptibleObjective<DenseVector<double>>(own.Upper, check), Lower = new InterruptibleObjective<DenseVector<double>>(own.Lower, check) };
        return new(new HypergradientCertificate().Check(own, x, y, tolerance, penalty), point);
    }

    private static DenseVector<double> Widen<V>(V narrow)
        where V : class, IVector<V> => narrow is DenseVector<float> vector
        ? new DenseVector<double>(vector.ToDoubles())
        : throw new ArgumentException($"The answer is made of {typeof(V).Name}, not of numbers in single precision.", nameof(narrow));
}
