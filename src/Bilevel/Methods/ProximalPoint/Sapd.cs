// The stochastic penalty method of Shen, He, Wang, Lin, arXiv 2605.08006, with the inner solver SAPD of Zhang, Aybat,
// Gurbuzbalaban: SAPD+, arXiv 2205.15084 (bilevel minimax, section 9).
// Problem class: f and g smooth with simple terms, f concave in x2, g convex-concave in (z1, z2); minibatches, and now
// and then an exact gradient.
using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// The stochastic penalty method: it solves proximal subproblems
/// P(w, v) + (r1/2)|w - w_k|^2 - (r2/2)|v - v0|^2 by SAPD on minibatches, the same for both points of g, and ends the
/// average of each with one proximal step on exact gradients, where the residual is measured.
/// </summary>
/// <remarks>
/// A step of a run is at most 50 iterations of SAPD, so that a budget or a cancellation need not wait for the end of a
/// subproblem. In between, the run's point and residual are those at the end of the last subproblem.
///
/// A residual of noisy gradients says nothing, so an exact gradient is needed once or twice per subproblem. Where noise
/// rules the moves of w, the subproblems become longer; where they are as long as they may be, a bounded number of them
/// is solved on exact gradients. Without those, what the method promises is a nearly epsilon-KKT point: one that is, in
/// expectation, within epsilon/(4 L_h) of a point that is epsilon-KKT. The certificate, which takes exact gradients,
/// decides about the point itself.
/// </remarks>
public sealed record Sapd : PenaltyMethod
{
    // The blocks of w and of v.
    private static readonly int[] Minimisers = [X1, Y1, Y2], Maximisers = [X2, Z1, Z2];

    /// <inheritdoc/>
    public override string Name => "sapd";

    /// <summary>Number of data items per gradient estimate; 0 takes all data, that is exact gradients.</summary>
    [Setting("Number of data items per gradient estimate; 0 takes all data, that is exact gradients.", Min = 0)]
    public int Batch { get; init; } = 64;

    /// <summary>SAPD iterations per proximal subproblem, two gradient estimates each; the first number, doubled where noise rules.</summary>
    [Setting("SAPD iterations per proximal subproblem, two gradient estimates each; the first number, doubled where noise rules.", Min = 1)]
    public int Iterations { get; init; } = 50;

    /// <summary>Most SAPD iterations per proximal subproblem.</summary>
    [Setting("Most SAPD iterations per proximal subproblem.", Min = 1)]
    public int MostIterations { get; init; } = 3200;

    /// <summary>Times that SAPD is started in a subproblem, each from the average before.</summary>
    [Setting("Times that SAPD is started in a subproblem, each from the average before.", Min = 1)]
    public int Restarts { get; init; } = 1;

    /// <summary>Share of the iterations, the last ones, that enter the average.</summary>
    [Setting("Share of the iterations, the last ones, that enter the average.", Min = 1e-6, Max = 1)]
    public double TailShare { get; init; } = 0.5;

    /// <summary>Weight of the difference of the last two gradients of v.</summary>
    [Setting("Weight of the difference of the last two gradients of v.", Min = 0, Max = 1)]
    public double Theta { get; init; } = 1;

    /// <summary>Step of the minimisers in SAPD as a share of s; 2/3 is 1/L of the subproblem where s = 0.5/L_h.</summary>
    [Setting("Step of the minimisers in SAPD as a share of s; 2/3 is 1/L of the subproblem where s = 0.5/L_h.", Min = 1e-12, Max = 1)]
    public double MinimiserShare { get; init; } = 0.25;

    /// <summary>Step of the maximisers in SAPD as a share of s.</summary>
    [Setting("Step of the maximisers in SAPD as a share of s.", Min = 1e-12, Max = 1)]
    public double MaximiserShare { get; init; } = 0.25;

