using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel;

/// <summary>
/// The optimal solver for strongly convex, strongly concave problems (bilevel minimax, section 6; Kovalev and Gasnikov, NeurIPS
/// 2022, as modified by Lu and Mei), on the penalty function made so by proximal terms,
/// H = P + L |w - wCentre|^2 - (sy/2) |v - vCentre|^2, which is L-strongly convex in w. An inexact accelerated proximal point
/// method on the dual variable z = -L w and on v, whose proximal problems are solved to a relative error.
/// </summary>
internal sealed class SaddleSubproblem<V>
    where V : class, IVector<V>
{
    private const int MostInnerSteps = 20_000;

    // Close to the answer the relative test of the inner loop is met by luck alone; below this share of the tolerance, and
    // within so many units of what rounding leaves of the rows, it need not be.
    private const double Negligible = 1e-3, RoundingUnits = 8;

    private readonly MinimaxPenalty<V> penalty;
    private readonly IProximalTerm<V>[] terms;
    private readonly bool anchored;
    private readonly int[] blocks;                        // those that are not absent
    private readonly V[] u;                               // (w, v): xFast and yFast between the steps
    private readonly V[] centre;                          // wCentre and vCentre
    private readonly V[] slow, fast;                      // (z, y) and (zFast, yFast)
    private readonly V[] mix;                             // (xMix, yMix)
    private readonly V[] first, anchor;                   // of the inner loop
    private readonly V[] element;                         // b: an element of the subdifferential of the terms at u
    private readonly V[] direction;                       // a(u), or a(u) + b
    private double rho, convexity, concavity;             // sx = L and sy

    /// <summary>Prepares the state.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="u">The six blocks, changed in place.</param>
    /// <param name="anchored">Whether the inner loop is anchored, as published, or plain extragradient with longer steps.</param>
    public SaddleSubproblem(BilevelMinimaxProblem<V> problem, V[] u, bool anchored)
    {
        (this.u, this.anchored) = (u, anchored);
        penalty = new MinimaxPenalty<V>(problem, u);
        terms = [.. problem.Blocks.Select(b => b.Term)];
        blocks = [.. Enumerable.Range(0, BlockCount).Where(b => u[b].Length > 0)];
        (centre, slow, fast, mix) = (u.CopyBlocks(), u.ZeroBlocks(), u.ZeroBlocks(), u.ZeroBlocks());
        (first, anchor, element, direction) = (u.ZeroBlocks(), u.ZeroBlocks(), u.ZeroBlocks(), u.ZeroBlocks());
    }

    /// <summary>The norm of an element of the subdifferential of H at u: what the tolerance of the subproblem is for.</summary>
    public double SubproblemResidual { get; private set; } = double.NaN;

    /// <summary>The norm of an element of the subdifferential of P at u.</summary>
    public double Residual { get; private set; } = double.NaN;

    /// <summary>What rounding may leave of the rows of H at u, so that no tolerance below it can be met.</summary>
    public double Rounding { get; private set; }

    /// <summary>|w - wCentre|.</summary>
    public double Moved
    {
        get
        {
            double sum = 0;
            foreach (int b in blocks)
            {
                if (IsMinimiser(b)) sum += Difference(u[b], centre[b], anchor[b]);
            }

            return Math.Sqrt(sum);
        }
    }

    /// <summary>Begins a subproblem at u, which becomes the centre of w.</summary>
    /// <param name="penaltyWeight">rho.</param>
    /// <param name="strongConvexity">L, an upper bound of the smoothness of P.</param>
    /// <param name="strongConcavity">sy.</param>
    /// <param name="movesCentre">Whether v's centre moves to u as well.</param>
    public void Begin(double penaltyWeight, double strongConvexity, double strongConcavity, bool movesCentre)
    {
        (rho, convexity, concavity) = (penaltyWeight, strongConvexity, strongConcavity);
        Rounding = RoundingUnits * Precision.Of(u[X1]) * ((3 * convexity) + concavity) * u.Norm();
        foreach (int b in blocks)
        {
            if (IsMinimiser(b) || movesCentre) centre[b].CopyFrom(u[b]);
            slow[b].CopyFrom(u[b]);
            if (IsMinimiser(b)) slow[b].Scale(-convexity);
            fast[b].CopyFrom(slow[b]);
        }
    }

    /// <summary>One outer iteration.</summary>
    /// <param name="tolerance">The tolerance of the subproblem.</param>
    public void Step(double tolerance)
    {
        double share = Math.Min(1, Math.Sqrt(8 * concavity / convexity));        // alphaBar
        double stepZ = convexity / 2, stepY = Math.Min(1 / (2 * concavity), 4 / (share * convexity));
        foreach (int b in blocks)
        {
            // zMix = alphaBar z + (1 - alphaBar) zFast, xMix = -zMix/sx; yMix alike
            mix[b].CopyFrom(fast[b]);
            mix[b].Scale(1 - share);
            mix[b].AddScaled(share, slow[b]);
            if (IsMinimiser(b)) mix[b].Scale(-1 / convexity);
        }

        SolveProximalProblem(tolerance);
        double ofH = 0, ofP = 0;
        foreach (int b in blocks)
        {
            // The rows of H plus b, from the rows of P.
            double weight = IsMinimiser(b) ? 2 * convexity : concavity;
            direction[b].CopyFrom(penalty.Rows[b]);
            direction[b].AddScaled(1, element[b]);
            ofP += direction[b].Dot(direction[b]);
            direction[b].AddScaled(weight, u[b]);
            direction[b].AddScaled(-weight, centre[b]);
            ofH += direction[b].Dot(direction[b]);
            if (IsMinimiser(b))
            {
                // zFast = H_w + b - sx xFast;  z = z + (etaZ/sx) (zFast - z) - etaZ (xFast + zFast/sx), of which the last is (H_w + b)/sx
                fast[b].CopyFrom(direction[b]);
                fast[b].AddScaled(-convexity, u[b]);
                slow[b].Scale(1 - (stepZ / convexity));
                slow[b].AddScaled(stepZ / convexity, fast[b]);
                slow[b].AddScaled(-stepZ / convexity, direction[b]);
                continue;
            }

            // yFast;  y = y + etaY sy (yFast - y) - etaY (wFast + sy yFast), of which the last is -H_v + b
            fast[b].CopyFrom(u[b]);
            slow[b].Scale(1 - (stepY * concavity));
            slow[b].AddScaled(stepY * concavity, fast[b]);
            slow[b].AddScaled(-stepY, direction[b]);
        }

        (SubproblemResidual, Residual) = (Math.Sqrt(ofH), Math.Sqrt(ofP));
    }

    /// <summary>Saves or loads what the next step depends on; u is saved by who owns it.</summary>
    public void Transfer(IArchive<V> archive)
    {
        archive.Transfer("centres", centre);
        archive.Transfer("z and y", slow);
        archive.Transfer("z and y, fast", fast);
        archive.Transfer("rho", ref rho);
        archive.Transfer("strong convexity", ref convexity);
        archive.Transfer("strong concavity", ref concavity);
        double ofH = SubproblemResidual, ofP = Residual, rounding = Rounding;
        archive.Transfer("rounding", ref rounding);
        archive.Transfer("subproblem residual", ref ofH);
        archive.Transfer("residual", ref ofP);
        (SubproblemResidual, Residual, Rounding) = (ofH, ofP, rounding);
    }

    // From (xMix, yMix): u with |a(u) + b| <= |u - mix| / gamma.
    private void SolveProximalProblem(double tolerance)
    {
        double smoothness = (3 * convexity) + concavity, gamma = 8 / convexity;
        double step = anchored ? gamma / (2 * Math.Sqrt(5) * (1 + (8 * smoothness / convexity))) : 0.7 / (smoothness + convexity);
        double negligible = Math.Max(Negligible * tolerance, Rounding), slack = gamma * negligible * negligible;
        foreach (int b in blocks)
        {
            u[b].CopyFrom(mix[b]);
            anchor[b].CopyFrom(mix[b]);
        }

        EvaluateOperator();
        Move(step, proximal: true);
        foreach (int b in blocks) first[b].CopyFrom(u[b]);
        for (int t = 0; ; t++)
        {
            EvaluateOperator();
            double wrong = 0, far = 0;
            foreach (int b in blocks)
            {
                direction[b].AddScaled(1, element[b]);
                wrong += direction[b].Dot(direction[b]);
                far += Difference(u[b], mix[b], anchor[b]);
            }

            if (!(gamma * wrong > (far / gamma) + slack) || t == MostInnerSteps) return;
            double pull = anchored ? 2.0 / (t + 3) : 0;
            foreach (int b in blocks)
            {
                anchor[b].CopyFrom(u[b]);
                anchor[b].Scale(1 - pull);
                if (anchored) anchor[b].AddScaled(pull, first[b]);
            }

            Move(step, proximal: false);
            EvaluateOperator();
            Move(step, proximal: true);
        }
    }

    // a(u) of the proximal problem, into the direction.
    private void EvaluateOperator()
    {
        penalty.Evaluate(rho);
        foreach (int b in blocks)
        {
            // a_x = H_w - sx x + (sx/2)(x - zMix/sx), with zMix = -sx xMix;  a_y = -H_v + (sx/8)(y - yMix)
            double weight = IsMinimiser(b) ? 2 * convexity : concavity, towards = IsMinimiser(b) ? -convexity / 2 : convexity / 8;
            direction[b].CopyFrom(penalty.Rows[b]);
            direction[b].AddScaled(weight + towards, u[b]);
            direction[b].AddScaled(-weight, centre[b]);
            direction[b].AddScaled(-towards, mix[b]);
        }
    }

    // u = anchor - step direction, and the proximal map with its element of the subdifferential.
    private void Move(double step, bool proximal)
    {
        foreach (int b in blocks)
        {
            u[b].CopyFrom(anchor[b]);
            u[b].AddScaled(-step, direction[b]);
            if (!proximal) continue;
            element[b].CopyFrom(u[b]);
            terms[b].Prox(u[b], step * (b is X1 or X2 ? 1 : rho));
            element[b].AddScaled(-1, u[b]);
            element[b].Scale(1 / step);
        }
    }

    private static bool IsMinimiser(int block) => block is X1 or Y1 or Y2;

    // |a - b|^2
    private static double Difference(V a, V b, V scratch)
    {
        scratch.CopyFrom(a);
        scratch.AddScaled(-1, b);
        return scratch.Dot(scratch);
    }
}
