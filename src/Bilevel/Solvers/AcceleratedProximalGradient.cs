namespace Bilevel;

/// <summary>
/// Accelerated proximal gradients (Beck and Teboulle 2009) on a convex function of one block plus its proximal term, one
/// step at a time, with backtracking on the turn of the gradient and adaptive restart (O'Donoghue and Candes 2015). It
/// needs no constant and shares no code with the methods, so that it can check them.
/// </summary>
internal sealed class AcceleratedProximalGradient<V>
    where V : class, IVector<V>
{
    // The smoothness first tried, as a share of what the gradient suggests, and what it falls by at every step.
    private const double FirstShare = 1e-3, Decay = 0.98, MostSmoothness = 1e200;

    private readonly BlockFunction<V> function;
    private readonly IProximalTerm<V> term;
    private readonly V current, ahead;
    private readonly double rounding, reach;
    private double theta = 1;

    /// <summary>Begins at the start, moved into the domain.</summary>
    public AcceleratedProximalGradient(BlockFunction<V> function, IProximalTerm<V> term, V start)
    {
        (this.function, this.term) = (function, term);
        current = start.Copy();
        term.Project(current);
        rounding = 8 * Precision.Of(current);

        // A first step that is too long is soon halved, one that is too short is not soon made longer.
        double diameter = term.DiameterAt(start.Length);
        reach = double.IsFinite(diameter) ? diameter : 0;
        (ahead, Next, Move, Gradient) = (current.Copy(), current.Copy(), current.ZerosLike(), current.ZerosLike());
    }

    /// <summary>Where the last step ended; before the first one, the start.</summary>
    public V Next { get; }

    /// <summary>The last step: from the point ahead to <see cref="Next"/>.</summary>
    public V Move { get; }

    /// <summary>Norm of <see cref="Move"/>.</summary>
    public double Length { get; private set; }

    /// <summary>Whether the last step is lost in rounding.</summary>
    public bool IsLost => Length <= rounding * Size;

    /// <summary>Norm of the point before the last step.</summary>
    public double Size { get; private set; }

    /// <summary>The gradient where the last step began; that where it ended is the function's.</summary>
    public V Gradient { get; }

    /// <summary>The inverse of the length of the last step.</summary>
    public double Smoothness { get; private set; }

    /// <summary>The function at <see cref="Next"/>, without the proximal term.</summary>
    public double Value { get; private set; }

    /// <summary>One step.</summary>
    public void Step()
    {
        function.Evaluate(ahead);
        Gradient.CopyFrom(function.Gradient);
        Size = current.Norm();
        if (Smoothness == 0) Smoothness = FirstShare * Math.Max(Gradient.Norm(), 1e-300) / Math.Max(FirstShare, Math.Max(Size, reach));
        while (true)
        {
            Next.CopyFrom(ahead);
            Next.AddScaled(-1 / Smoothness, Gradient);
            term.Prox(Next, 1 / Smoothness);
            Move.CopyFrom(Next);
            Move.AddScaled(-1, ahead);
            Length = Move.Norm();
            Value = function.Evaluate(Next);

            // By convexity the turn of the gradient along the move bounds what the model misses; values would drown in rounding.
            double turn = function.Gradient.Dot(Move) - Gradient.Dot(Move);
            if (turn <= Smoothness * Length * Length || (IsLost && double.IsFinite(turn)) || !(Smoothness < MostSmoothness)) return;
            Smoothness *= 2;
        }
    }

    /// <summary>Goes ahead by momentum, which is forgotten when the move turns against the last one; after every step that is followed by another.</summary>
    public void Push()
    {
        current.AddScaled(-1, Next);
        bool turned = Move.Dot(current) > 0;
        double after = turned ? 1 : (1 + Math.Sqrt(1 + (4 * theta * theta))) / 2;
        ahead.CopyFrom(Next);
        ahead.AddScaled(turned ? 0 : -(theta - 1) / after, current);
        theta = after;
        current.CopyFrom(Next);
        Smoothness *= Decay;
    }
}
