namespace Bilevel;

/// <summary>The certificate of each problem class of this library.</summary>
internal static class Certifiers
{
    /// <summary>The certificate that suits a problem.</summary>
    public static ICertifier For<V>(IProblem<V> problem)
        where V : class, IVector<V> => problem switch
        {
            BilevelProblem<V> => new HypergradientCertificate(),
            BilevelMinimaxProblem<V> => new KktCertificate(),
            _ => new NoCertificate(),
        };

    // For a class of the user's own without a certificate.
    private sealed record NoCertificate : ICertifier
    {
        public CertifiedPoint<V> Check<V>(IProblem<V> problem, IReadOnlyList<V> point, double tolerance, double penalty, bool quick)
            where V : class, IVector<V> =>
            new(new Certificate(Verdict.NotCheckable, tolerance, "Not checkable: there is no certificate for problems of this class; set Driver.Certifier.", [], [], double.NaN, double.NaN, 0), point);
    }
}
