// The optimal solver for strongly-convex-strongly-concave saddle problems (bilevel minimax, section 6): an inexact
// accelerated proximal-point method on the problem with x dualised, each proximal problem solved by an extragradient
// loop with a relative error test. Kovalev and Gasnikov 2022, as modified by Lu and Mei 2024 (Algorithm 5).
// Problem class: sx-strongly convex in the blocks x that minimise, sy-strongly concave in the blocks y that maximise,
// L-Lipschitz gradient, exact proximal operators.
namespace Bilevel;

/// <summary>How the proximal problems within <see cref="StronglyConvexConcave{V}"/> are solved and when it stops.</summary>
/// <param name="Anchored">Whether the inner loop is the published extra-anchored gradient; otherwise it is plain extragradient.</param>
/// <param name="PublishedStop">Whether the stopping test takes the published proximal step of length min(sx, sy)/L^2; otherwise it reads a subgradient that is there for nothing.</param>
internal readonly record struct SaddleSolverMode(bool Anchored, bool PublishedStop);

/// <summary>Constants of a strongly-convex-strongly-concave problem.</summary>
/// <param name="StrongConvexity">sx.</param>
/// <param name="StrongConcavity">sy.</param>
/// <param name="Smoothness">L.</param>
internal readonly record struct SaddleConstants(double StrongConvexity, double StrongConcavity, double Smoothness);

