using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tests;

/// <summary>What a user gets to read who gives a bilevel minimax problem, a start or settings that are wrong; every case through the driver.</summary>
public sealed class MinimaxBadInputTests
{
    private const double Eps = 0.1;

    private static readonly DenseVector<double>[] Start = KktProblems.Point([2], [0], [-1], [-1]);

    private static Driver Driver => new() { Stop = Stop.Certified(Eps, every: 10) | Stop.Iterations(5_000), CertifyAt = Eps };

    private static Solution<DenseVector<double>> Run(BilevelMinimaxProblem<DenseVector<double>> problem, DenseVector<double>[]? start = null, IMethod? method = null, Driver? driver = null) =>
        (driver ?? Driver).Run(method ?? new Auto { Tolerance = Eps }, problem, start ?? Start);

    // The only finding, an error: both its sentences, and that the driver refuses with them.
    private static Finding Refused(BilevelMinimaxProblem<DenseVector<double>> problem, DenseVector<double>[]? start = null)
    {
        var e = Assert.Throws<InvalidProblemException>(() => Run(problem, start));
        var finding = Assert.Single(e.Findings);
        Assert.Equal(Severity.Error, finding.Severity);
        Assert.Equal($"{finding.What} {finding.Remedy}", e.Message);
        return finding;
    }

