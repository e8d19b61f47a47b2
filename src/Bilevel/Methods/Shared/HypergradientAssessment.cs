namespace Bilevel;

/// <summary>
/// The residual of methods whose own estimate knows neither how far their copies of y lag behind nor the bias of their
/// lambda nor the noise of their samples. From time to time it solves the followers at the point of the run anew, on
/// copies of its own, and takes |r| + inner error + bias for |grad F|, with r = 2 h(2 lambda) - h(lambda) from penalty gradients h
/// (penalty methods, sections 2.3 and 28) at a lambda of its own, which it raises until the bias is a small share. That of r
/// falls like 1/lambda^2, so that the difference to the r before tells it.
/// The steps of the run do not see it. Its work is a fixed share of theirs. Before the first assessment, and for ever where
/// samples differ, the residual is a bound that all quantities at hand allow.
/// </summary>
internal sealed class HypergradientAssessment<V>
    where V : class, IVector<V>
{
    // An assessment may take one inner step per so many of the run, none before FirstAt iterations, and waits for LeastCredit of them.
    private const double WorkShare = 1.0 / 8;
    private const int FirstAt = 16, LeastCredit = 32, MostSteps = 20_000, MostRounds = 40, RaisePause = 1000;
    private const double RaiseShare = 0.1, LeastModulus = 1e-6;

    // A run is at rest when so many assessments in a row, after the first, found the same with an estimate that is a small share of it.
    private const int LeastSettled = 1;

    // Shares of the whole that the inner error and the bias may take; the factor of lambda between rounds.
    private const double InnerShare = 0.05, BiasShare = 0.2, LambdaFactor = 10;

    // The bias of r is by theory 1/(LambdaFactor^2 - 1) of the difference to the r before; ten times as much is taken.
    private const double BiasOfDifference = 0.1;

    // That of the r before is by theory 1/(1 - 1/LambdaFactor^2) of it; where the inner error grows with lambda that r may be the sharper one.
    private const double BiasBefore = 1.25;

    private const int Z = 0, Y = 1, Doubled = 2;

    private readonly V runY, runZ;                   // the copies of the run
    private readonly V z, y, doubled;                // -> y*(x), y_lambda*(x), y_{2 lambda}*(x)
    private readonly V difference;
    private readonly V extrapolated, extrapolatedBefore;   // r
    private readonly bool hopeless;                  // no strong convexity: nothing can be said
    private readonly Followers<V> followers;         // of the three
    private readonly PenaltyGradient<V> atLambda, atDoubled;
    private readonly GradientMapping<V> mapping;
    private readonly double setFactor;
    private readonly double[] tolerances = new double[3], pair = new double[2], shares = [1, 1, 1];
    private readonly SampleNoise<V>? noise;
    private readonly double workPerIteration, firstLambda;
    private LocalConstants constants;
    private double lambda;                           // of the assessments
    private double assessed = double.NaN;            // the last one
    private double normThen;                         // the run's own |h| at that time
    private double biasNow, innerNow;                // its parts
    private double credit;                           // inner steps saved up
    private double cost;                             // inner steps of the last one
    private double unassessed;                       // the largest bound before the first one
    private double assessedThen = double.PositiveInfinity;   // when a larger lambda was last wanted
    private long iterations, raisedAt, settled;      // settled: assessments in a row that found the run at rest at its lambda

    /// <param name="problem">The problem.</param>
    /// <param name="x">The upper variable of the run.</param>
    /// <param name="y">Its copy of the lower variable that sees f, or any follower.</param>
    /// <param name="z">Its answer in the lower variable.</param>
    /// <param name="constants">Constants of the problem, with couplings.</param>
    /// <param name="innerSteps">Inner steps of the run per iteration.</param>
    /// <param name="batch">Size of the samples of the run.</param>
    /// <param name="seed">Seed of the run.</param>
    public HypergradientAssessment(BilevelProblem<V> problem, V x, V y, V z, LocalConstants constants, int innerSteps, int batch, ulong seed)
    {
        // The numbers stay finite all the same.
        hopeless = !(constants.LowerStrongConvexity > 0);
        constants = constants with { LowerStrongConvexity = Math.Max(constants.LowerStrongConvexity, LeastModulus * constants.LowerSmoothness) };
        (runY, runZ, this.constants) = (y, z, constants);
        (this.z, this.y, doubled, difference) = (z.Copy(), z.Copy(), z.Copy(), z.ZerosLike());
        lambda = firstLambda = 10 * Math.Max(1, Math.Max(constants.UpperSmoothness / constants.LowerSmoothness, constants.UpperSmoothness / (5 * constants.LowerStrongConvexity)));
        followers = new Followers<V>(problem, x, [this.z, this.y, doubled], [0, 1 / lambda, 0.5 / lambda], constants);
        atLambda = new PenaltyGradient<V>(problem, x, this.y, this.z);
        atDoubled = new PenaltyGradient<V>(problem, x, doubled, this.z);
        mapping = new GradientMapping<V>(x, problem.UpperSet);
        (extrapolated, extrapolatedBefore) = (x.ZerosLike(), x.ZerosLike());
        workPerIteration = innerSteps * WorkShare;
        noise = batch > 0 ? new SampleNoise<V>(problem, x, z, batch, seed) : null;

        // Where Y is a set the distances follow from the gradient mapping, for which 2/mu takes the place of 1/mu.
        setFactor = problem.LowerSet.IsWholeSpace ? 1 : 2;
    }

    /// <summary>What keeps the residual up, for the message of a run that ends by its limit; null where nothing but the estimate itself does.</summary>
    public string? Remark => noise is { IsNoisy: true }
        ? FormattableString.Invariant($"On minibatches the residual of this method is a bound that holds noise, lag and bias of the estimate ({noise.Deviation:G3} of noise at least), so that such a run ends by its limit.")
        : hopeless ? $"The lower level {(constants.StrongConvexityKnown ? "is declared without strong convexity" : "has curvatures at the start that are not finite")}, so that nothing bounds |grad F| and such a run ends by its limit."
        : double.IsNaN(assessed) ? null
        : FormattableString.Invariant($"Solved anew at the last assessment, |grad F| was at most about {assessed:G3}, where the method's own estimate was {normThen:G3} (error of the inner solves {innerNow:G2}, bias {biasNow:G2}).");

    /// <summary>The residual after an iteration.</summary>
    /// <param name="norm">The norm of the run's estimate of the hypergradient.</param>
    /// <param name="step">The step of x, for the gradient mapping.</param>
    /// <param name="penalty">lambda of the run.</param>
    /// <param name="lowerGradient">g_y at the run's answer, of its last inner step; null where its norm is known.</param>
    /// <param name="lowerNorm">Its norm.</param>
    /// <param name="work">What the iteration cost, in inner steps, where that differs from one to the next.</param>
    public double After(double norm, double step, double penalty, V? lowerGradient, double lowerNorm = double.NaN, long work = 0)
    {
        iterations += Math.Max(1, work);
        credit = Math.Min(credit + (work > 0 ? work * WorkShare : workPerIteration), MostSteps);
        if (!hopeless && iterations >= FirstAt && credit >= Math.Max(LeastCredit, norm <= normThen / 2 ? cost : 4 * cost)) Assess(norm, step);
        if (noise is { IsNoisy: true }) return (noise.Deviation * penalty) + Bound(norm, penalty, lowerGradient?.Norm() ?? lowerNorm);
        if (!double.IsNaN(assessed)) return Math.Max(norm, assessed);

        // Nothing is claimed before something was assessed.
        unassessed = Math.Max(unassessed, Bound(norm, penalty, lowerGradient?.Norm() ?? lowerNorm));
        return unassessed;
    }

    /// <summary>What an assessment says now, for a method that knows when to ask.</summary>
    /// <param name="norm">The norm of the run's estimate of the hypergradient.</param>
    /// <param name="step">The step of x, for the gradient mapping.</param>
    /// <param name="limit">Most inner steps.</param>
    public double Now(double norm, double step, int limit)
    {
        credit = limit;
        Assess(norm, step);
        return assessed;
    }

    /// <summary>Changes the constants, to those that the run has learned.</summary>
    public void SetConstants(LocalConstants value)
    {
        constants = value;
        followers.SetConstants(value);
    }

    /// <summary>The residual after an iteration that ended where the hypergradient is not finite, and is to be taken back.</summary>
    /// <param name="before">The residual before it.</param>
    /// <param name="penalty">lambda of the run.</param>
    /// <param name="lowerGradient">g_y at the last point where it is known.</param>
    public double AfterBreakdown(double before, double penalty, V lowerGradient) =>
        double.IsFinite(before) ? before : Bound(1, penalty, lowerGradient.Norm());

    /// <summary>The last assessment where the run is at rest above a tolerance that its own estimate meets, so that it is its bias; NaN otherwise.</summary>
    /// <param name="norm">The norm of the run's estimate of the hypergradient.</param>
    /// <param name="tolerance">The tolerance.</param>
    public double Resting(double norm, double tolerance) =>
        noise is not { IsNoisy: true } && norm <= Math.Min(tolerance, RaiseShare * assessed) && innerNow + biasNow <= assessed / 2 && settled >= LeastSettled ? assessed : double.NaN;

    /// <summary>Whether the run is at rest at a point that the bias of its lambda alone keeps from being better, for a lambda that it may choose.</summary>
    /// <param name="norm">The norm of the run's estimate of the hypergradient.</param>
    /// <param name="penalty">lambda of the run.</param>
    public bool WantsLargerLambda(double norm, double penalty)
    {
        // Positions are no sharper than rounding, which a larger lambda multiplies.
        double rounding = 2 * LambdaFactor * penalty * constants.LowerCoupling * Precision.Of(runZ) * runZ.Norm() * constants.LowerSmoothness / constants.LowerStrongConvexity;
        if (rounding > assessed) return false;

        // What an error bound holds up, a larger lambda does not lower; and a loop still on its way is only disturbed.
        if (innerNow + biasNow > assessed / 2 || settled < LeastSettled) return false;
        if (iterations - raisedAt < RaisePause || !(norm <= RaiseShare * assessed) || !(assessed <= assessedThen / 2)) return false;
        (assessedThen, raisedAt) = (assessed, iterations);

        // The jump sets y in motion; what was assessed holds no longer.
        (assessed, unassessed, settled) = (double.NaN, 0, 0);
        return true;
    }

    public void Transfer(IArchive<V> archive)
    {
        archive.Transfer(z);
        archive.Transfer(y);
        archive.Transfer(doubled);
        archive.Transfer(ref lambda);
        archive.Transfer(ref assessed);
        archive.Transfer(ref normThen);
        archive.Transfer(ref biasNow);
        archive.Transfer(ref innerNow);
        archive.Transfer(ref credit);
        archive.Transfer(ref cost);
        archive.Transfer(ref iterations);
        archive.Transfer(ref unassessed);
        archive.Transfer(ref assessedThen);
        archive.Transfer(ref raisedAt);
        archive.Transfer(ref settled);
        LocalConstants.Transfer(archive, ref constants);
        noise?.Transfer(archive);
        followers.Transfer(archive);
        if (archive.Loading) followers.SetConstants(constants);
    }

    // |h| + lambda |g_xy| (|y - z| + 3 |g_y|/mu) + |f_xy| |y - z|: the first-order bias and a lag of y up to twice that of z.
    private double Bound(double norm, double penalty, double lowerNorm)
    {
        difference.CopyFrom(runY);
        difference.AddScaled(-1, runZ);
        double apart = difference.Norm(), lag = lowerNorm / constants.LowerStrongConvexity;
        return norm + (penalty * constants.LowerCoupling * (apart + (3 * lag))) + (constants.UpperCoupling * apart);
    }

    private void Assess(double norm, double step)
    {
        if (noise is not null)
        {
            noise.Measure();
            if (noise.IsNoisy)
            {
                (normThen, cost, credit) = (norm, LeastCredit, 0);
                return;
            }
        }

        Follow();
        double before = double.PositiveInfinity, best = double.PositiveInfinity, bestLambda = lambda, target = double.IsNaN(assessed) ? norm : Math.Max(norm, InnerShare * assessed);
        double sizeBefore = double.NaN, innerBefore = double.NaN;
        int left = (int)credit, stagesInVain = 0;
        bool comparable = false;                     // whether there is an r at lambda / LambdaFactor to compare with
        for (int round = 0; round < MostRounds && left > 0; round++)
        {
            double accuracy = InnerShare * Math.Max(target, double.Epsilon);
            InnerTolerances.Fill(pair, accuracy, lambda, constants);
            tolerances[Y] = pair[1];
            InnerTolerances.Fill(pair, accuracy, 2 * lambda, constants);
            (tolerances[Z], tolerances[Doubled]) = (pair[0], pair[1]);
            for (int i = 0; i < tolerances.Length; i++) tolerances[i] = Math.Max(tolerances[i], double.Epsilon);
            followers.SetSigma(Y, 1 / lambda);
            followers.SetSigma(Doubled, 0.5 / lambda);
            left -= followers.Solve(tolerances, left, accelerated: true, shares);
            if (followers.LeastCurvature < constants.LowerStrongConvexity && !constants.StrongConvexityKnown)
            {
                constants = constants with { LowerStrongConvexity = followers.LeastCurvature };
                followers.SetConstants(constants);
            }

            var (size, inner, bias) = Measure(step, isFirst: !comparable);
            double total = size + inner + bias;
            if (total < best || !double.IsFinite(best)) (best, bestLambda, biasNow, innerNow) = (total, lambda, bias, inner);
            if (!double.IsFinite(total)) break;
            double former = BiasBefore * bias / BiasOfDifference;
            if (comparable && inner > BiasShare * total && former <= BiasShare * innerBefore && sizeBefore + innerBefore + former < best)
                (best, biasNow, innerNow) = (sizeBefore + innerBefore + former, former, innerBefore);
            if (size + bias < target / 2)
            {
                target = size + bias;
            }
            else if (bias > BiasShare * total && inner <= BiasShare * total)
            {
                extrapolatedBefore.CopyFrom(extrapolated);
                (comparable, sizeBefore, innerBefore) = (true, size, inner);
                // A bias that no longer falls is rounding, which a larger lambda would only multiply.
                stagesInVain = bias >= before / 2 ? stagesInVain + 1 : 0;
                if (stagesInVain >= 2) break;
                before = bias;
                SetLambda(lambda * LambdaFactor);
            }
            else
            {
                break;
            }
        }

        // The next one begins a round earlier, so that it has an r to compare with.
        SetLambda(Math.Max(firstLambda, bestLambda / LambdaFactor));
        settled = norm <= RaiseShare * best && best > assessed / 2 ? settled + 1 : 0;
        (assessed, normThen, cost) = (best, norm, credit - left);
        credit = 0;
    }

    // The copies go where the run has gone, each as far from z as it was.
    private void Follow()
    {
        difference.CopyFrom(runZ);
        difference.AddScaled(-1, z);
        z.CopyFrom(runZ);
        y.AddScaled(1, difference);
        doubled.AddScaled(1, difference);
    }

    // y_lambda* - y* is of first order in 1/lambda.
    private void SetLambda(double value)
    {
        double share = lambda / value;
        if (share == 1) return;
        foreach (var copy in (ReadOnlySpan<V>)[y, doubled])
        {
            copy.AddScaled(-1, z);
            copy.Scale(share);
            copy.AddScaled(1, z);
        }

        lambda = value;
    }

    // |r|, what the inner solves leave of it, and its bias: from the r before, or no more than the difference of the two h and what that lags (see PenaltyBias).
    private (double Size, double Inner, double Bias) Measure(double step, bool isFirst)
    {
        atLambda.Evaluate(lambda, Sample.All, Sample.All);
        atDoubled.Evaluate(2 * lambda, Sample.All, Sample.All);
        double mu = constants.LowerStrongConvexity, coupling = lambda * constants.LowerCoupling, upper = constants.UpperCoupling;
        var norms = followers.Norms;
        double inner = setFactor * ((3 * coupling * norms[Z]) + (2 * (coupling + upper) * norms[Y]) + (4 * ((2 * coupling) + upper) * norms[Doubled])) / mu;
        inner += 8 * coupling * Precision.Of(z) * z.Norm();   // positions are no sharper than that
        extrapolated.CopyFrom(atDoubled.Direction);
        extrapolated.Scale(2);
        extrapolated.AddScaled(-1, atLambda.Direction);
        double size = mapping.Norm(extrapolated, step), bias;
        if (isFirst)
        {
            atLambda.Direction.AddScaled(-1, atDoubled.Direction);
            bias = (1 + (constants.UpperSmoothness / (2 * lambda * mu))) * atLambda.Direction.Norm();
        }
        else
        {
            extrapolatedBefore.AddScaled(-1, extrapolated);
            bias = BiasOfDifference * extrapolatedBefore.Norm();
            extrapolatedBefore.AddScaled(1, extrapolated);
        }

        return (size, inner, bias);
    }
}