    /// <summary>Weight r1 of |w - w_k|^2 / 2 as a multiple of 1/s; 1 is 2 L_h where s = 0.5/L_h.</summary>
    [Setting("Weight r1 of |w - w_k|^2 / 2 as a multiple of 1/s; 1 is 2 L_h where s = 0.5/L_h.", Min = 1e-6, Max = 100)]
    public double Proximity { get; init; } = 0.75;

    /// <summary>Weight r2 of |v - centre|^2 / 2; auto takes epsilon/(2 D), D the diameter of the sets of v, and 0 where they are not bounded.</summary>
    [Setting("Weight r2 of |v - centre|^2 / 2; auto takes epsilon/(2 D), D the diameter of the sets of v, and 0 where they are not bounded.", Min = 0)]
    public double? Regularisation { get; init; }

    /// <summary>Centres v at the subproblem's start in place of the run's; only the fixed centre has the deterministic scheme's bound on the gap.</summary>
    [Setting("Centres v at the subproblem's start in place of the run's; only the fixed centre has the deterministic scheme's bound on the gap.")]
    public bool MovingCentre { get; init; }

    /// <summary>Most subproblems that are solved on exact gradients, once those on minibatches are as long as they may be and noise still rules; 0 for none. When they are used up, minibatches go on and may lead away again.</summary>
    [Setting("Most subproblems that are solved on exact gradients, once those on minibatches are as long as they may be and noise still rules; 0 for none. When they are used up, minibatches go on and may lead away again.", Min = 0)]
    public int PolishSteps { get; init; } = 100_000;

