namespace Bilevel.Tasks.Tests;

public sealed class BoundedProgramTests
{
    [Fact]
    public void SolvesALinearProgramWhoseAnswerIsKnown()
    {
        // max 3 a + 2 b, a + b <= 4, a + 3 b <= 9, a <= 3: (3, 1) with prices 2, 0 and a reduced cost of 1.
        var rows = new Matrix(2, 4, [1, 1, 1, 0, 1, 3, 0, 1]);
        var answer = new BoundedProgram(rows, [4, 9], [-3, -2, 0, 0], [0, 0, 0, 0], [3, 10, 10, 10]).Solve();

        Assert.True(answer.Succeeded(1e-10));
        Assert.Equal(-11, answer.Value, 1e-9);
        Assert.Equal(-11, answer.Bound, 1e-9);
        Assert.Equal(3, answer.Point[0], 1e-9);
        Assert.Equal(1, answer.Point[1], 1e-9);
        Assert.Equal(2, answer.Multipliers[0], 1e-8);
        Assert.Equal(0, answer.Multipliers[1], 1e-8);
    }

    [Fact]
    public void SolvesAQuadraticProgramWhoseAnswerIsKnown()
    {
        // min a^2/2 + 2 b^2, a + b = 5: (4, 1) with multiplier -4; with a <= 3: (3, 2) with multiplier -8.
        BoundedProgram Program(double most) => new(new Matrix(1, 2, [1, 1]), [5], [0, 0], [-10, -10], [most, 10], [1, 4]);
        var (free, held) = (Program(10).Solve(), Program(3).Solve());

        Assert.True(free.Succeeded(1e-10) && held.Succeeded(1e-10));
        Assert.Equal(10, free.Bound, 1e-8);
        Assert.Equal(-4, free.Multipliers[0], 1e-6);
        Assert.Equal(12.5, held.Bound, 1e-8);
        Assert.Equal(-8, held.Multipliers[0], 1e-6);
    }

    [Fact]
    public void TheBoundOfAnyMultipliersIsBelowTheValueOfAnyFeasiblePoint()
    {
        var random = new SplitMix64(41);
        for (int trial = 0; trial < 20; trial++)
        {
            int rows = 1 + (trial % 5), columns = rows + 4;
            var matrix = random.NextNormals(rows, columns);
            double[] inside = [.. random.NextNormals(columns).Select(v => Math.Clamp(v / 2, -0.9, 0.9))];
            double[] curvature = [.. random.NextNormals(columns).Select(v => trial % 2 == 0 ? 0 : Math.Max(0, v))];
            var program = new BoundedProgram(matrix, matrix.Times(inside), random.NextNormals(columns), [.. Enumerable.Repeat(-1.0, columns)], [.. Enumerable.Repeat(1.0, columns)], curvature);
            var answer = program.Solve();

            Assert.True(answer.Succeeded(1e-9), $"{trial}: {answer.Gap}, {answer.Violation}");
            Assert.True(answer.Bound <= program.Value(inside) + 1e-12);
            Assert.True(program.Bound(random.NextNormals(rows)) <= answer.Value + 1e-9);
        }
    }

    [Fact]
    public void AnInfeasibleProgramDoesNotSucceed()
    {
        var answer = new BoundedProgram(new Matrix(2, 2, [1, 1, 1, -1]), [3, 0], [1, 0], [0, 0], [1, 1]).Solve();

        Assert.False(answer.Succeeded());
        Assert.Throws<ArgumentException>(() => new BoundedProgram(new Matrix(1, 1, [1]), [0], [1], [0], [double.PositiveInfinity]));
        Assert.Throws<ArgumentException>(() => new BoundedProgram(new Matrix(1, 1, [1]), [0], [1], [1], [1]));
    }
}
