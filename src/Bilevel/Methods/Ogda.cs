// OGDA: the optimistic gradient method on the penalty function of a bilevel minimax problem
// (bilevel minimax, section 10; Popov 1980; the penalty function is that of Shen, He, Wang, Lin, arXiv 2605.08006).
// Problem class: f and g smooth, f concave in x2, g convex-concave in (z1, z2); exact gradients. No theorem covers
// the nonconvex part, so the certificate decides.
namespace Bilevel;

/// <summary>The optimistic gradient method (OGDA) on the penalty function: one evaluation per iteration.</summary>
public sealed record Ogda : IBilevelMinimaxMethod
{
    /// <inheritdoc/>
    public string Name => "ogda";

    /// <summary>Accuracy epsilon that is aimed at; rho is its inverse where it is auto.</summary>
    [Setting("Accuracy epsilon that is aimed at; rho is its inverse where it is auto.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-3;

    /// <summary>Penalty parameter rho; auto takes 1/tolerance.</summary>
    [Setting("Penalty parameter rho; auto takes 1/tolerance.", Min = 1e-300)]
    public double? Rho { get; init; }

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, start.CopyBlocks());

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V> => [];

    private sealed class Run<V> : IRun<V>
        where V : class, IVector<V>
    {
        private readonly V[] point;                       // u_k = (w_k, v_k)
        private readonly V[] before;                      // u_{k-1}
        private readonly V[] previousRows;                // F(u_{k-1})
        private readonly V[] rows;
        private readonly MinimaxPenalty<V> penalty;
        private readonly BilevelMinimaxProblem<V> problem;
        private readonly double rho, step;
        private bool begun;

        public Run(Ogda settings, BilevelMinimaxProblem<V> problem, V[] start)
        {
            this.problem = problem;
            point = start;
            before = start.CopyBlocks();
            previousRows = start.ZeroBlocks();
            rho = settings.Rho ?? 1 / settings.Tolerance;
            penalty = new MinimaxPenalty<V>(problem, point);
            rows = [.. penalty.Rows];
            step = 0.5 / problem.Constants.PenaltySmoothness(rho)!.Value;
        }

        public double Residual { get; private set; } = double.NaN;

        public double Penalty => rho;

        public ReadOnlySpan<V> Point => point;

        public void Step()
        {
            penalty.Evaluate(rho);
            if (!begun) previousRows.CopyFrom(rows);
            begun = true;
            before.CopyFrom(point);
            point.AddScaled(-2 * step, rows);
            point.AddScaled(step, previousRows);
            for (int b = 0; b < point.Length; b++)
            {
                if (point[b].Length > 0) problem.Blocks[b].Term.Prox(point[b], b < 2 ? step : step * rho);
            }

            previousRows.CopyFrom(rows);
            before.AddScaled(-1, point);
            Residual = before.Norm() / step;
        }

        public void Transfer(IArchive<V> archive)
        {
            archive.Transfer("u", point);
        }
    }
}