    /// <summary>
    /// The measured reference run of section 9.4: batch 1, rho = 1/epsilon, from the given start, all steps 1/L of the
    /// subproblem or shorter by the noise (section 9.3, constant 1/8), plain averages, no growth and no polish.
    /// </summary>
    /// <param name="tolerance">epsilon.</param>
    /// <param name="constants">L_f and L_g.</param>
    /// <param name="diameter">D, the diameter of the set of v.</param>
    /// <param name="minimiserNoise">delta_x: root of the variance of the rows of w at rho.</param>
    /// <param name="maximiserNoise">delta_y: root of the variance of the rows of v at rho.</param>
    /// <param name="mostIterations">Cap on N = 33 max(4/(mu_x tau), 8/(mu_y sigma)).</param>
    public static Sapd Reference(double tolerance, MinimaxConstants constants, double diameter, double minimiserNoise, double maximiserNoise, int mostIterations)
    {
        var reference = Reference(new Sapd(), tolerance, constants, 0.5);
        double convexity = constants.PenaltySmoothness(1 / tolerance)!.Value, concavity = tolerance / (2 * diameter), smoothness = (3 * convexity) + concavity;
        double StepFor(double noise) => Math.Min(1 / smoothness, tolerance * tolerance / (8 * convexity * noise * noise));
        double tau = StepFor(minimiserNoise), sigma = StepFor(maximiserNoise);
        int iterations = (int)Math.Min(mostIterations, Math.Ceiling(33 * Math.Max(4 / (convexity * tau), 8 / (concavity * sigma))));
        return reference with
        {
            Batch = 1,
            Iterations = iterations,
            MostIterations = iterations,
            TailShare = 1,
            Proximity = 1,
            MinimiserShare = tau * 2 * convexity,
            MaximiserShare = sigma * 2 * convexity,
            Regularisation = concavity,
            PolishSteps = 0,
        };
    }

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed) => new Run<V>(this, problem, start, seed);

    /// <inheritdoc/>
    public override IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
    {
        foreach (var finding in base.Validate(problem)) yield return finding;
        if (MostIterations < Iterations) yield return new Finding(Severity.Error, FormattableString.Invariant($"most-iterations = {MostIterations} is below iterations = {Iterations}."), "Raise most-iterations, or lower iterations.");
    }

    private sealed class Run<V> : PenaltyRun<V>
        where V : class, IVector<V>
    {
        // Most iterations of SAPD in one step of the run.
        private const long Bunch = 50;

        // At the saddle of the subproblem grad_w P = r1 (w_k - w), so that the exact step goes on from w_k to w by this share
        // of the way. The proximal point method bears up to 1.
        private const double Extrapolation = 0.9;

        // Proximal steps on exact gradients that find the first step size.
        private const int Searches = 8;

        // The cosine between consecutive moves of w, averaged over about so many subproblems, below which noise rules:
        // drift makes it 1, independent errors about a point at rest -1/2.
        private const double Memory = 0.9, NoiseRules = 0.1;

        private readonly Sapd settings;
        private readonly BilevelMinimaxProblem<V> problem;
        private readonly SampleStream samples;
        private readonly double concavity;                  // r2
        private readonly V[] ended;                         // u where the last subproblem ended; w_k is part of it
        private readonly V[] centre;                        // w_k and the centre of v
        private readonly V[] before;                        // F of v where v moved last
        private readonly V[] sum;                           // of the last iterations
        private V[] move, lastMove;                         // w_{k+1} - w_k and the one before; v is not used
        private long iterations, polished;
        private long iteration, started;                    // n of SAPD, and how often it ended in this subproblem
        private bool polishing;
        private double agreement = 1;

        public Run(Sapd settings, BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
            : base(problem, start, settings.Tolerance, settings.Schedule, settings.Steps)
        {
            (this.settings, this.problem) = (settings, problem);
            samples = new SampleStream(seed);
            iterations = settings.Iterations;
            ended = U.CopyBlocks();
            centre = [.. ended.Select((block, b) => settings.MovingCentre || Minimisers.Contains(b) ? block : block.Copy())];
            before = U.ZeroBlocks();
            sum = U.ZeroBlocks();
            move = U.ZeroBlocks();
            lastMove = U.ZeroBlocks();
            double diameter = problem.MaximiserDiameter(start);
            concavity = settings.Regularisation ?? (diameter > 0 ? settings.Tolerance / (2 * diameter) : 0);
        }

        public override ReadOnlySpan<V> Point => ended;

        // N, and how many of the last enter the average.
        private long Count => polishing ? settings.Iterations : iterations;

        private long Averaged => Math.Max(1, (long)(settings.TailShare * Count));

        protected override void Iterate()
        {
            F.CopyFrom(Rows);
            GoOn(SubproblemStep());
            if (!IsFinite())
            {
                // The exact residual there is not finite either, so the driver need not wait for the end of the subproblem.
                Evaluate(Sample.All);
                TakeExactStep();
                return;
            }

            if (iteration < Count) return;
            iteration = 0;
            U.CopyFrom(sum);
            U.Scale(1.0 / Averaged);
            if (++started < settings.Restarts)
            {
                Evaluate(NextSample());
                return;
            }

            started = 0;
            Evaluate(Sample.All);
            TakeExactStep(Extrapolation / settings.Proximity * SubproblemStep());
            Judge();
            ended.CopyFrom(U);
        }

        // Finds the step size, where it is not given, before the first subproblem depends on it.
        protected override void Restart()
        {
            agreement = 1;
            if (settings.Steps.Step is { } step) MeasureHere(step);
            else for (int k = 0; k < Searches; k++) TakeExactStep();
            ended.CopyFrom(U);
        }

        protected override void TransferMore(IArchive<V> archive)
        {
            archive.Transfer(ended);
            if (!settings.MovingCentre) foreach (int b in Maximisers) archive.Transfer(centre[b]);
            archive.Transfer(before);
            archive.Transfer(sum);
            archive.Transfer(lastMove);
            archive.Transfer(ref iterations);
            archive.Transfer(ref iteration);
            archive.Transfer(ref started);
            archive.Transfer(ref polished);
            archive.Transfer(ref polishing);
            archive.Transfer(ref agreement);
            samples.Transfer(archive);
        }

        // A bunch of iterations from u, with F(u) given. With x = w, y = v in the paper's letters:
        //   y+ = prox(y + sigma (grad_y + theta (grad_y - the one before))), x+ = prox(x - tau grad_x(x, y+)).
        private void GoOn(double step)
        {
            if (iteration == 0)
            {
                before.CopyFrom(F);
                sum.Scale(0);
            }

            for (long last = Math.Min(iteration + Bunch, Count); iteration < last;)
            {
                foreach (int b in Maximisers)
                {
                    Direction[b].CopyFrom(F[b]);
                    Direction[b].AddScaled(settings.Theta, F[b]);
                    Direction[b].AddScaled(-settings.Theta, before[b]);
                    Pull(b, concavity);
                    before[b].CopyFrom(F[b]);
                    Descend(b, settings.MaximiserShare * step);
                }

                Evaluate(NextSample());
                foreach (int b in Minimisers)
                {
                    Direction[b].CopyFrom(F[b]);
                    Pull(b, settings.Proximity / (step * Factors[b]));
                    Descend(b, settings.MinimiserShare * step);
                }

                iteration++;
                if (iteration > Count - Averaged) sum.AddScaled(1, U);
                if (iteration < Count) Evaluate(NextSample());
            }
        }

        // s of the subproblem. The ratio that the search sees lies along one direction; the convexity of the subproblem needs the most of all.
        private double SubproblemStep() => settings.Steps.Step ?? Math.Min(Search.Step, problem.Constants.PenaltySmoothness(Penalty) is { } smoothness and > 0 ? 0.5 / smoothness : Search.Step / 2);

        private bool IsFinite()
        {
            bool finite = true;
            foreach (var block in U) finite &= block.IsFinite();
            return finite;
        }

        private Sample NextSample() => samples.Next(polishing ? 0 : settings.Batch);

        // The gradient of (weight/2) |u - centre|^2, added to the direction.
        private void Pull(int block, double weight)
        {
            Direction[block].AddScaled(weight, U[block]);
            Direction[block].AddScaled(-weight, centre[block]);
        }

        // A proximal step on P from u, with the exact F(u) given; it leaves the exact F there, and the residual. It is no
        // longer than the limit, though the search may look further.
        private void TakeExactStep(double limit = double.PositiveInfinity)
        {
            StartFromHere();
            Rows.CopyFrom(F);
            double step;
            do
            {
                step = Math.Min(Search.Step, limit);
                Direction.CopyFrom(Rows);
                Advance(step);
            }
            while (!IsAccepted());
            Conclude(step);
        }

        // The residual of a run that takes no step before its first subproblem: the gradient mapping at u, with the exact F(u) given.
        private void MeasureHere(double step)
        {
            StartFromHere();
            Direction.CopyFrom(F);
            for (int b = 0; b < BlockCount; b++) Descend(b, step);
            Conclude(step);
            for (int b = 0; b < BlockCount; b++) U[b].CopyFrom(Origin(b));
        }

        // Whether noise rules, and what then.
        private void Judge()
        {
            double along = 0, length = 0, lastLength = 0;
            foreach (int b in Minimisers)
            {
                move[b].CopyFrom(U[b]);
                move[b].AddScaled(-1, ended[b]);
                along += move[b].Dot(lastMove[b]);
                length += move[b].Dot(move[b]);
                lastLength += lastMove[b].Dot(lastMove[b]);
            }

            (move, lastMove) = (lastMove, move);
            double cosine = length > 0 && lastLength > 0 ? along / Math.Sqrt(length * lastLength) : 1;
            agreement = (Memory * agreement) + ((1 - Memory) * cosine);
            if (polishing && ++polished >= settings.PolishSteps) polishing = false;
            if (polishing || agreement >= NoiseRules || Residual <= settings.Tolerance) return;
            agreement = 1;
            if (iterations < settings.MostIterations) iterations = Math.Min(2 * iterations, settings.MostIterations);
            else if (settings.Batch > 0) polishing = polished < settings.PolishSteps;
        }
    }
}
