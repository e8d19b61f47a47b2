namespace Bilevel;

/// <summary>
/// Keeps the steps of a single loop in bounds where they come from estimated constants: a step of y and z after which a
/// gradient is several times larger than before, beyond what the move of x explains, or not finite, is taken back and made
/// a quarter as long, and the constants are estimated anew where the run is. Steps grow again, up to those of the constants.
/// </summary>
internal sealed class StepGuard<V>
    where V : class, IVector<V>
{
    private const double Allowed = 4, Shrink = 4, Relaxation = 1.5, Negligible = 1e-8, LeastShare = 1e-15;
    /// <summary>Iterations in a row that may end where nothing is finite, before the run is given up.</summary>
    public const int MostBroken = 100;

    private const int MostRejections = 40, LeastPause = 30;

    private readonly BilevelProblem<V> problem;
    private readonly V x, y, z;                      // of the run
    private readonly V[] kept;                       // the three where gradients were last accepted
    private readonly V moved;
    private double normZ = double.NaN, normY = double.NaN;   // of the gradients there
    private double largest;
    private double share = 1;
    private long rejections, iterations, measured, next = 2;
    private bool wanted;

    public StepGuard(BilevelProblem<V> problem, V x, V y, V z)
    {
        (this.problem, this.x, this.y, this.z) = (problem, x, y, z);
        kept = new[] { x, y, z }.CopyBlocks();
        moved = x.ZerosLike();
    }

    /// <summary>What to multiply the steps of y and z by.</summary>
    public double Share => share;

    /// <summary>Whether to step from here; otherwise x, y and z are back where gradients were last accepted, and these are to be asked for again before a step.</summary>
    /// <param name="gz">g_y(x, z).</param>
    /// <param name="gy">g_y(x, y).</param>
    /// <param name="fy">f_y(x, y).</param>
    /// <param name="lambda">Penalty parameter.</param>
    /// <param name="coupling">|g_xy|.</param>
    /// <param name="exists">Whether the values there are finite.</param>
    /// <param name="comparable">Whether the gradients were last taken one step ago.</param>
    public bool Accepts(V gz, V gy, V fy, double lambda, double coupling, bool exists, bool comparable)
    {
        // y moves by shares of f_y/lambda + g_y, whatever lambda is.
        double nowZ = gz.Norm(), square = gy.Dot(gy) + (2 * gy.Dot(fy) / lambda) + (fy.Dot(fy) / (lambda * lambda)), nowY = Math.Sqrt(Math.Max(0, square));
        exists &= double.IsFinite(nowZ) && double.IsFinite(square);
        if (!double.IsNaN(normZ) && rejections < MostRejections)
        {
            bool grown = false;
            if (exists && comparable && Math.Max(nowZ, nowY) > Negligible * largest)
            {
                moved.CopyFrom(x);
                moved.AddScaled(-1, kept[0]);
                double room = Allowed * coupling * moved.Norm();
                grown = nowZ > (Allowed * normZ) + room || nowY > (Allowed * normY) + room;
            }

            if (!exists || grown)
            {
                x.CopyFrom(kept[0]);
                y.CopyFrom(kept[1]);
                z.CopyFrom(kept[2]);
                share = Math.Max(share / Shrink, LeastShare);
                rejections++;
                wanted = true;
                return false;
            }
        }

        share = Math.Min(1, share * Relaxation);
        rejections = 0;
        kept[0].CopyFrom(x);
        kept[1].CopyFrom(y);
        kept[2].CopyFrom(z);
        (normZ, normY) = (nowZ, nowY);
        if (exists) largest = Math.Max(largest, Math.Max(nowZ, nowY));
        return true;
    }

    /// <summary>The constants where the run is, after 2, 4, 8, ... iterations and after steps that were taken back.</summary>
    public bool Measures(ref LocalConstants constants)
    {
        iterations++;
        if (iterations < next && !(wanted && iterations - measured >= LeastPause)) return false;
        while (next <= iterations) next *= 2;
        (measured, wanted) = (iterations, false);
        constants = constants.Again(problem, x, z);
        return true;
    }

    public void Transfer(IArchive<V> archive)
    {
        archive.Transfer(kept);
        archive.Transfer(ref normZ);
        archive.Transfer(ref normY);
        archive.Transfer(ref largest);
        archive.Transfer(ref share);
        archive.Transfer(ref rejections);
        archive.Transfer(ref iterations);
        archive.Transfer(ref measured);
        archive.Transfer(ref next);
        archive.Transfer(ref wanted);
    }
}
