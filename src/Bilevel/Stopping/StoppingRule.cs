namespace Bilevel;

/// <summary>When to stop: an immutable description, combined with <c>|</c> and <c>&amp;</c>.</summary>
public abstract class StoppingRule
{
    /// <summary>Begins to watch a run.</summary>
    public abstract IStopMonitor Begin();

    /// <summary>The time after which the rule stops whatever else holds, over all sittings; null where it has none.</summary>
    internal virtual TimeSpan? TimeLimit => null;

    /// <summary>Stops as soon as either rule does.</summary>
    public static StoppingRule operator |(StoppingRule left, StoppingRule right) => new Either(left, right);

    /// <summary>Stops when both rules hold at the same iteration.</summary>
    public static StoppingRule operator &(StoppingRule left, StoppingRule right) => new Both(left, right);

    /// <summary>Named alternative of the operator |.</summary>
    public static StoppingRule BitwiseOr(StoppingRule left, StoppingRule right) => left | right;

    /// <summary>Named alternative of the operator &amp;.</summary>
    public static StoppingRule BitwiseAnd(StoppingRule left, StoppingRule right) => left & right;

    private sealed class Either(StoppingRule left, StoppingRule right) : StoppingRule
    {
        public override IStopMonitor Begin() => new Monitor(left.Begin(), right.Begin());

        public override string ToString() => $"{left} or {right}";

        internal override TimeSpan? TimeLimit => (left.TimeLimit, right.TimeLimit) is ({ } a, { } b) ? (a < b ? a : b) : left.TimeLimit ?? right.TimeLimit;

        private sealed class Monitor(IStopMonitor left, IStopMonitor right) : IStopMonitor
        {
            private bool rightFired;

            public SolveStatus Status => (rightFired ? right : left).Status;

            public string Reason => (rightFired ? right : left).Reason;

            public double? Tolerance => left.Tolerance ?? right.Tolerance;

            public double Share => Math.Max(left.Share, right.Share);

            // A rule that means convergence is the one to name when both fire at once.
            public bool ShouldStop(IRunView run)
            {
                bool l = left.ShouldStop(run), r = right.ShouldStop(run);
                if (!(l || r)) return false;
                rightFired = r && (!l || (right.Status == SolveStatus.Converged && left.Status != SolveStatus.Converged));
                return true;
            }

            public void Transfer(IArchive archive)
            {
                left.Transfer(archive);
                right.Transfer(archive);
            }
        }
    }

    private sealed class Both(StoppingRule left, StoppingRule right) : StoppingRule
    {
        public override IStopMonitor Begin() => new Monitor(left.Begin(), right.Begin());

        public override string ToString() => $"({left} and {right})";

        private sealed class Monitor(IStopMonitor left, IStopMonitor right) : IStopMonitor
        {
            // Both hold, so the conjunction means convergence when one of them does and neither says that it cannot be had.
            public SolveStatus Status => Rests(left.Status) || (left.Status == SolveStatus.Converged && !Rests(right.Status)) ? left.Status : right.Status;

            public string Reason => $"{left.Reason} {right.Reason}";

            public double? Tolerance => left.Tolerance ?? right.Tolerance;

            public double Share => Math.Min(left.Share, right.Share);

            public bool ShouldStop(IRunView run) => left.ShouldStop(run) & right.ShouldStop(run);

            private static bool Rests(SolveStatus status) => status is SolveStatus.NotWithinTolerance or SolveStatus.Stalled;

            public void Transfer(IArchive archive)
            {
                left.Transfer(archive);
                right.Transfer(archive);
            }
        }
    }
}