/// <summary>The solver, one outer iteration at a time. The answer is left in the point of the function.</summary>
internal sealed class StronglyConvexConcave<V>
    where V : class, IVector<V>
{
    // The relative test is met when the error is this share of the tolerance: below it rounding decides. The published
    // stopping test sees y itself, which an error moves by etaY times as much, divided by zetaHat.
    private const double Slack = 1e-3;

    // The operator is not known better than to so many units of rounding.
    private const double RoundingUnits = 16;

    private readonly ISaddleFunction<V> function;
    private readonly SaddleSolverMode mode;
    private readonly V[] point;
    private readonly V[] slow;             // z = -sx x for x, and y
    private readonly V[] fast;             // zFast, yFast
    private readonly V[] mix;              // xMix, yMix
    private readonly V[] first, current, element, operatorAt;
    private SaddleConstants constants;
    private double tolerance, alpha, etaZ, etaY, gamma, innerStep, outStep;

    public StronglyConvexConcave(ISaddleFunction<V> function, SaddleSolverMode mode)
    {
        (this.function, this.mode, point) = (function, mode, function.Point);
        (slow, fast, mix) = (point.ZeroBlocks(), point.ZeroBlocks(), point.ZeroBlocks());
        (first, current, element, operatorAt) = (point.ZeroBlocks(), point.ZeroBlocks(), point.ZeroBlocks(), point.ZeroBlocks());
    }

    /// <summary>Norm of an element of the subdifferential at the point, after an iteration.</summary>
    public double Residual { get; private set; } = double.NaN;

    /// <summary>That element, block by block, in the players' own directions.</summary>
    public V[] Subgradient => mode.PublishedStop ? current : operatorAt;

    /// <summary>Iterations of inner loops so far.</summary>
    public long InnerIterations { get; private set; }

    /// <summary>Where an inner loop is cut off: its relative test may be beyond what rounding allows.</summary>
    public int MostInner { get; set; } = 20_000;

    /// <summary>Inner loops that were cut off.</summary>
    public long CutOff { get; private set; }

    /// <summary>Begins a problem at the point.</summary>
    /// <param name="of">sx, sy, L.</param>
    /// <param name="accuracy">tau: norm of the subgradient to reach.</param>
    public void Begin(SaddleConstants of, double accuracy)
    {
        Configure(of, accuracy);
        for (int b = 0; b < point.Length; b++)
        {
            slow[b].CopyFrom(point[b]);
            if (!function.Maximises(b)) slow[b].Scale(-of.StrongConvexity);
            fast[b].CopyFrom(slow[b]);
        }
    }

    /// <summary>One outer iteration; true when the point is accurate enough.</summary>
    public bool Step()
    {
        double sx = constants.StrongConvexity, sy = constants.StrongConcavity;
        Mix();
        SolveProximalProblem();

        // (xFast, yFast) = cur; zFast and wFast in place of the rows they are made of.
        var rows = function.Rows;
        double square = 0;
        for (int b = 0; b < point.Length; b++)
        {
            operatorAt[b].CopyFrom(rows[b]);
            operatorAt[b].AddScaled(1, element[b]);
            square += operatorAt[b].Dot(operatorAt[b]);
            if (function.Maximises(b))
            {
                // y = y + etaY sy (yFast - y) - etaY (wFast + sy yFast), where wFast + sy yFast is the subgradient
                fast[b].CopyFrom(point[b]);
                slow[b].Scale(1 - (etaY * sy));
                slow[b].AddScaled(etaY * sy, fast[b]);
                slow[b].AddScaled(-etaY, operatorAt[b]);
            }
            else
            {
                // z = z + (etaZ/sx) (zFast - z) - etaZ (xFast + zFast/sx), where zFast = the subgradient - sx xFast
                fast[b].CopyFrom(operatorAt[b]);
                fast[b].AddScaled(-sx, point[b]);
                slow[b].Scale(1 - (etaZ / sx));
                slow[b].AddScaled(etaZ / sx, fast[b]);
                slow[b].AddScaled(-etaZ / sx, operatorAt[b]);
            }
        }

        Residual = Math.Sqrt(square);
        if (!mode.PublishedStop) return Residual <= Math.Max(tolerance, 2 * Rounding());
        Residual = PublishedResidual();
        return Residual <= tolerance;
    }

    public void Transfer(IArchive<V> archive)
    {
        archive.Transfer(slow);
        archive.Transfer(fast);
        var of = new SaddleConstants(archive.Transferred(constants.StrongConvexity), archive.Transferred(constants.StrongConcavity), archive.Transferred(constants.Smoothness));
        Configure(of, archive.Transferred(tolerance));
        Residual = archive.Transferred(Residual);
        InnerIterations = archive.Transferred(InnerIterations);
        CutOff = archive.Transferred(CutOff);
    }

    private void Configure(SaddleConstants of, double accuracy)
    {
        double sx = of.StrongConvexity, sy = of.StrongConcavity, smoothness = of.Smoothness;
        (constants, tolerance) = (of, accuracy);
        alpha = Math.Min(1, Math.Sqrt(8 * sy / sx));
        etaZ = sx / 2;
        etaY = Math.Min(1 / (2 * sy), 4 / (alpha * sx));
        gamma = 8 / sx;
        innerStep = mode.Anchored ? gamma / (2 * Math.Sqrt(5) * (1 + (8 * smoothness / sx))) : 0.7 / (smoothness + sx);
        outStep = Math.Min(sx, sy) / (smoothness * smoothness);
    }

    private void Mix()
    {
        for (int b = 0; b < point.Length; b++)
        {
            mix[b].CopyFrom(fast[b]);
            mix[b].Scale(1 - alpha);
            mix[b].AddScaled(alpha, slow[b]);
            if (!function.Maximises(b)) mix[b].Scale(-1 / constants.StrongConvexity);
        }
    }

    // Leaves cur in the point, the rows there, and b in element.
    private void SolveProximalProblem()
    {
        point.CopyFrom(mix);
        EvaluateOperator();
        MoveFrom(mix);
        first.CopyFrom(point);
        EvaluateOperator();
        double accepted = AcceptedError(), slack = gamma * accepted * accepted;
        for (int t = 0; gamma * SquareOfError() > (SquareOfDistance() / gamma) + slack; t++)
        {
            if (t == MostInner)
            {
                CutOff++;
                return;
            }

            // half = anchor - step (a(cur) + b); cur = prox(anchor - step a(half))
            double beta = mode.Anchored ? 2.0 / (t + 3) : 0;
            for (int b = 0; b < point.Length; b++)
            {
                current[b].CopyFrom(point[b]);
                if (beta > 0)
                {
                    current[b].Scale(1 - beta);
                    current[b].AddScaled(beta, first[b]);
                }

                point[b].CopyFrom(current[b]);
                point[b].AddScaled(-innerStep, operatorAt[b]);
                point[b].AddScaled(-innerStep, element[b]);
            }

            EvaluateOperator();
            MoveFrom(current);
            EvaluateOperator();
            InnerIterations++;
        }
    }

    private double AcceptedError() => Math.Max(mode.PublishedStop ? tolerance * outStep / etaY : Slack * tolerance, Rounding());

    // What rounding leaves of the operator at the size of the points that it is evaluated at.
    private double Rounding()
    {
        double square = 0;
        foreach (var block in mix) square += block.Dot(block);
        return RoundingUnits * Precision.Of(point[0]) * constants.Smoothness * Math.Sqrt(square);
    }

    // a: the rows less (sx/2) (x - xMix) for x, plus (sx/8) (y - yMix) for y
    private void EvaluateOperator()
    {
        function.Evaluate();
        var rows = function.Rows;
        for (int b = 0; b < point.Length; b++)
        {
            double weight = constants.StrongConvexity * (function.Maximises(b) ? 0.125 : -0.5);
            operatorAt[b].CopyFrom(rows[b]);
            operatorAt[b].AddScaled(weight, point[b]);
            operatorAt[b].AddScaled(-weight, mix[b]);
        }
    }

    // point = prox(from - step a), and b = (from - step a - point)/step
    private void MoveFrom(V[] from)
    {
        for (int b = 0; b < point.Length; b++)
        {
            element[b].CopyFrom(from[b]);
            element[b].AddScaled(-innerStep, operatorAt[b]);
            point[b].CopyFrom(element[b]);
            function.Prox(b, point[b], innerStep);
            element[b].AddScaled(-1, point[b]);
            element[b].Scale(1 / innerStep);
        }
    }

    // |a(cur) + b|^2
    private double SquareOfError()
    {
        double sum = 0;
        for (int b = 0; b < point.Length; b++)
        {
            current[b].CopyFrom(operatorAt[b]);
            current[b].AddScaled(1, element[b]);
            sum += current[b].Dot(current[b]);
        }

        return sum;
    }

    // |cur - mix|^2
    private double SquareOfDistance()
    {
        double sum = 0;
        for (int b = 0; b < point.Length; b++)
        {
            current[b].CopyFrom(point[b]);
            current[b].AddScaled(-1, mix[b]);
            sum += current[b].Dot(current[b]);
        }

        return sum;
    }

    // The proximal-gradient step of length zetaHat from (x, y), and its residual (section 3.2).
    private double PublishedResidual()
    {
        for (int b = 0; b < point.Length; b++)
        {
            point[b].CopyFrom(slow[b]);
            if (!function.Maximises(b)) point[b].Scale(-1 / constants.StrongConvexity);
            current[b].CopyFrom(point[b]);
        }

        function.Evaluate();
        var rows = function.Rows;
        for (int b = 0; b < point.Length; b++)
        {
            operatorAt[b].CopyFrom(rows[b]);
            point[b].AddScaled(-outStep, rows[b]);
            function.Prox(b, point[b], outStep);
        }

        function.Evaluate();
        double sum = 0;
        for (int b = 0; b < point.Length; b++)
        {
            current[b].AddScaled(-1, point[b]);
            current[b].Scale(1 / outStep);
            current[b].AddScaled(-1, operatorAt[b]);
            current[b].AddScaled(1, rows[b]);
            sum += current[b].Dot(current[b]);
        }

        return Math.Sqrt(sum);
    }
}
