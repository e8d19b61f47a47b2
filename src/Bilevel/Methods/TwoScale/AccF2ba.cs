// AccF2BA: Chen, Ma, Zhang: Near-Optimal Nonconvex-Strongly-Convex Bilevel Optimization with Fully First-Order Oracles, JMLR 26(109), 2025 (arXiv 2306.14853).
// AccF2BA+: Chen, Ji, Zhang: On the Condition Number Dependency in Bilevel Optimization (arXiv 2511.22331).
// Problem class: that of F2BA, and L_lambda* with Lipschitz Hessian (f and g smooth to one order more); exact gradients.
namespace Bilevel;

/// <summary>
/// AccF2BA: F2BA with Nesterov's momentum for x, dropped whenever x has come far since the last restart. The answer is the
/// extrapolated point, where the hypergradient was estimated; the residual is that of F2BA.
/// </summary>
public sealed record AccF2ba : TwoScaleMethod
{
    /// <inheritdoc/>
    public override string Name => Accelerated ? "acc-f2ba-plus" : "acc-f2ba";

    /// <summary>Damping theta: x is extrapolated by the share 1 - theta of its last move.</summary>
    [Setting("Damping theta: x is extrapolated by the share 1 - theta of its last move.", Min = 0, Max = 1)]
    public double Theta { get; init; } = 0.1;

    /// <summary>Radius B: the momentum is dropped when the number of moves times the sum of their squares exceeds its square.</summary>
    [Setting("Radius B: the momentum is dropped when the number of moves times the sum of their squares exceeds its square.", Min = 0)]
    public double Radius { get; init; } = 10;

    /// <summary>Least radius B0 that counts.</summary>
    [Setting("Least radius B0 that counts.", Min = 0)]
    public double LeastRadius { get; init; } = 0.1;

    /// <summary>Factor of the radius at every restart.</summary>
    [Setting("Factor of the radius at every restart.", Min = 0, Max = 1)]
    public double RadiusDecay { get; init; } = 0.99;

    /// <inheritdoc/>
    public override IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
    {
        x = x.Copy();
        return new F2ba.Run<V>(this, problem, x, y.Copy(), new AcceleratedMove<V>(this, x, problem.UpperSet), seed);
    }

    private sealed class AcceleratedMove<V>(AccF2ba settings, V v, IFeasibleSet<V> set) : IUpperMove<V>
        where V : class, IVector<V>
    {
        private readonly V x = v.Copy();                 // x_t; v = x_t + (1 - theta) (x_t - x_{t-1}) is where the run estimates
        private readonly V move = v.ZerosLike();         // x_{t+1} - x_t
        private readonly GradientMapping<V> mapping = new(v, set);
        private double radius = settings.Radius;         // B
        private double moved;                            // sum of |x_{t+1} - x_t|^2 since the last restart
        private long count;                              // their number

        public double Measure(V direction, double step) => mapping.Norm(direction, step);

        public void Move(V direction, double step)
        {
            // x_{t+1} = Proj(v - eta h)
            move.CopyFrom(x);
            move.Scale(-1);
            x.CopyFrom(v);
            x.AddScaled(-step, direction);
            set.Project(x);
            move.AddScaled(1, x);

            count++;
            moved += move.Dot(move);
            double limit = Math.Max(radius, settings.LeastRadius);
            if (count * moved > limit * limit)
            {
                Restart();
                radius *= settings.RadiusDecay;
                return;
            }

            // Projected, so that nothing is ever asked outside of X.
            v.CopyFrom(x);
            v.AddScaled(1 - settings.Theta, move);
            set.Project(v);
        }

        // The momentum goes, the iterate stays.
        public void Restart()
        {
            v.CopyFrom(x);
            (count, moved) = (0, 0);
        }

        public void Transfer(IArchive<V> archive)
        {
            archive.Transfer(x);
            archive.Transfer(ref radius);
            archive.Transfer(ref moved);
            archive.Transfer(ref count);
        }
    }
}
