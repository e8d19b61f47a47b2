using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// What the methods that track the lower saddle point share: the leader, the lower pairs and their steps. A method says in
/// which order they move. With one pair (partial gradient) it is the published (x, y, z); with two, the second sees s f.
/// </summary>
internal abstract class SaddleTrackingRun<V> : MethodRun<V>
    where V : class, IVector<V>
{
    private readonly SaddleTrackingMethod settings;
    private readonly V x1, x2;
    private readonly V[] y, z;                              // the pairs; pair 0 is on g but for a z that sees f crosswise
    private readonly V[] point;
    private readonly V fx1, fx2, fy, fz;                    // grad f at (x1, x2, ys, zs)
    private readonly V[] gy, gz;                            // g_y and g_z at every pair
    private readonly V[] gx;                                // g_x(x, last pair) - g_x(x, pair 0), or its two summands
    private readonly PreparedRequest<V> leader, followerY, followerZ;
    private readonly PreparedRequest<V>[] cross, descent, ascent;
    private readonly ProximalBlock<V> moverX1, moverX2;
    private readonly ProximalBlock<V>[] moverY, moverZ;
    private readonly SampleStream ofUpper;
    private readonly int withY, withZ;                      // the pairs whose y and whose z see f
    private readonly double s, pullZ;                       // weight of f in the two steps; a z that ascends g - s f descends f
    private readonly double upperSign, lowerSign, stepMin, stepMax;
    private Sample xi;
    private double estimate = double.NaN;
    private long iteration;
    private readonly PairNoise? noise;                      // on minibatches
    private double upperSquare, ySquare, zSquare;           // parts of the squared residual

    protected SaddleTrackingRun(SaddleTrackingMethod settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
    {
        this.settings = settings;
        s = settings.Weight;
        (upperSign, lowerSign) = (problem.UpperSign, problem.LowerSign);
        (stepMin, stepMax) = settings.LowerSteps(problem.Constants);
        (x1, x2) = (start[X1].Copy(), start[X2].Copy());
        bool crosswise = settings.UpperGradient == UpperGradient.Crosswise;
        withY = s > 0 ? 1 : 0;
        withZ = crosswise ? 0 : withY;
        pullZ = crosswise ? -s : s;

        // The copies of the start are where the certificate looks for them: (y1, y2) has seen f, (z1, z2) has not.
        y = s > 0 ? [start[Z1].Copy(), start[Y1].Copy()] : [start[Y1].Copy()];
        z = s > 0 ? [start[crosswise ? Y2 : Z2].Copy(), start[crosswise ? Z2 : Y2].Copy()] : [start[Y2].Copy()];
        point = [x1, x2, y[withY], z[withZ], y[0], z[crosswise ? 1 : 0]];

        (fx1, fx2, fy, fz) = (x1.ZerosLike(), x2.ZerosLike(), y[0].ZerosLike(), z[0].ZerosLike());
        (gy, gz) = (y.ZeroBlocks(), z.ZeroBlocks());
        bool apart = settings.IndependentSamples && s > 0;
        gx = [.. Enumerable.Range(0, s == 0 ? 0 : apart ? 2 : 1).Select(_ => x1.ZerosLike())];
        V[] atF = [x1, x2, y[withY], z[withZ]];
        V[][] atG = [.. y.Zip(z, (a, b) => new[] { x1, a, b })];

        // Where f is not asked below, the residual needs its gradients in y and z, which the same point gives.
        leader = new(problem.Upper, [atF], s > 0 ? [new(X1, 0, fx1), new(X2, 0, fx2)] : [new(X1, 0, fx1), new(X2, 0, fx2), new(Y1, 0, fy), new(Y2, 0, fz)]);
        followerY = new(problem.Upper, [atF], [new(Y1, 0, fy)]);
        followerZ = new(problem.Upper, [atF], [new(Y2, 0, fz)]);
        cross = s == 0 ? [] : apart ? [Cross([atG[0]], gx[0], [-1]), Cross([atG[1]], gx[1], [1])] : [Cross(atG, gx[0], [-1, 1])];
        descent = Pairs(Lower.Z1, gy);
        ascent = Pairs(Lower.Z2, gz);
        (moverX1, moverX2) = (new(x1, problem.X1), new(x2, problem.X2));
        moverY = [.. y.Select(v => new ProximalBlock<V>(v, problem.Z1))];
        moverZ = [.. z.Select(v => new ProximalBlock<V>(v, problem.Z2))];
        ofUpper = new SampleStream(RandomBits.At(seed, 0));
        noise = settings.Batch > 0 ? new PairNoise(problem, atF, atG[^1], settings.Batch, seed) : null;

        PreparedRequest<V> Cross(V[][] at, V result, double[] weights) => new(problem.Lower, at, [new(Lower.X1, Output.Combined, result)], weights);
        PreparedRequest<V>[] Pairs(int block, V[] results) => apart
            ? [.. atG.Select((at, p) => new PreparedRequest<V>(problem.Lower, [at], [new(block, 0, results[p])]))]
            : [new(problem.Lower, atG, [.. results.Select((r, p) => new Output<V>(block, p, r))])];
    }

    public override double Estimate => estimate;

    public override string? Remark => noise is { Deviation: > 0 }
        ? FormattableString.Invariant($"On minibatches the residual of this method holds the noise of its estimate ({noise.Deviation:G3} in a gradient at least{(s > 0 ? FormattableString.Invariant($", times 1/s = {1 / s:G4} in a row of the lower level") : "")}), so that such a run ends by its limit.")
        : null;

    public override double Penalty => s > 0 ? 1 / s : double.NaN;

    public override ReadOnlySpan<V> Point => point;

    /// <summary>t: number of outer iterations so far.</summary>
    protected long Iteration => iteration;

    public override void Step()
    {
        xi = ofUpper.Next(settings.Batch);
        Iterate();
        iteration++;
        estimate = Math.Sqrt(upperSquare + ySquare + zSquare);
        if (noise is not null && long.IsPow2(iteration)) noise.Measure();
        Residual = estimate + (noise is null ? 0 : noise.Deviation * (s > 0 ? 1 + (1 / s) : 1));
    }

    protected override void TransferState(IArchive<V> archive)
    {
        archive.Transfer(x1);
        archive.Transfer(x2);
        archive.Transfer(y);
        archive.Transfer(z);
        archive.Transfer(ref iteration);
        ofUpper.Transfer(archive);
        TransferSamples(archive);
        noise?.Transfer(archive);
    }

    /// <summary>One outer iteration: a call of <see cref="MoveLeader"/>, and calls of <see cref="MoveY"/> and <see cref="MoveZ"/>.</summary>
    protected abstract void Iterate();

    /// <summary>Saves or loads the places in the sequences of samples that the method draws.</summary>
    protected abstract void TransferSamples(IArchive archive);

    /// <summary>A sequence of samples zeta for the lower pairs.</summary>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="stream">Number of the sequence, from 0.</param>
    protected LowerSamples Samples(ulong seed, int stream) => new(seed, stream, cross.Length > 1 ? 2 : 1, settings.Batch);

    /// <summary>x = x - step(t) h, with h = d_x f at the pair that sees f, and with two pairs the difference of their d_x g over s.</summary>
    protected void MoveLeader(LowerSamples zeta)
    {
        double factor = settings.UpperFactor(iteration), stepX1 = settings.StepUpper, stepX2 = settings.StepOpponent ?? stepX1;
        leader.Evaluate(xi);
        fx1.Scale(upperSign);
        fx2.Scale(-upperSign);
        for (int i = 0; i < cross.Length; i++)
        {
            cross[i].Evaluate(zeta[i]);
            fx1.AddScaled(lowerSign / s, gx[i]);
        }

        upperSquare = moverX1.SquaredMapping(fx1, stepX1) + moverX2.SquaredMapping(fx2, stepX2);
        if (s == 0) upperSquare += fy.Dot(fy) + fz.Dot(fz);
        moverX1.Move(fx1, factor * stepX1);
        moverX2.Move(fx2, factor * stepX2);
    }

    /// <summary>y = y - step(k) d_y g at every pair; the one that sees f descends g + s f.</summary>
    /// <param name="k">Index of the step.</param>
    /// <param name="zeta">The sample.</param>
    /// <param name="measure">Whether the residual is read at this step.</param>
    protected void MoveY(long k, LowerSamples zeta, bool measure)
    {
        for (int i = 0; i < descent.Length; i++) descent[i].Evaluate(zeta[i]);
        gy.Scale(lowerSign);
        if (s > 0)
        {
            followerY.Evaluate(xi);
            gy[withY].AddScaled(upperSign * s, fy);
        }

        if (measure) ySquare = SquaredMapping(moverY, gy, stepMin);
        for (int p = 0; p < y.Length; p++) moverY[p].Move(gy[p], settings.LowerFactor(k) * stepMin);
    }

    /// <summary>z = z + step(k) d_z g at every pair; the one that sees f ascends g + s f, or crosswise g - s f.</summary>
    /// <param name="k">Index of the step.</param>
    /// <param name="zeta">The sample.</param>
    /// <param name="measure">Whether the residual is read at this step.</param>
    protected void MoveZ(long k, LowerSamples zeta, bool measure)
    {
        if (z[0].Length == 0) return;
        for (int i = 0; i < ascent.Length; i++) ascent[i].Evaluate(zeta[i]);
        gz.Scale(-lowerSign);
        if (s > 0)
        {
            followerZ.Evaluate(xi);
            gz[withZ].AddScaled(-upperSign * pullZ, fz);
        }

        if (measure) zSquare = SquaredMapping(moverZ, gz, stepMax);
        for (int p = 0; p < z.Length; p++) moverZ[p].Move(gz[p], settings.LowerFactor(k) * stepMax);
    }

    /// <summary>Puts all pairs back to (y, z) of the start.</summary>
    /// <param name="startY">y of the start.</param>
    /// <param name="startZ">z of the start.</param>
    protected void Reinitialise(V startY, V startZ)
    {
        foreach (var copy in y) copy.CopyFrom(startY);
        foreach (var copy in z) copy.CopyFrom(startZ);
    }

    // Errors of the pairs enter the upper gradient over s.
    private double SquaredMapping(ProximalBlock<V>[] movers, V[] directions, double step)
    {
        double sum = 0;
        for (int p = 0; p < movers.Length; p++) sum += movers[p].SquaredMapping(directions[p], step);
        return s > 0 ? sum / (s * s) : sum;
    }

    /// <summary>By how much gradients of f and g on two samples differ at the same point, drawn apart from the run's own.</summary>
    private sealed class PairNoise
    {
        private const ulong Apart = ulong.MaxValue;

        private readonly int batch;
        private readonly PreparedRequest<V>[] requests;
        private readonly V[] gradients, before;
        private readonly SampleStream samples;
        private double deviation;

        public PairNoise(BilevelMinimaxProblem<V> problem, V[] atF, V[] atG, int batch, ulong seed)
        {
            this.batch = batch;
            samples = new SampleStream(RandomBits.At(seed, Apart));
            gradients = atF.Concat(atG).ToArray().ZeroBlocks();
            before = gradients.ZeroBlocks();
            requests =
            [
                new(problem.Upper, [atF], [.. atF.Select((_, b) => new Output<V>(b, 0, gradients[b]))]),
                new(problem.Lower, [atG], [.. atG.Select((_, b) => new Output<V>(b, 0, gradients[atF.Length + b]))]),
            ];
        }

        /// <summary>The largest difference seen.</summary>
        public double Deviation => deviation;

        public void Measure()
        {
            foreach (var request in requests)
            {
                request.Evaluate(samples.Next(batch));
                before.CopyFrom(gradients);
                request.Evaluate(samples.Next(batch));
                before.AddScaled(-1, gradients);
                deviation = Math.Max(deviation, before.Norm());
            }
        }

        public void Transfer(IArchive archive)
        {
            samples.Transfer(archive);
            archive.Transfer(ref deviation);
        }
    }

    /// <summary>A sequence of samples: the same for all pairs, or one for each.</summary>
    protected sealed class LowerSamples(ulong seed, int stream, int pairs, int batch)
    {
        private const ulong FirstLower = 1, PerStream = 2;

        private readonly SampleStream[] streams = [.. Enumerable.Range(0, pairs).Select(p => new SampleStream(RandomBits.At(seed, FirstLower + (PerStream * (ulong)stream) + (ulong)p)))];
        private readonly Sample[] current = new Sample[pairs];

        public Sample this[int pair] => current[pair];

        public void Next()
        {
            for (int p = 0; p < current.Length; p++) current[p] = streams[p].Next(batch);
        }

        public void Transfer(IArchive archive)
        {
            foreach (var s in streams) s.Transfer(archive);
        }
    }
}

/// <summary>A block that moves by proximal gradient steps.</summary>
internal sealed class ProximalBlock<V>(V block, IProximalTerm<V> term)
    where V : class, IVector<V>
{
    private readonly V? trial = term is IFeasibleSet<V> { IsWholeSpace: true } ? null : block.ZerosLike();

    /// <summary>u = prox(u - step d).</summary>
    public void Move(V direction, double step)
    {
        // An exponential decay ends in steps of zero.
        if (!(step > 0)) return;
        block.AddScaled(-step, direction);
        term.Prox(block, step);
    }

    /// <summary>|u - prox(u - step d)|^2 / step^2, for a step that does not decay.</summary>
    public double SquaredMapping(V direction, double step)
    {
        if (trial is null) return direction.Dot(direction);
        trial.CopyFrom(block);
        trial.AddScaled(-step, direction);
        term.Prox(trial, step);
        trial.AddScaled(-1, block);
        return trial.Dot(trial) / (step * step);
    }
}
