namespace Bilevel;

/// <summary>
/// The function of one proximal step (bilevel minimax, section 5.2): h_k = h + L |w - w_k|^2 - (sy/2) |v - v0|^2 with
/// sy = eps/(2 D), which is L-strongly convex in w as long as h is L-weakly convex, and sy-strongly concave in v.
/// </summary>
internal sealed class ProximalSubproblem<V>(ISaddleFunction<V> function) : ISaddleFunction<V>
    where V : class, IVector<V>
{
    /// <summary>Where the regularisation pulls to: w_k for the blocks that minimise, v0 for those that maximise.</summary>
    public V[] Centre { get; } = function.Point.CopyBlocks();

    /// <summary>L.</summary>
    public double Smoothness { get; set; }

    /// <summary>sy.</summary>
    public double StrongConcavity { get; set; }

    public V[] Point => function.Point;

    public IReadOnlyList<V> Rows => function.Rows;

    public bool Maximises(int block) => function.Maximises(block);

    public void Prox(int block, V at, double step) => function.Prox(block, at, step);

    public void Evaluate()
    {
        function.Evaluate();
        var rows = function.Rows;
        for (int b = 0; b < Point.Length; b++)
        {
            double weight = Maximises(b) ? StrongConcavity : 2 * Smoothness;
            rows[b].AddScaled(weight, Point[b]);
            rows[b].AddScaled(-weight, Centre[b]);
        }
    }
}
