namespace Bilevel;

/// <summary>A convex combination of hypergradients near a point.</summary>
/// <param name="Norm">Its norm.</param>
/// <param name="Error">What the hypergradients may err.</param>
/// <param name="Radius">How far from the point they were taken.</param>
/// <param name="Points">Where: those that the combination uses.</param>
internal readonly record struct Kink<V>(double Norm, double Error, double Radius, IReadOnlyList<V> Points);

/// <summary>
/// Looks for a kink of F: where the bounds that hold the follower's answer change next to x, no hypergradient need be small at a minimiser,
/// but a convex combination of those around it is (the element of least norm of Goldstein's subdifferential, by bundles of gradients).
/// </summary>
/// <param name="x">The point; not changed.</param>
/// <param name="hypergradient">The hypergradient at a point, with a bound on its error; null where there is none.</param>
internal sealed class KinkSearch<V>(V x, Func<V, (V Gradient, double Error)?> hypergradient)
    where V : class, IVector<V>
{
    // How little the slope may fall along a step that adds nothing.
    private const double Same = 0.9;

    // What counts as zero, where x has no size to take a share of.
    private const double Zero = 1e-20;

    private const int MostGradients = 60;

    private readonly List<V> bundle = [], points = [];
    private double[] weights = [];
    private double error, mostError;

    /// <summary>The combination of least norm; it is looked for until norm and error are within the tolerance. Null where nothing could be asked.</summary>
    /// <param name="tolerance">The tolerance.</param>
    /// <param name="share">How far from x hypergradients are taken, as a share of x.</param>
    /// <param name="mostError">A hypergradient that may err more is left out.</param>
    /// <param name="centre">Whether the hypergradient at x itself is to be used.</param>
    public Kink<V>? Find(double tolerance, double share, double mostError, bool centre)
    {
        this.mostError = mostError;
        double size = x.Norm(), radius = share * (size > Zero ? size : 1);
        bundle.Clear();
        points.Clear();
        error = 0;
        if (!centre || !Ask(x.Copy()))
        {
            // At the kink itself it is open which bounds are active, or values know too little in what room they leave.
            var aside = x.ZerosLike();
            RandomDirection.Fill(aside, 601);
            double norm = aside.Norm();
            foreach (double side in new[] { radius, -radius }) Ask(Moved(aside, side / norm));
        }

        if (bundle.Count == 0) return null;
        var least = LeastNorm();
        var random = x.ZerosLike();
        bool descends = true;
        for (int k = 0; k < MostGradients && least.Norm() + error > tolerance; k++)
        {
            // The steepest descent of what is known, by a part of the radius; where that adds nothing, anywhere around.
            double norm = least.Norm(), part = radius / (1 + (k % 3));
            if (!(norm > 0)) break;
            if (!descends) RandomDirection.Fill(random, 610 + (ulong)k);
            int before = bundle.Count;
            bool isKnown = Ask(descends ? Moved(least, -part / norm) : Moved(random, part / random.Norm()));
            descends = !descends || (isKnown && bundle[before].Dot(least) < Same * norm * norm);
            if (isKnown) least = LeastNorm();
        }

        return new Kink<V>(least.Norm(), error, radius, [.. points.Where((_, i) => weights[i] > 0)]);
    }

    private bool Ask(V at)
    {
        if (hypergradient(at) is not { } there || !there.Gradient.IsFinite() || !(there.Error <= mostError)) return false;
        bundle.Add(there.Gradient);
        points.Add(at);
        error = Math.Max(error, there.Error);
        return true;
    }

    private V Moved(V along, double by)
    {
        var moved = x.Copy();
        moved.AddScaled(by, along);
        return moved;
    }

    // The convex combination of least norm: weight goes from the worst to the best, as much as helps (Mitchell, Demyanov and Malozemov).
    private V LeastNorm()
    {
        int n = bundle.Count;
        double[,] gram = new double[n, n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++) gram[i, j] = gram[j, i] = bundle[i].Dot(bundle[j]);
        }

        double[] slopes = new double[n];
        weights = new double[n];
        weights[0] = 1;
        for (int i = 0; i < n; i++) slopes[i] = gram[i, 0];
        for (int k = 0; k < 1000 * n; k++)
        {
            int best = 0, worst = -1;
            for (int i = 0; i < n; i++)
            {
                if (slopes[i] < slopes[best]) best = i;
                if (weights[i] > 0 && (worst < 0 || slopes[i] > slopes[worst])) worst = i;
            }

            double gain = slopes[worst] - slopes[best], curvature = gram[worst, worst] - (2 * gram[worst, best]) + gram[best, best];
            if (!(gain > 0) || !(curvature > 0)) break;
            double moved = Math.Min(weights[worst], gain / curvature);
            weights[worst] = moved == weights[worst] ? 0 : weights[worst] - moved;
            weights[best] += moved;
            for (int i = 0; i < n; i++) slopes[i] += moved * (gram[i, best] - gram[i, worst]);
        }

        var least = x.ZerosLike();
        for (int i = 0; i < n; i++) least.AddScaled(weights[i], bundle[i]);
        return least;
    }
}
