using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// Projects (x, y) on the points of X x Y that satisfy the constraints of the lower level, which must be affine in both.
/// It is done by the dual: accelerated gradient steps with restarts on d(m) = min over X x Y of
/// |(x, y) - (x0, y0)|^2 / 2 + m'c(x, y), whose minimiser is (x, y) = P(x0 - A'm, y0 - B'm) and whose gradient is c there. The
/// multipliers m of one projection are the start of the next.
/// </summary>
internal sealed class JointProjection<V>
    where V : class, IVector<V>
{
    private const int MostSteps = 500;

    // The violation that is left, as a share of L_c times the length of the point.
    private const double Accuracy = 1e-10;

    private readonly Multipliers<V> constraints;
    private readonly IProximalTerm<V> setX, setY;
    private readonly double lipschitz;
    private readonly V x, y, fromX, fromY;
    private readonly V m, ahead, next, move;          // the multipliers, where their gradient is taken, after a step, and how far that was
    private readonly V ofX, ofY, c;                   // A'm, B'm and c(x, y)
    private readonly PreparedRequest<V> transposed, values;

    /// <summary>Prepares the requests.</summary>
    /// <param name="constraints">The constraints.</param>
    /// <param name="lipschitz">L_c, an upper bound of the norm of [A B].</param>
    /// <param name="setX">X.</param>
    /// <param name="setY">Y.</param>
    /// <param name="x">x, projected in place.</param>
    /// <param name="y">y, projected in place.</param>
    /// <param name="like">A vector like the multipliers.</param>
    public JointProjection(Multipliers<V> constraints, double lipschitz, IProximalTerm<V> setX, IProximalTerm<V> setY, V x, V y, V like)
    {
        (this.constraints, this.lipschitz, this.setX, this.setY, this.x, this.y) = (constraints, lipschitz, setX, setY, x, y);
        (fromX, fromY, ofX, ofY) = (x.ZerosLike(), y.ZerosLike(), x.ZerosLike(), y.ZerosLike());
        (m, ahead, next, move, c) = (like.ZerosLike(), like.ZerosLike(), like.ZerosLike(), like.ZerosLike(), like.ZerosLike());
        V[] point = [x, y, ahead];
        transposed = new(constraints.Constraints, [point], [new(Lower.X1, 0, ofX), new(Lower.Z1, 0, ofY)]);
        values = new(constraints.Constraints, [point], [new(Lower.Z2, 0, c)]);
    }

    /// <summary>The multipliers of the last projection.</summary>
    public V Multipliers => m;

    /// <summary>What the last projection left of the violation (of what is not complementary, where the constraint is slack).</summary>
    public double Violation { get; private set; }

    /// <summary>Projects x and y.</summary>
    public void Project()
    {
        fromX.CopyFrom(x);
        fromY.CopyFrom(y);
        double length = Math.Sqrt(1 + fromX.Dot(fromX) + fromY.Dot(fromY));
        double enough = Math.Max(Accuracy, 8 * Precision.Of(x)) * lipschitz * length;
        ahead.CopyFrom(m);
        double momentum = 1;
        for (int step = 0; ; step++)
        {
            Respond();
            next.CopyFrom(ahead);
            next.AddScaled(1 / (lipschitz * lipschitz), c);
            MultiplierCone.Project(constraints, next);
            move.CopyFrom(next);
            move.AddScaled(-1, ahead);
            Violation = lipschitz * lipschitz * move.Norm();
            if (!(Violation > enough) || step == MostSteps) break;

            // Nesterov's momentum, begun anew where it points downhill.
            move.CopyFrom(next);
            move.AddScaled(-1, m);
            if (c.Dot(move) < 0) momentum = 1;
            double grown = (1 + Math.Sqrt(1 + (4 * momentum * momentum))) / 2;
            m.CopyFrom(next);
            ahead.CopyFrom(next);
            ahead.AddScaled((momentum - 1) / grown, move);
            MultiplierCone.Project(constraints, ahead);
            momentum = grown;
        }

        m.CopyFrom(ahead);
    }

    /// <summary>Saves or loads the multipliers, from which the next projection starts.</summary>
    public void Transfer(IArchive<V> archive) => archive.Transfer(m);

    // (x, y) = P(x0 - A'm, y0 - B'm) and c there, at m = ahead.
    private void Respond()
    {
        transposed.Evaluate();
        x.CopyFrom(fromX);
        x.AddScaled(-1, ofX);
        setX.Project(x);
        y.CopyFrom(fromY);
        y.AddScaled(-1, ofY);
        setY.Project(y);
        values.Evaluate();
    }
}
