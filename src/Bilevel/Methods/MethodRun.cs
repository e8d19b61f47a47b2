namespace Bilevel;

/// <summary>What every method's run has: its residual, which is saved here, and nothing to add until it says so.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public abstract class MethodRun<V> : IRun<V>
    where V : class, IVector<V>
{
    /// <inheritdoc/>
    public double Residual { get; protected set; } = double.NaN;

    /// <inheritdoc/>
    public virtual double Estimate => Residual;

    /// <inheritdoc/>
    public virtual string? Remark => null;

    /// <inheritdoc/>
    public virtual string? Advice => null;

    /// <inheritdoc/>
    public virtual double Penalty => double.NaN;

    /// <inheritdoc/>
    public abstract ReadOnlySpan<V> Point { get; }

    /// <inheritdoc/>
    public abstract void Step();

    /// <inheritdoc/>
    public virtual (SolveStatus Status, string Reason)? Settled(double tolerance) => null;

    /// <inheritdoc/>
    public void Transfer(IArchive<V> archive)
    {
        ArgumentNullException.ThrowIfNull(archive);
        Residual = archive.Transferred(Residual);
        TransferState(archive);
    }

    /// <summary>Saves or loads all that the rest of the run depends on, besides the residual.</summary>
    /// <param name="archive">Where to or from.</param>
    protected abstract void TransferState(IArchive<V> archive);
}
