namespace Bilevel.Tests;

public sealed class FallingLeaderTests
{
    private static BilevelProblem<DenseVector<double>> Problem(Func<double, double> f, Func<double, double> slope) => new(
        new FunctionObjective<DenseVector<double>>((x, y) => f(x[0]), (x, y, r) => r[0] = slope(x[0]), (x, y, r) => r[0] = 0),
        new FunctionObjective<DenseVector<double>>((x, y) => Math.Pow(y[0] - x[0], 2) / 2, (x, y, r) => r[0] = x[0] - y[0], (x, y, r) => r[0] = y[0] - x[0]));

    private static string? NoteAt(Func<double, double> f, Func<double, double> slope, double x) =>
        FallingLeader.Note(Problem(f, slope), Vectors.Of(0), [Vectors.Of(x), Vectors.Of(x)], f(x));

    [Fact]
    public void A_leader_that_only_levels_off_is_noted()
    {
        Assert.Equal(
            "F still falls along the way that x took: it is 6.144E-06 at |x| = 12 and 3.775E-11 at 24. It may level off without a minimiser.",
            NoteAt(x => Math.Exp(-x), x => -Math.Exp(-x), 12));
        Assert.StartsWith("F still falls along the way that x took: it is -12 ", NoteAt(x => -x, x => -1, 12), StringComparison.Ordinal);
    }

    [Fact]
    public void Followers_of_one_look_are_where_the_next_solve_begins()
    {
        // The follower's answer is 1 at every x, far from the y given: it takes as many gradients as one solve, and one for each further look.
        var lower = new FunctionObjective<DenseVector<double>>((x, y) => (Math.Pow(y[0] - 1, 4) / 4) + (Math.Pow(y[0] - 1, 2) / 2), (x, y, r) => r[0] = 0, (x, y, r) => r[0] = Math.Pow(y[0] - 1, 3) + y[0] - 1);
        var calls = new OracleCounts(BilevelProblem.BlockCount);
        var problem = Problem(x => Math.Exp(-x), x => -Math.Exp(-x)) with { Lower = new CountingObjective<DenseVector<double>>(lower, calls) };
        IReadOnlyList<DenseVector<double>> point = [Vectors.Of(12), Vectors.Of(5)];
        _ = Answers.Read(problem, point, double.NaN, 1e-6 * Math.Exp(-12));
        long alone = calls.Gradients[BilevelProblem.Y];
        Assert.NotNull(FallingLeader.Note(problem, Vectors.Of(0), point, Math.Exp(-12)));
        Assert.InRange(calls.Gradients[BilevelProblem.Y] - alone, alone, alone + 10);
    }

    [Fact]
    public void A_minimiser_that_is_far_away_is_one()
    {
        Assert.Null(NoteAt(x => Math.Pow(x - 50, 2), x => 2 * (x - 50), 50));
        Assert.Null(NoteAt(x => Math.Abs(x - 50), x => Math.Sign(x - 50), 50));
        Assert.Null(NoteAt(x => Math.Exp(-x), x => -Math.Exp(-x), 2));
    }

    [Fact]
    public void A_minimax_leader_without_a_minimiser_is_unbounded()
    {
        // f = -x1 + y1^2/2, g = (z1 - 1)^2/2: F falls with x1 for ever; with x1^2 added it has the minimiser x1 = 1/2.
        static BilevelMinimaxProblem<DenseVector<double>> Lifted(double square) => new(
            new ArrayObjective<double>(
                b => -b[0][0] + (square * b[0][0] * b[0][0]) + (b[2][0] * b[2][0] / 2),
                (b, k) => k switch { 0 => [-1 + (2 * square * b[0][0])], 2 => [b[2][0]], _ => new double[b[k].Length] }),
            new ArrayObjective<double>(b => Math.Pow(b[1][0] - 1, 2) / 2, (b, k) => k == 1 ? [b[1][0] - 1] : new double[b[k].Length]))
        { Constants = new MinimaxConstants { LowerStrongConvexity = 1, LowerSmoothness = 1, UpperSmoothness = 2 } };

        DenseVector<double> start = Vectors.Of(0), y = Vectors.Of(1), none = Vectors.Of();
        IReadOnlyList<DenseVector<double>> Far(double x) => [Vectors.Of(x), none, y, none, y, none];
        Assert.StartsWith("The leader seems unbounded: F has no minimiser as far as was looked. It is -99.5 at |x1| = 100 and still falls at ", FallingLeader.Unbounded(Lifted(0), start, Far(100)), StringComparison.Ordinal);
        Assert.Null(FallingLeader.Unbounded(Lifted(1), start, Far(100)));
    }

    [Fact]
    public void The_verdict_does_not_depend_on_the_units_of_f_and_x()
    {
        double[] units = [1e-6, 1e-3, 1, 1e3, 1e6];
        foreach (double u in units)
        {
            foreach (double f in units)
            {
                // In units u of x and f of f: exp(-x), (x - 50)^2, -x.
                string? Note(Func<double, double> value, Func<double, double> slope, double x) =>
                    FallingLeader.Note(Problem(t => f * value(t / u), t => f / u * slope(t / u)), Vectors.Of(0), [Vectors.Of(u * x), Vectors.Of(u * x)], f * value(x));
                Assert.NotNull(Note(x => Math.Exp(-x), x => -Math.Exp(-x), 12));
                Assert.Null(Note(x => Math.Exp(-x), x => -Math.Exp(-x), 2));
                Assert.Null(Note(x => Math.Pow(x - 50, 2), x => 2 * (x - 50), 50));
                Assert.NotNull(Note(x => -x, x => -1, 12));

                // f = -x1 + s x1^2 + y1^2/2 with g = (z1 - 1)^2/2, all blocks in units u.
                BilevelMinimaxProblem<DenseVector<double>> Lifted(double square) => new(
                    new ArrayObjective<double>(
                        b => f * ((-b[0][0] / u) + (square * Math.Pow(b[0][0] / u, 2)) + (Math.Pow(b[2][0] / u, 2) / 2)),
                        (b, k) => k switch { 0 => [f / u * (-1 + (2 * square * b[0][0] / u))], 2 => [f / u * (b[2][0] / u)], _ => new double[b[k].Length] }),
                    new ArrayObjective<double>(b => f * Math.Pow((b[1][0] / u) - 1, 2) / 2, (b, k) => k == 1 ? [f / u * ((b[1][0] / u) - 1)] : new double[b[k].Length]))
                { Constants = new MinimaxConstants { LowerStrongConvexity = f / (u * u) } };
                IReadOnlyList<DenseVector<double>> point = [Vectors.Of(100 * u), Vectors.Of(), Vectors.Of(u), Vectors.Of(), Vectors.Of(u), Vectors.Of()];
                Assert.StartsWith("The leader seems unbounded", FallingLeader.Unbounded(Lifted(0), Vectors.Of(0), point), StringComparison.Ordinal);
                Assert.Null(FallingLeader.Unbounded(Lifted(1), Vectors.Of(0), point));
            }
        }
    }
}
