namespace Bilevel.Tasks.Tests;

public sealed class NumericsTests
{
    [Fact]
    public void SplitMix64GivesTheCheckNumbers()
    {
        SplitMix64 outputs = new(42), uniforms = new(42), normals = new(42);

        Assert.Equal([13679457532755275413UL, 2949826092126892291UL, 5139283748462763858UL], [outputs.Next(), outputs.Next(), outputs.Next()]);
        Assert.Equal([0.7415648787718233, 0.1599103928769201, 0.27860113025513866], [uniforms.NextUniform(), uniforms.NextUniform(), uniforms.NextUniform()]);
        foreach (double expected in new[] { 0.8822489062222688, -0.4508498757188601, 0.1883526341159315 }) Assert.Equal(expected, normals.NextNormal(), 1e-15);
    }

    [Fact]
    public void CholeskySolvesAndRefusesIndefiniteMatrices()
    {
        var random = new SplitMix64(3);
        var factor = random.NextNormals(6, 6);
        var matrix = factor * factor.Transpose() + Matrix.Diagonal([1, 1, 1, 1, 1, 1]);
        double[] right = random.NextNormals(6);

        double[] solution = Cholesky.Of(matrix).Solve(right);

        Assert.All(matrix.Times(solution).Zip(right), pair => Assert.Equal(pair.Second, pair.First, 1e-12));
        Assert.Null(Cholesky.TryOf(Matrix.Diagonal([1, -1])));
    }

    [Fact]
    public void EigenvaluesOfAKnownSpectrumComeBack()
    {
        // [[2, 1], [1, 2]] has 1 and 3; a direct sum with 5 and -4 keeps them.
        var matrix = Matrix.Diagonal([2, 2, 5, -4]);
        (matrix[0, 1], matrix[1, 0]) = (1, 1);

        Assert.All(SymmetricEigenvalues.Of(matrix).Zip([-4, 1, 3, 5.0]), pair => Assert.Equal(pair.Second, pair.First, 1e-13));
        var random = new SplitMix64(5).NextNormals(7, 4);
        Assert.Equal(SymmetricEigenvalues.Of(random * random.Transpose())[^1], random.SpectralNorm() * random.SpectralNorm(), 1e-11);
    }

    [Fact]
    public void TheLineMinimumIsFoundInsideAndAtAnEnd()
    {
        Assert.Equal(0.3, LineMinimum.Of(x => (x - 0.3) * (x - 0.3), x => 2 * (x - 0.3), -1, 2, 7), 1e-14);
        Assert.Equal(2, LineMinimum.Of(x => -x, _ => -1, -1, 2, 7));
    }
}
