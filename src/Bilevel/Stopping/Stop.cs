using System.Globalization;

namespace Bilevel;

/// <summary>The stopping rules.</summary>
/// <example>
/// Either of two ends, and both at the same iteration.
/// <code>
/// StoppingRule either = Stop.Residual(1e-5) | Stop.OracleCalls(100_000);
/// StoppingRule late = Stop.Residual(1e-5) &amp; Stop.Iterations(100);
/// Console.WriteLine(either);
/// Console.WriteLine(late);
/// </code>
/// </example>
public static class Stop
{
    /// <summary>
    /// Converged when the method's residual has been at most <paramref name="tolerance"/> for <paramref name="patience"/> iterations in a row;
    /// not within the tolerance, or stalled, where the run rests above it by the bias of a penalty parameter that was given, or by rounding.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not positive, or the patience less than 1.</exception>
    public static StoppingRule Residual(double tolerance, int patience = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(tolerance, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(patience, 1);
        return new ResidualRule(tolerance, patience);
    }

    /// <summary>Stops when the residual has not fallen below its least value for <paramref name="patience"/> iterations: rounding or noise ends all progress, or bad conditioning holds it up.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The patience is not positive.</exception>
    public static StoppingRule Stalled(long patience = 1000) => new StalledRule((long)Positive(patience));

    /// <summary>Stops after <paramref name="limit"/> iterations.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive.</exception>
    public static StoppingRule Iterations(long limit) => new LimitRule(
        SolveStatus.IterationLimit, Positive(limit), run => run.Iteration, FormattableString.Invariant($"The limit of {limit:N0} iterations was reached."), FormattableString.Invariant($"{limit:N0} iterations"));

    /// <summary>Stops once <paramref name="limit"/> gradients have been asked for, at the end of the iteration that reaches it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive.</exception>
    public static StoppingRule OracleCalls(long limit) => new LimitRule(
        SolveStatus.OracleLimit, Positive(limit), run => run.OracleCalls, FormattableString.Invariant($"The limit of {limit:N0} oracle calls was reached."), FormattableString.Invariant($"{limit:N0} oracle calls"));

    /// <summary>
    /// Stops once <paramref name="limit"/> has passed, counted over all sittings of a resumed run. An iteration that does not end soon after
    /// is given up, for the point before it; what follows the iterations (the certificate) is given up when as much time again has passed.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive.</exception>
    public static StoppingRule Time(TimeSpan limit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(limit, TimeSpan.Zero);
        return new LimitRule(SolveStatus.TimeLimit, limit.TotalSeconds, run => run.Elapsed.TotalSeconds, FormattableString.Invariant($"The time limit of {limit.TotalSeconds:G6} s was reached."), FormattableString.Invariant($"{limit.TotalSeconds:G6} s"), limit);
    }

    /// <summary>Converged when an independent certificate, asked every <paramref name="every"/> iterations, certifies the point at <paramref name="tolerance"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance or the number of iterations is not positive.</exception>
    public static StoppingRule Certified(double tolerance, long every = 100)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(tolerance, 0);
        return new CertifiedRule(tolerance, (long)Positive(every));
    }

    /// <summary>Never stops; for runs that end by cancellation alone.</summary>
    public static StoppingRule Never { get; } = new LimitRule(SolveStatus.IterationLimit, double.PositiveInfinity, _ => 0, "", "never");

    private static double Positive(long limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return limit;
    }

    private sealed class ResidualRule(double tolerance, int patience) : StoppingRule
    {
        public override IStopMonitor Begin() => new Monitor(tolerance, patience);

        public override string ToString() => FormattableString.Invariant($"residual <= {tolerance:G6}");

        private sealed class Monitor(double tolerance, int patience) : IStopMonitor
        {
            private long inARow, askedAt;
            private double last = double.NaN;
            private (SolveStatus Status, string Reason)? settled;

            public SolveStatus Status => settled?.Status ?? SolveStatus.Converged;

            public string Reason => settled?.Reason ?? string.Create(CultureInfo.InvariantCulture, $"The residual {last:G3} is at most the tolerance {tolerance:G3}{(patience > 1 ? $" for {patience} iterations in a row" : "")}.");

            public double? Tolerance => tolerance;

            public double Share => 0;

            public bool ShouldStop(IRunView run)
            {
                // A resumed run asks once more at the iteration where it was saved.
                bool again = run.Iteration == askedAt && inARow > 0;
                (last, askedAt) = (run.Residual, run.Iteration);
                inARow = !(last <= tolerance) ? 0 : again ? inARow : inARow + 1;
                settled = inARow > 0 ? null : run.Settled(tolerance);
                return inARow >= patience || settled is not null;
            }

            public void Transfer(IArchive archive)
            {
                archive.Transfer(ref inARow);
                archive.Transfer(ref askedAt);
            }
        }
    }

    private sealed class StalledRule(long patience) : StoppingRule
    {
        public override IStopMonitor Begin() => new Monitor(patience);

        public override string ToString() => FormattableString.Invariant($"no progress for {patience:N0} iterations");