    private static void AssertFinite(Solution<DenseVector<double>> solution)
    {
        Assert.All(solution.Point, block => Assert.True(block.IsFinite()));
        Assert.NotEmpty(solution.StatusMessage);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-2)]
    [InlineData(double.NaN)]
    public void A_Slater_margin_that_is_not_positive(double margin)
    {
        var qp = new ConstrainedQp();
        var e = Assert.Throws<ArgumentException>(() => Run((qp with { Lower = qp.Lower with { SlaterMargin = margin } }).Problem, ConstrainedQp.Start(0)));
        Assert.StartsWith(FormattableString.Invariant($"Slater's margin is {margin}, not positive: for every x1 some point of the set must satisfy all inequalities with room to spare"), e.Message, StringComparison.Ordinal);
        Assert.Contains("Restrict x1, relax the constraints, or state equalities as equalities.", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4.25)]
    [InlineData(3)]
    public void A_bound_that_is_not_above_B0(double bound)
    {
        var finding = Refused(KktProblems.T3(1, bound), ConstrainedQp.Start(0));
        Assert.Equal(FormattableString.Invariant($"A bound on the multipliers of the lower level's constraints is not above B0 (the bounds are at most {bound}, B0 at most 4.25), so a small gap would not imply a small violation."), finding.What);
        Assert.Equal("Take B0 + 1, or leave B0 out where it is not known.", finding.Remedy);

        // The declaration itself refuses it as well.
        var qp = new ConstrainedQp();
        var e = Assert.Throws<ArgumentException>(() => (qp with { Lower = qp.Lower with { Bound = bound } }).Problem);
        Assert.Equal(FormattableString.Invariant($"Bound is {bound}, not above B0 = 4.25: a small gap would not imply a small violation. Take B0 + 1, or leave it null."), e.Message);
    }

    [Theory]
    [InlineData("z1", "LowerStrongConvexity")]
    [InlineData("z2", "LowerStrongConcavity")]
    public void A_block_without_bounds(string block, string constant)
    {
        var whole = new WholeSpace<DenseVector<double>>();
        var problem = block == "z1" ? KktProblems.T1() with { Z1 = whole } : KktProblems.T1() with { Z2 = whole };
        var solution = Run(problem);
        var finding = Assert.Single(solution.Findings);
        Assert.Equal((Severity.Warning, $"The block {block} has no bounds and no {constant} is declared, so no answer can be certified."), (finding.Severity, finding.What));
        Assert.Equal($"The run goes on; give {block} a bounded set, or declare the constant.", finding.Remedy);
        Assert.Equal(Verdict.NotCheckable, solution.Certificate!.Verdict);
        Assert.StartsWith($"Not checkable: {block} has no bounds and no {constant} is declared, so nothing bounds the gap", solution.Certificate.Summary, StringComparison.Ordinal);

        // It ends by the residual, and near the answer all the same.
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.StartsWith("Converged by the method's measure; not checked: ", solution.StatusMessage, StringComparison.Ordinal);
        Assert.Contains(block, solution.StatusMessage, StringComparison.Ordinal);
        Assert.InRange(solution.Residual, 0, Eps);
        Assert.Equal(-5.0 / 19, solution.X[0], 2 * Eps);

        // With the modulus declared, or with a term that is a diameter's equal, it is certified.
        var declared = problem with { Constants = problem.Constants with { LowerStrongConvexity = 1, LowerStrongConcavity = 1 } };
        solution = Run(declared);
        Assert.Empty(solution.Findings);
        Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
    }

    [Fact]
    public void Multipliers_that_no_bound_holds()
    {
        // z = 0 lies nowhere between: z >= x + 1 and z <= x - 1. So the multipliers grow with every bound.
        var lower = new ConstrainedLowerLevel<double>(new ConstrainedQp.Phi(), new LinearConstraints<double>([-1, 1], [1, 0, -1, 0], [-1, -1])) { Set = new Box<double>(-5, 5, 2), Smoothness = 1, Bound = 1e-3 };
        var problem = Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(1), lower);
        problem = problem with { X1 = new Box<double>(0, 1, 1), Constants = problem.Constants with { UpperSmoothness = 1 } };
        var solution = Run(problem, BilevelMinimaxProblem.Start(Vectors.Of(0), Vectors.Of(0, 0), Vectors.Of(0, 0)), new Auto { Tolerance = 0.25 }, new Driver { Stop = Stop.Certified(0.25, every: 10) | Stop.Iterations(300_000), CertifyAt = 0.25 });
        Assert.Equal((SolveStatus.BoundTouched, 12), (solution.Status, solution.BoundDoublings));
        Assert.StartsWith("Stopped before it converged. The multipliers of the lower level's constraints touch their bound: they add up to 4.0", solution.StatusMessage, StringComparison.Ordinal);
        Assert.Contains("It was doubled 12 times and is touched still. No y was found that satisfies the lower level's constraints at this x1: the least violation found is 1.414.", solution.StatusMessage, StringComparison.Ordinal);
        Assert.False(solution.Converged);
        Assert.NotEqual(Verdict.Certified, solution.Certificate!.Verdict);
        Assert.True(solution.Certificate["violation"] > 0.9);
        AssertFinite(solution);
    }

    public static TheoryData<string> Shapes => ["z1", "z2", "x2"];

    // T1 with one block bent the wrong way: a double well (z^2 - 1)^2 / 4 that is added to g or f.
    private static BilevelMinimaxProblem<DenseVector<double>> Bent(string block)
    {
        var t1 = KktProblems.T1();
        static double Well(double z) => Math.Pow((z * z) - 1, 2) / 4;
        static double Slope(double z) => z * ((z * z) - 1);
        ArrayObjective<double> Lower(double well1, double well2) => new(
            b => (well1 * Well(b[1][0])) + (well1 == 0 ? b[1][0] * b[1][0] / 2 : 0) + (b[1][0] * b[2][0] / 2) - (well2 * Well(b[2][0])) - (well2 == 0 ? b[2][0] * b[2][0] / 2 : 0) + (b[0][0] * b[1][0] / 4),
            (b, k) => [k switch
            {
                0 => b[1][0] / 4,
                1 => (well1 * Slope(b[1][0])) + (well1 == 0 ? b[1][0] : 0) + (b[2][0] / 2) + (b[0][0] / 4),
                _ => (b[1][0] / 2) - (well2 * Slope(b[2][0])) - (well2 == 0 ? b[2][0] : 0),
            }]);
        return block switch
        {
            "z1" => t1 with { Lower = Lower(1, 0), Constants = new() },
            "z2" => t1 with { Lower = Lower(0, 1), Constants = new() },
            _ => t1 with
            {
                Constants = new(),
                Upper = new ArrayObjective<double>(
                    b => (Math.Pow(b[2][0] - 1, 2) / 2) + (Math.Pow(b[3][0] + 0.5, 2) / 2) + (b[1][0] * b[0][0] / 4) - Well(b[1][0]) + (b[0][0] * b[0][0] / 2),
                    (b, k) => [k switch { 0 => (b[1][0] / 4) + b[0][0], 1 => (b[0][0] / 4) - Slope(b[1][0]), 2 => b[2][0] - 1, _ => b[3][0] + 0.5 }]),
            },
        };
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_level_of_the_wrong_shape_is_refused_before_the_first_step(string block)
    {
        // At 0 the well curves the wrong way.
        var start = KktProblems.Point([2], [0], [0], [0]);
        var finding = Refused(Bent(block), start);
        string what = block switch { "z1" => "g is not convex in z1", "z2" => "g is not concave in z2", _ => "f is not concave in x2" };
        Assert.Matches($@"^At the start {what}[,:].*\.$", finding.What);
        Assert.Equal(
            block == "x2" ? "The upper opponent x2 must face a function that is concave in it; replace what is not, or let x1 carry it."
            : "Declare Shape = LowerShape.General to run without a certificate, or correct the sign of what is not convex in z1 and concave in z2.",
            finding.Remedy);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_level_of_any_shape_runs_when_declared_and_is_not_certified(string block)
    {
        var solution = Run(Bent(block) with { Shape = LowerShape.General }, KktProblems.Point([2], [0.1], [0.1], [0.1]));
        AssertFinite(solution);
        Assert.Empty(solution.Findings);
        var certificate = solution.Certificate!;
        Assert.Equal(Verdict.NotCheckable, certificate.Verdict);
        Assert.StartsWith("Not checkable: the lower level is not declared convex-concave (Shape)", certificate.Summary, StringComparison.Ordinal);
        string evidence = Assert.Single(certificate.Evidence);
        Assert.EndsWith("this is not a proof", evidence, StringComparison.Ordinal);
        Assert.Contains("z1 alone can gain", evidence, StringComparison.Ordinal);
        foreach (string text in (string[])[.. certificate.Evidence, certificate.Summary, solution.StatusMessage]) Assert.DoesNotContain("Certified", text, StringComparison.Ordinal);

        // Nothing can be certified, so the residual ends the run, and the message says so.
        Assert.Equal(SolveStatus.Converged, solution.Status);
        Assert.InRange(solution.Residual, 0, Eps);
        Assert.StartsWith("Converged by the method's measure; not checked: ", solution.StatusMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void A_level_that_goes_the_wrong_way()
    {
        var lower = Refused(KktProblems.T1() with { LowerSense = Sense.Maximise });
        Assert.Contains("g is not concave in z1", lower.What, StringComparison.Ordinal);
        Assert.Equal("The lower level goes the other way: set LowerSense = Minimise, or change the sign of g.", lower.Remedy);
        var upper = Refused(KktProblems.T1() with { UpperSense = Sense.Maximise });
        Assert.Contains("f is not convex in x2", upper.What, StringComparison.Ordinal);
        Assert.Equal("Check the sign of f and UpperSense: x2 plays against the leader.", upper.Remedy);

        // The other way round: an objective with the wrong sign.
        var t1 = KktProblems.T1();
        var negative = t1 with { Lower = new Negative(t1.Lower) };
        var finding = Refused(negative);
        Assert.Contains("g is not convex in z1", finding.What, StringComparison.Ordinal);
        Assert.Equal("The lower level goes the other way: set LowerSense = Maximise, or change the sign of g.", finding.Remedy);
        Assert.Equal(Verdict.Certified, Run(negative with { LowerSense = Sense.Maximise }).Certificate!.Verdict);
    }

    [Fact]
    public void A_start_outside_its_set()
    {
        var t1 = KktProblems.T1();
        var outside = KktProblems.Point([9], [-7], [-1], [20]);
        var solution = Run(t1, outside);
        Assert.Equal(["x1", "x2", "y2", "z2"], solution.Findings.Select(f => f.What.Split(' ')[3]));
        Assert.All(solution.Findings, f => Assert.Matches(@"^The start of .. lies outside .*, by \d+\.$", f.What));
        Assert.All(solution.Findings, f => Assert.Equal((Severity.Warning, "The run starts from its projection."), (f.Severity, f.Remedy)));
        Assert.Equal([9.0, -7, -1, 20, -1, 20], outside.Select(b => b[0]));

        var inside = Run(t1, KktProblems.Point([3], [-2], [-1], [4]));
        Assert.Empty(inside.Findings);
        Assert.Equal(inside.Point.Select(b => b.ToDoubles()), solution.Point.Select(b => b.ToDoubles()));
        Assert.Equal((inside.Iterations, inside.OracleCalls, inside.UpperValue), (solution.Iterations, solution.OracleCalls, solution.UpperValue));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(7)]
    public void A_wrong_number_of_blocks(int count)
    {
        var finding = Refused(KktProblems.T1(), [.. Enumerable.Range(0, count).Select(_ => Vectors.Of(0))]);
        Assert.Equal(FormattableString.Invariant($"The start has {count} blocks; the problem has 6: x1, x2, y1, y2, z1, z2."), finding.What);
        Assert.Equal("Give one vector per block, of length 0 where a block is absent.", finding.Remedy);
    }

    [Theory]
    [InlineData(Z1, "z1", "y1")]
    [InlineData(Z2, "z2", "y2")]
    public void Copies_of_another_length(int block, string copy, string of)
    {
        // Balls fit any length, so that nothing but the lengths themselves is wrong.
        foreach (var shape in Enum.GetValues<LowerShape>())
        {
            var problem = KktProblems.T1() with { Z1 = new Ball<double>(5), Z2 = new Ball<double>(5), Shape = shape };
            DenseVector<double>[] start = [.. Start.Select(b => b.Copy())];
            start[block] = Vectors.Of(1, 2);
            var finding = Refused(problem, start);
            Assert.Equal($"The start of {copy} has length 2, that of {of} has length 1; {copy} is a copy of {of}.", finding.What);
            Assert.Equal("Give both the same length; BilevelMinimaxProblem.Start makes the copies.", finding.Remedy);

            // Where it is y that has the wrong length, the objectives say so.
            start = [.. Start.Select(b => b.Copy())];
            start[block - 2] = Vectors.Of(1, 2);
            var e = Assert.Throws<InvalidProblemException>(() => Run(problem, start));
            Assert.All(e.Findings, f => Assert.Contains($"{of} of length 2", f.Remedy.Replace($"{copy} of", $"{of} of", StringComparison.Ordinal), StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Sets_and_starts_that_do_not_fit()
    {
        var t1 = KktProblems.T1();
        for (int b = 0; b < BlockCount; b++)
        {
            DenseVector<double>[] start = [.. Start.Select(v => v.Copy())];
            start[b] = Vectors.Of(1, 2);
            var finding = Refused(t1, start);
            Assert.StartsWith($"The feasible set of {t1.Blocks[b].Name} does not fit its start: ", finding.What, StringComparison.Ordinal);
            Assert.Equal($"Give {t1.Blocks[b].Name} and its set the same length.", finding.Remedy);

            foreach (double bad in new[] { double.NaN, double.PositiveInfinity })
            {
                start[b] = Vectors.Of(bad);
                finding = Refused(t1, start);
                Assert.Equal(($"The start of {t1.Blocks[b].Name} is not finite.", "Start from finite numbers."), (finding.What, finding.Remedy));
            }
        }
    }

    [Theory]
    [InlineData(true, 0, "upper objective f in x1")]
    [InlineData(true, 1, "upper objective f in x2")]
    [InlineData(true, 2, "upper objective f in y1")]
    [InlineData(true, 3, "upper objective f in y2")]
    [InlineData(false, 0, "lower objective g in x1")]
    [InlineData(false, 1, "lower objective g in z1")]
    [InlineData(false, 2, "lower objective g in z2")]
    public void A_gradient_that_is_wrong_in_one_block(bool upper, int block, string name)
    {
        var t1 = KktProblems.T1();
        var wrong = new Changed(upper ? t1.Upper : t1.Lower) { OnGradient = (b, r) => r.AddScaled(b == block ? 0.7 : 0, r.Norm() > 0 ? r.Copy() : Vectors.Of(1)) };
        var finding = Refused(upper ? t1 with { Upper = wrong } : t1 with { Lower = wrong }, KktProblems.Point([1.7], [0.3], [-1.1], [0.4]));
        Assert.StartsWith($"The gradient of the {name} does not match its values at the start: along a random direction it gives ", finding.What, StringComparison.Ordinal);
        Assert.Equal("Check the gradient's formula and sign: 'bilevel check' and CheckedObjective show where it goes wrong.", finding.Remedy);
    }

    [Fact]
    public void A_step_that_is_far_too_long()
    {
        var method = new Ogda { Tolerance = Eps, Steps = new PenaltySteps { Step = 10 } };
        var solution = Run(KktProblems.T1(), method: method);
        var finding = Assert.Single(solution.Findings);
        Assert.Equal(Severity.Warning, finding.Severity);
        Assert.StartsWith("step = 10 is beyond 1/L_h = 0.02536, the stable range if L_h", finding.What, StringComparison.Ordinal);
        Assert.StartsWith("Take at most 0.5/L_h = 0.01268", finding.Remedy, StringComparison.Ordinal);
        AssertFinite(solution);
        Assert.False(solution.Converged);
        Assert.NotEqual(Verdict.Certified, solution.Certificate?.Verdict);

        // Without bounds it runs away: what is returned is the last sound point.
        var whole = new WholeSpace<DenseVector<double>>();
        var open = KktProblems.T1() with { X1 = whole, X2 = whole, Z1 = whole, Z2 = whole };
        solution = Run(open, method: method);
        Assert.Equal(SolveStatus.Diverged, solution.Status);
        Assert.Contains("Take smaller steps", solution.StatusMessage, StringComparison.Ordinal);
        Assert.Null(solution.Certificate);
        AssertFinite(solution);
        Assert.True(double.IsFinite(solution.UpperValue));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public void Numbers_that_stop_being_finite_in_the_middle_of_a_run(bool upper, bool values)
    {
        var t1 = KktProblems.T1();
        foreach (IMethod method in new IMethod[] { new Ogda { Tolerance = 1e-3 }, new Ogda { Tolerance = 1e-3, Steps = new PenaltySteps { Step = 1e-4 } }, new Extragradient { Tolerance = 1e-3 } })
        {
            // Asked 300 times, it returns NaN from then on: the same objective for validator, method and certificate.
            long asked = 0;
            var broken = new Changed(upper ? t1.Upper : t1.Lower)
            {
                OnRequest = () => asked++,
                OnGradient = (_, r) => r.Scale(asked > 300 && !values ? double.NaN : 1),
                OnValue = v => asked > 300 && values ? double.NaN : v,
            };
            var solution = Run(upper ? t1 with { Upper = broken } : t1 with { Lower = broken }, method: method, driver: new Driver { Stop = Stop.Residual(1e-12) | Stop.Iterations(20_000), CertifyAt = 1e-3 });
            AssertFinite(solution);
            Assert.NotEqual(Verdict.Certified, solution.Certificate?.Verdict);

            // Nobody but the certificate looks at the values of g, and a run on gradients may well converge without them.
            if (values && !upper)
            {
                Assert.Equal(double.NaN, solution.LowerValue);
                Assert.Contains("not finite", solution.Certificate!.Summary, StringComparison.Ordinal);
                continue;
            }

            Assert.Equal(SolveStatus.Diverged, solution.Status);
            Assert.Contains("The run broke down at iteration", solution.StatusMessage, StringComparison.Ordinal);
            Assert.InRange(solution.Iterations, 10, 400);
        }
    }

    [Theory]
    [InlineData("batch", -1, "integer of at least 0")]
    [InlineData("iterations", 0, "integer of at least 1")]
    [InlineData("most-iterations", -5, "integer of at least 1")]
    [InlineData("restarts", 0, "integer of at least 1")]
    [InlineData("polish-steps", -1, "integer of at least 0")]
    [InlineData("tail-share", 1.5, "number from 1E-06 to 1")]
    [InlineData("theta", -0.5, "number from 0 to 1")]
    [InlineData("minimiser-share", 0, "number from 1E-12 to 1")]
    [InlineData("maximiser-share", 2, "number from 1E-12 to 1")]
    [InlineData("maximiser-share", double.NaN, "number from 1E-12 to 1")]
    [InlineData("proximity", 0, "number from 1E-06 to 100")]
    [InlineData("regularisation", -1, "number|auto of at least 0")]
    [InlineData("regularisation", double.PositiveInfinity, "number|auto of at least 0")]
    public void A_setting_of_sapd_out_of_its_range(string setting, double value, string range)
    {
        var wrong = setting switch
        {
            "batch" => new Sapd { Batch = (int)value },
            "iterations" => new Sapd { Iterations = (int)value },
            "most-iterations" => new Sapd { MostIterations = (int)value },
            "restarts" => new Sapd { Restarts = (int)value },
            "polish-steps" => new Sapd { PolishSteps = (int)value },
            "tail-share" => new Sapd { TailShare = value },
            "theta" => new Sapd { Theta = value },
            "minimiser-share" => new Sapd { MinimiserShare = value },
            "maximiser-share" => new Sapd { MaximiserShare = value },
            "proximity" => new Sapd { Proximity = value },
            _ => new Sapd { Regularisation = value },
        };
        var e = Assert.Throws<InvalidProblemException>(() => Run(KktProblems.T1(), method: wrong));
        Assert.Contains($"The setting {setting} is {SettingsSchema.Of(typeof(Sapd))[setting].Read(wrong)}; it takes {range}.", e.Findings.Select(f => f.What));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Numbers_that_stop_being_finite_within_a_subproblem_of_sapd(bool upper, bool values)
    {
        // The subproblems have 64 steps; the end of the first is not waited for.
        foreach (double? step in new double?[] { null, 1e-4 })
        {
            long asked = 0;
            var t1 = KktProblems.T1();
            var broken = new Changed(upper ? t1.Upper : t1.Lower)
            {
                OnRequest = () => asked++,
                OnGradient = (_, r) => r.Scale(asked > 1000 && !values ? double.NaN : 1),
                OnValue = v => asked > 1000 && values ? double.NaN : v,
            };
            var method = new Sapd { Tolerance = 1e-3, Batch = 1, Iterations = 3200, Steps = new PenaltySteps { Step = step } };
            var solution = Run(upper ? t1 with { Upper = broken } : t1 with { Lower = broken }, method: method, driver: new Driver { Stop = Stop.Residual(1e-12) | Stop.Iterations(20_000), CertifyAt = 1e-3 });
            AssertFinite(solution);
            Assert.Equal(SolveStatus.Diverged, solution.Status);
            Assert.Contains("The run broke down at iteration", solution.StatusMessage, StringComparison.Ordinal);
            Assert.InRange(solution.Iterations, 8, 12);
        }
    }

    [Fact]
    public void A_step_of_sapd_that_is_far_too_long()
    {
        var whole = new WholeSpace<DenseVector<double>>();
        var open = KktProblems.T1() with { X1 = whole, X2 = whole, Z1 = whole, Z2 = whole };
        var method = new Sapd { Tolerance = Eps, Batch = 1, Iterations = 3200, Steps = new PenaltySteps { Step = 10 } };
        var solution = Run(open, method: method);
        Assert.Contains(solution.Findings, f => f.What.StartsWith("step = 10 is beyond 1/L_h = 0.02536, the stable range if L_h", StringComparison.Ordinal));
        Assert.Equal(SolveStatus.Diverged, solution.Status);
        Assert.Contains("Take smaller steps", solution.StatusMessage, StringComparison.Ordinal);
        Assert.InRange(solution.Iterations, 1, 64);
        Assert.Null(solution.Certificate);
        AssertFinite(solution);
        Assert.True(double.IsFinite(solution.UpperValue));
    }

    [Theory]
    [InlineData(1e12, 0.1)]
    [InlineData(1e12, 1e-3)]
    [InlineData(null, 1e-14)]
    public void Extremes_end_in_words(double? rho, double tolerance)
    {
        var solution = Run(KktProblems.T1(), method: new Ogda { Tolerance = tolerance, Schedule = new PenaltySchedule { Rho = rho } }, driver: new Driver { Stop = Stop.Certified(tolerance, 50) | Stop.Iterations(3_000), CertifyAt = tolerance });
        AssertFinite(solution);
        Assert.False(solution.Converged);
        Assert.Equal(SolveStatus.IterationLimit, solution.Status);
        Assert.Equal(Verdict.NotCertified, solution.Certificate!.Verdict);
        Assert.True(solution.Certificate["rounding"] > tolerance / 1000);
        Assert.Equal(solution.Certificate["rounding"] > tolerance, solution.Certificate.Summary.Contains("Rounding alone may hide", StringComparison.Ordinal));
    }

    [Fact]
    public void A_budget_that_ends_anywhere()
    {
        // T2 from a start that is no lower saddle: the saddle start takes gradients first. From 0 to the whole run.
        var t2 = KktProblems.T2();
        var start = KktProblems.Point([-1], [0], [2, 2], [0.7]);
        var method = new Auto { Tolerance = Eps };
        var whole = Run(t2, start, method);
        Assert.True(whole.Converged);
        bool inStart = false, inStep = false;
        foreach (long budget in new long[] { 0, 1, 5, 17, 60, 200, 300, 500, 777, whole.OracleCalls - 1, whole.OracleCalls })
        {
            var solution = Run(t2, start, method, new Driver { Stop = Driver.Stop, OracleBudget = budget, CertifyAt = Eps });
            AssertFinite(solution);
            Assert.InRange(solution.OracleCalls, 0, budget);
            if (budget == whole.OracleCalls)
            {
                Assert.Equal((SolveStatus.Converged, whole.Iterations), (solution.Status, solution.Iterations));
                continue;
            }

            Assert.Equal(solution.Certificate!.Verdict == Verdict.Certified ? SolveStatus.Converged : SolveStatus.OracleLimit, solution.Status);
            Assert.Contains(FormattableString.Invariant($"The budget of {budget} oracle calls is used up."), solution.StatusMessage, StringComparison.Ordinal);
            Assert.True(double.IsFinite(solution.UpperValue) && double.IsFinite(solution.LowerValue));
            if (solution.Iterations == 0) inStart = true;
            else inStep = true;
            if (solution.Iterations == 0) Assert.Equal(double.NaN, solution.Penalty);
        }

        Assert.True(inStart && inStep);
    }

    [Fact]
    public void Cancellation_ends_after_the_iteration()
    {
        using var source = new CancellationTokenSource();
        long asked = 0;
        var t1 = KktProblems.T1();
        var watched = t1 with
        {
            Upper = new Changed(t1.Upper)
            {
                OnRequest = () =>
                {
                    if (++asked == 500) source.Cancel();
                },
            },
        };
        var solution = new Driver { Stop = Stop.Iterations(100_000), CertifyAt = Eps }.Run(new Auto { Tolerance = 1e-6 }, watched, Start, cancellation: source.Token);
        Assert.Equal(SolveStatus.Cancelled, solution.Status);
        Assert.StartsWith("Interrupted after ", solution.StatusMessage, StringComparison.Ordinal);
        Assert.Null(solution.Certificate);
        Assert.InRange(solution.Iterations, 100, 500);
        AssertFinite(solution);

        source.Cancel();
        var none = new Driver().Run(new Auto(), t1, Start, cancellation: source.Token);
        Assert.Equal((SolveStatus.Cancelled, 0L), (none.Status, none.Iterations));
    }

    [Fact]
    public void An_exception_of_the_objective_passes_through()
    {
        // In the validator, in the saddle start, in a step, in the certificate: whenever it comes, it is the same one.
        foreach (long when in new long[] { 1, 20, 60, 100, 150, 300 })
        {
            foreach (var own in new Exception[] { new InvalidOperationException("mine"), new TimeoutException("mine") })
            {
                long asked = 0;
                var t2 = KktProblems.T2();
                var problem = t2 with { Lower = new Changed(t2.Lower) { OnRequest = () => _ = ++asked == when ? throw own : 0 } };
                Assert.Same(own, Assert.ThrowsAny<Exception>(() => Run(problem, KktProblems.Point([-1], [0], [2, 2], [0.7]))));
            }
        }
    }

    private sealed class Negative(IObjective<DenseVector<double>> inner) : IObjective<DenseVector<double>>
    {
        public void Evaluate(in Request<DenseVector<double>> request)
        {
            inner.Evaluate(request);
            foreach (ref readonly var output in request.Gradients) output.Result.Scale(-1);
            foreach (ref double value in request.Values) value = -value;
        }
    }

    // An objective with something done to its answers.
    private sealed class Changed(IObjective<DenseVector<double>> inner) : IObjective<DenseVector<double>>
    {
        public Action OnRequest { get; init; } = () => { };

        public Action<int, DenseVector<double>> OnGradient { get; init; } = (_, _) => { };

        public Func<double, double> OnValue { get; init; } = v => v;

        public void Evaluate(in Request<DenseVector<double>> request)
        {
            OnRequest();
            inner.Evaluate(request);
            foreach (ref readonly var output in request.Gradients) OnGradient(output.Block, output.Result);
            foreach (ref double value in request.Values) value = OnValue(value);
        }
    }
}
