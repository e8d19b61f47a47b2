using Bilevel.Gauntlet;

namespace Bilevel.Tasks.Tests;

/// <summary>The problems of the gauntlet are what they say: gradients, constants and references.</summary>
public sealed class GauntletReferenceTests
{
    private const int Seeds = 8;

    public static TheoryData<string> Classes => [.. GauntletClass.All.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Classes))]
    public void GradientsAreThoseOfTheValues(string name)
    {
        foreach (var problem in Problems(name))
        {
            foreach (var (objective, point) in Objectives(problem))
            {
                for (int block = 0; block < point.Length; block++)
                {
                    if (point[block].Length == 0) continue;
                    DenseVector<double> gradient = point[block].ZerosLike(), direction = point[block].ZerosLike();
                    Fill(direction, RandomBits.At(problem.Seed, (ulong)block));
                    double unit = ReferenceEquals(point[block], point[0]) ? problem.UnitX : point[block].Length == problem.Y0.Length ? problem.UnitY : 1;
                    direction.Scale(1e-4 * unit / direction.Norm());
                    new PreparedRequest<DenseVector<double>>(objective, [point], [new(block, 0, gradient)]).Evaluate();
                    var (ahead, behind) = (ValueAt(1), ValueAt(-1));

                    // Central differences are exact but for the third derivatives, and rounding.
                    double slope = gradient.Dot(direction), error = Math.Abs(((ahead - behind) / 2) - slope);
                    Assert.True(error <= (1e-5 * gradient.Norm() * direction.Norm()) + (1e-13 * (Math.Abs(ahead) + Math.Abs(behind))), $"{problem}: block {block}, {slope} for {(ahead - behind) / 2}");

                    double ValueAt(double sign)
                    {
                        DenseVector<double>[] moved = [.. point];
                        moved[block] = point[block].Copy();
                        moved[block].AddScaled(sign, direction);
                        var request = new PreparedRequest<DenseVector<double>>(objective, [moved], [], values: true);
                        request.Evaluate();
                        return request.Values[0];
                    }
                }
            }
        }
    }

    [Fact]
    public void SampledDifferencesDoNotContradictTheConstantsOfConstrainedProblems()
    {
        foreach (var problem in Problems("constraints"))
        {
            var lifted = problem.Constrained!;
            for (int k = 0; k < 20; k++)
            {
                // Steps in x and y of one length: in y alone for the modulus, in both for the joint constants.
                DenseVector<double> x = Near(problem.X0, problem.Planted, k), y = Near(problem.Y0, problem.LowerSolution(problem.Planted), k + 50), stepX = x.ZerosLike(), stepY = y.ZerosLike();
                Fill(stepX, RandomBits.At(problem.Seed, (ulong)k));
                Fill(stepY, RandomBits.At(problem.Seed, 100 + (ulong)k));
                stepX.Scale(k % 2 == 0 ? 0 : 1e-3 * problem.UnitX / stepX.Norm());
                stepY.Scale(1e-3 * problem.UnitY / stepY.Norm());
                DenseVector<double> toX = x.Copy(), toY = y.Copy(), absent = new(0), rows = new(problem.RowCount);
                toX.AddScaled(1, stepX);
                toY.AddScaled(1, stepY);
                double length = Math.Sqrt(stepX.Dot(stepX) + stepY.Dot(stepY)), rounding = 1e-9;
                var (gx, gy) = Changes(lifted.Lower, [x, y, rows], [toX, toY, rows], 0, 1);
                var (fx, fy) = Changes(lifted.Upper, [x, absent, y, rows], [toX, absent, toY, rows], 0, 2);
                if (k % 2 == 0) Assert.InRange(gy.Dot(stepY) / (length * length), lifted.Constants.LowerStrongConvexity!.Value * (1 - rounding), double.PositiveInfinity);
                Assert.InRange(Math.Sqrt(gx.Dot(gx) + gy.Dot(gy)) / length, 0, lifted.Constants.LowerSmoothness!.Value * (1 + rounding));
                Assert.InRange(Math.Sqrt(fx.Dot(fx) + fy.Dot(fy)) / length, 0, lifted.Constants.UpperSmoothness!.Value * (1 + rounding));
            }
        }
    }

    [Theory]
    [InlineData("smooth-1e4")]
    [InlineData("smooth-1e6")]
    [InlineData("boxes")]
    public void SampledDifferencesDoNotContradictTheConstants(string name)
    {
        foreach (var problem in Problems(name))
        {
            var constants = problem.Bilevel!.Constants;
            for (int k = 0; k < 20; k++)
            {
                DenseVector<double> x = Near(problem.X0, problem.Planted, k), y = Near(problem.Y0, problem.LowerSolution(problem.Planted), k + 50), step = y.ZerosLike();
                Fill(step, RandomBits.At(problem.Seed, (ulong)k));
                double length = 1e-3 * y.Norm() * Math.Pow(10, -2 * RandomBits.Uniform(problem.Seed, (ulong)k));
                step.Scale(length / step.Norm());
                var there = y.Copy();
                there.AddScaled(1, step);
                double rounding = 1e-13 * y.Norm() / length;
                var (gx, gy) = Change(problem.Bilevel.Lower, x, y, there);
                var (fx, fy) = Change(problem.Bilevel.Upper, x, y, there);
                Assert.InRange(gy.Dot(step) / (length * length), constants.LowerStrongConvexity!.Value - (rounding * constants.LowerSmoothness!.Value), double.PositiveInfinity);
                Assert.InRange(gy.Norm() / length, 0, constants.LowerSmoothness.Value * (1 + rounding));
                Assert.InRange(gx.Norm() / length, 0, (constants.LowerCoupling!.Value * (1 + rounding)) + (rounding * constants.LowerSmoothness.Value * y.Norm() / x.Norm()));
                Assert.InRange(fy.Norm() / length, 0, constants.UpperSmoothness!.Value * (1 + rounding));
                Assert.InRange(fx.Norm() / length, 0, (constants.UpperCoupling!.Value * (1 + rounding)) + (rounding * constants.UpperSmoothness.Value * y.Norm() / x.Norm()));

                // Second differences against the constants of the third derivatives, third against those of the fourth.
                var back = y.Copy();
                back.AddScaled(-1, step);
                var (xBack, yBack) = Change(problem.Bilevel.Lower, x, back, y);
                gy.AddScaled(-1, yBack);
                gx.AddScaled(-1, xBack);
                double round2 = 4 * rounding * constants.LowerSmoothness.Value / length;
                Assert.InRange(gy.Norm() / (length * length), 0, constants.LowerHessianLipschitz!.Value + round2);
                Assert.InRange(gx.Norm() / (length * length), 0, constants.LowerMixedHessianLipschitz!.Value + (round2 * Math.Max(1, constants.LowerCoupling.Value / constants.LowerSmoothness.Value) * (1 + (y.Norm() / x.Norm()))));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Classes))]
    public void TheReferenceIsTheSlopeOfItsOwnValuesAndVanishesWherePlanted(string name)
    {
        foreach (var problem in Problems(name))
        {
            Assert.InRange(problem.At(problem.Planted).Gradient, 0, 1e-4 * problem.Tolerance);
            Assert.True(problem.StartGradient > 0);

            // F has kinks where the follower has bounds: some differences may straddle one, not most of them.
            int right = 0;
            for (int k = 0; k < 4; k++)
            {
                var x = Near(problem.X0, problem.Planted, k);
                var (_, gradient, _) = problem.Hyper(x, problem.Y0);
                var direction = x.ZerosLike();
                Fill(direction, RandomBits.At(problem.Seed, 100 + (ulong)k));
                double step = 1e-5 * problem.X0.Norm() / direction.Norm(), slope = gradient.Dot(direction);
                double measured = (At(step) - At(-step)) / (2 * step);
                double noise = 1e-12 * (Math.Abs(problem.At(x).Value) + Math.Abs(problem.At(problem.X0).Value)) / step;
                if (Math.Abs(measured - slope) <= (1e-4 * gradient.Norm() * direction.Norm()) + noise) right++;

                double At(double length)
                {
                    var moved = x.Copy();
                    moved.AddScaled(length, direction);
                    return problem.Hyper(moved, problem.Y0).Value;
                }
            }

            Assert.True(right >= (problem.Class.Follower == FollowerSet.None ? 4 : 2), $"{problem}: {right} of 4 slopes");
        }
    }

    [Fact]
    public void TheSameSeedIsTheSameProblem()
    {
        foreach (var of in GauntletClass.All)
        {
            GauntletProblem one = GauntletProblem.Create(of, 7), two = GauntletProblem.Create(of, 7);
            Assert.Equal(one.Tolerance, two.Tolerance);
            Assert.Equal(one.ToString(), two.ToString());
            Assert.NotEqual(one.Tolerance, GauntletProblem.Create(of, 8).Tolerance);
        }
    }

    private static IEnumerable<GauntletProblem> Problems(string name) => Enumerable.Range(0, Seeds).Select(s => GauntletProblem.Create(GauntletClass.Find(name), 1000 + (ulong)s));

    private static IEnumerable<(IObjective<DenseVector<double>> Objective, DenseVector<double>[] Point)> Objectives(GauntletProblem problem)
    {
        var planted = problem.Planted;
        foreach (var (x, y) in new[] { (problem.X0, problem.Y0), (Near(problem.X0, planted, 1), Near(problem.Y0, problem.LowerSolution(planted), 1)) })
        {
            if (problem.Bilevel is { } bilevel)
            {
                yield return (bilevel.Upper, [x, y]);
                yield return (bilevel.Lower, [x, y]);
                continue;
            }

            yield return (problem.Constrained!.Upper, [x, x.Zeros(0), y, new DenseVector<double>(problem.RowCount)]);
            yield return (problem.Constrained.Lower, [x, y, new DenseVector<double>(problem.RowCount)]);
        }
    }

    private static DenseVector<double> Near(DenseVector<double> start, DenseVector<double> planted, int k)
    {
        var point = planted.Copy();
        double share = Math.Pow(10, -(k % 4));
        point.Scale(1 - share);
        point.AddScaled(share, start);
        return point;
    }

    private static void Fill(DenseVector<double> vector, ulong key) => vector.Fill(i => RandomBits.Normal(key, (ulong)i));

    private static (DenseVector<double> X, DenseVector<double> Y) Change(IObjective<DenseVector<double>> objective, DenseVector<double> x, DenseVector<double> from, DenseVector<double> to) =>
        Changes(objective, [x, from], [x, to], 0, 1);

    // How the gradients in two blocks change from one point to another.
    private static (DenseVector<double> X, DenseVector<double> Y) Changes(IObjective<DenseVector<double>> objective, DenseVector<double>[] from, DenseVector<double>[] to, int blockX, int blockY)
    {
        DenseVector<double> changeX = from[blockX].ZerosLike(), changeY = from[blockY].ZerosLike();
        new PreparedRequest<DenseVector<double>>(objective, [to, from], [new(blockX, Output.Combined, changeX), new(blockY, Output.Combined, changeY)], [1, -1]).Evaluate();
        return (changeX, changeY);
    }
}