        private sealed class Monitor(long patience) : IStopMonitor
        {
            // Where gradients are exact to 1e-16, and a penalty parameter may have multiplied that by a million.
            private const double RoundingShare = 1e-10;

            private double least = double.PositiveInfinity, largest;
            private long since;

            public SolveStatus Status => SolveStatus.Stalled;

            // A residual is a gradient, which rounding leaves at no less than a few units of the largest that was met.
            public string Reason => FormattableString.Invariant($"The residual has not fallen below {least:G3} for {patience:N0} iterations: {Cause}");

            private string Cause => least <= RoundingShare * largest
                ? "rounding or noise ends the progress. Ask for a tolerance above that."
                : "that is far above what rounding leaves, so that bad conditioning, noise, or steps that are too short or too long hold the progress up. Scale the variables to sizes near 1, take another method or other steps, or ask for a tolerance above that.";

            public double? Tolerance => null;

            public double Share => 0;

            public bool ShouldStop(IRunView run)
            {
                since++;
                if (run.Residual > largest && double.IsFinite(run.Residual)) largest = run.Residual;
                if (run.Residual < least) (least, since) = (run.Residual, 0);
                return since >= patience;
            }

            public void Transfer(IArchive archive)
            {
                archive.Transfer(ref least);
                archive.Transfer(ref since);
                archive.Transfer(ref largest);
            }
        }
    }

    private sealed class LimitRule(SolveStatus status, double limit, Func<IRunView, double> quantity, string reason, string description, TimeSpan? time = null) : StoppingRule
    {
        internal override TimeSpan? TimeLimit => time;

        public override IStopMonitor Begin() => new Monitor(status, limit, quantity, reason);

        public override string ToString() => description;

        private sealed class Monitor(SolveStatus status, double limit, Func<IRunView, double> quantity, string reason) : IStopMonitor
        {
            private double used;

            public SolveStatus Status => status;

            public string Reason => reason;

            public double? Tolerance => null;

            public double Share => Math.Min(1, used / limit);

            public bool ShouldStop(IRunView run)
            {
                used = quantity(run);
                return used >= limit;
            }

            public void Transfer(IArchive archive)
            {
                // What it looks at is saved by the driver.
            }
        }
    }

    private sealed class CertifiedRule(double tolerance, long every) : StoppingRule
    {
        public override IStopMonitor Begin() => new Monitor(tolerance, every);

        public override string ToString() => FormattableString.Invariant($"certified at {tolerance:G6} (asked every {every} iterations)");

        private sealed class Monitor(double tolerance, long every) : IStopMonitor
        {
            // A bound that is touched at every ask for so many iterations, and for half of the run, is too small.
            private const long LongTouch = 1000;

            private string reason = "";
            private bool touched;
            private long began = -1, free;           // the iterations of the first ask, and of the last without a touch

            // A certificate that is given, while the whole of it says that the point's y leans too far, is asked for again after as many iterations more.
            private const long MostLeaning = 8;
            private long leaning, askAgain;

            private SolveStatus? rests;

            public SolveStatus Status => touched ? SolveStatus.BoundTouched : rests ?? SolveStatus.Converged;

            public string Reason => reason;

            public double? Tolerance => tolerance;

            public double Share => 0;

            public bool ShouldStop(IRunView run)
            {
                rests = null;
                if (run.Iteration % every != 0 || run.Iteration < askAgain) return false;
                var certificate = run.Certify(tolerance);
                if (began < 0) began = free = run.Iteration;
                if (certificate.Touches is null) free = run.Iteration;
                touched = certificate.TouchedBound is not null || run.Iteration - free >= Math.Max(LongTouch, (run.Iteration - began) / 2);
                reason = certificate.TouchedBound ?? (touched ? certificate.Touches : null) ?? FormattableString.Invariant($"The certificate, asked every {every:N0} iterations, was given.");

                // Where nothing can be certified, the method's own measure has to do; what speaks against the answer the driver says.
                if (certificate.Verdict == Verdict.NotCheckable && run.Residual <= tolerance)
                {
                    reason = string.Create(CultureInfo.InvariantCulture, $"The residual {run.Residual:G3} is at most the tolerance {tolerance:G3}.");
                    return true;
                }

                if (!touched && certificate.Verdict == Verdict.Certified && leaning < MostLeaning && run.Confirm(certificate).IsLeaning)
                {
                    askAgain = run.Iteration + (every << (int)leaning++);
                    return false;
                }

                if (touched || certificate.Verdict == Verdict.Certified) return true;
                if (certificate.IsUnconfirmed)
                {
                    reason = FormattableString.Invariant($"The numbers of the certificate, asked every {every:N0} iterations, are within the tolerance.");
                    return true;
                }

                if (run.Settled(tolerance) is not { } why) return false;
                (rests, reason) = (why.Status, why.Reason);
                return true;
            }

            public void Transfer(IArchive archive)
            {
                archive.Transfer(ref began);
                archive.Transfer(ref free);
                archive.Transfer(ref leaning);
                archive.Transfer(ref askAgain);
            }
        }
    }
}