/// <summary>Whether samples of a problem differ, and by how much at least: gradients on two samples at the same point, drawn apart from those of the run.</summary>
internal sealed class SampleNoise<V>
    where V : class, IVector<V>
{
    private readonly int batch;
    private readonly PreparedRequest<V>[] requests;  // g_x, g_y and f_x, f_y at (x, z)
    private readonly V[] gradients, before;
    private readonly SampleStream samples;
    private double deviation;

    public SampleNoise(BilevelProblem<V> problem, V x, V z, int batch, ulong seed)
    {
        this.batch = batch;
        samples = new SampleStream(~seed);
        gradients = [x.ZerosLike(), z.ZerosLike(), x.ZerosLike(), z.ZerosLike()];
        before = gradients.ZeroBlocks();
        requests =
        [
            new(problem.Lower, [[x, z]], [new(BilevelProblem.X, 0, gradients[0]), new(BilevelProblem.Y, 0, gradients[1])]),
            new(problem.Upper, [[x, z]], [new(BilevelProblem.X, 0, gradients[2]), new(BilevelProblem.Y, 0, gradients[3])]),
        ];
    }

    /// <summary>The largest difference seen between gradients on two samples.</summary>
    public double Deviation => deviation;

    /// <summary>Whether any two samples gave different gradients.</summary>
    public bool IsNoisy => deviation > 0;

    public void Measure()
    {
        foreach (var request in requests)
        {
            request.Evaluate(samples.Next(batch));
            for (int b = 0; b < gradients.Length; b++) before[b].CopyFrom(gradients[b]);
            request.Evaluate(samples.Next(batch));
            for (int b = 0; b < gradients.Length; b++)
            {
                before[b].AddScaled(-1, gradients[b]);
                deviation = Math.Max(deviation, before[b].Norm());
            }
        }
    }

    public void Transfer(IArchive archive)
    {
        samples.Transfer(archive);
        archive.Transfer(ref deviation);
    }
}
