using Objective = Bilevel.FunctionObjective<Bilevel.DenseVector<double>>;

namespace Bilevel.Tests;

/// <summary>Gradients are held against values over lengths that suit the variable, whatever its size.</summary>
public sealed class SegmentCheckSizeTests
{
    // Sum of sin(a_i x_i / size), with one component of the gradient 2 % too large or none.
    private static Objective Waves(ulong seed, double size, double fault)
    {
        double A(int i) => 0.5 + RandomBits.Uniform(seed, 100 + (ulong)i);
        return new(
            (x, _) => Enumerable.Range(0, x.Length).Sum(i => Math.Sin(A(i) * x[i] / size)),
            (x, _, r) => r.Fill(i => (i == 0 ? 1 + fault : 1) * A(i) / size * Math.Cos(A(i) * x[i] / size)),
            (_, y, r) => r.Fill(_ => 0));
    }

    [Theory]
    [InlineData(1e-9)]
    [InlineData(1e-6)]
    [InlineData(1)]
    [InlineData(1e6)]
    [InlineData(1e9)]
    public void A_wrong_gradient_is_found_and_a_right_one_is_not_at_every_size(double size)
    {
        int found = 0;
        for (ulong seed = 0; seed < 40; seed++)
        {
            foreach (bool boxed in new[] { false, true })
            {
                IProximalTerm<DenseVector<double>> term = boxed ? new Box<double>(-1e4 * size, 1e4 * size) : new WholeSpace<DenseVector<double>>();
                DenseVector<double>[] at = [new(3), new(1)];
                at[0].Fill(i => size * (0.2 + RandomBits.Uniform(seed, (ulong)i)));
                Assert.Null(SegmentCheck.Find(Waves(seed, size, 0), at, [term, term], seed));
                if (SegmentCheck.Find(Waves(seed, size, 0.02), at, [term, term], seed) is not { } seen) continue;
                found++;
                Assert.Equal(0, seen.Block);
                Assert.NotEqual(seen.Declared, seen.Measured);
            }
        }

        Assert.True(found >= 76, $"{found} of 80");
    }
}
