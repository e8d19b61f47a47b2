namespace Bilevel;

/// <summary>What contradicts an assumption.</summary>
internal enum Contradicted
{
    /// <summary>The gradient decreases along a segment: the function is not convex.</summary>
    Convexity,

    /// <summary>The values lie where those of a convex function with these gradients cannot.</summary>
    Values,

    /// <summary>A segment curves by less than the declared modulus.</summary>
    Modulus,

    /// <summary>The gradient turns by more than the declared smoothness.</summary>
    Smoothness,
}

/// <summary>A contradiction that was found.</summary>
/// <param name="What">Which assumption.</param>
/// <param name="Seen">The curvature seen.</param>
/// <param name="Reversed">Whether every segment looked at curves down or not at all: the negative may be convex.</param>
internal sealed record Contradiction(Contradicted What, double Seen, bool Reversed);

/// <summary>How many of the points that a search looked at showed finite values and gradients.</summary>
internal sealed class Sightings
{
    // A search that sees fewer of the points that it chose itself says nothing.
    private const double LeastShare = 0.1;

    /// <summary>Points looked at.</summary>
    public int Asked { get; private set; }

    /// <summary>Those that were finite.</summary>
    public int Seen { get; private set; }

    /// <summary>The first function and block of which next to nothing was seen; null for none.</summary>
    public string? Blind { get; private set; }

    /// <summary>Adds one search.</summary>
    /// <param name="asked">Points that it chose.</param>
    /// <param name="seen">Those that were finite.</param>
    /// <param name="what">The function and its block.</param>
    public void Add(int asked, int seen, string what)
    {
        (Asked, Seen) = (Asked + asked, Seen + seen);
        if (asked > 2 && seen < LeastShare * asked) Blind ??= what;
    }
}

/// <summary>
/// Looks for a contradiction to "this function of a block is convex on this set", from first derivatives and values at
/// feasible points alone. Finding none proves nothing; what is found exceeds rounding, as modelled from the sizes
/// involved and as measured there, and persists when the points are moved by a few units of rounding.
/// </summary>
internal sealed class ConvexityProbe<V>
    where V : class, IVector<V>
{
    private const double Slack = 1e-3;

    private const int ScanPoints = 48;

    private readonly IObjective<V> objective;
    private readonly V[] at;
    private readonly int block;
    private readonly BlockFunction<V> function;
    private readonly IProximalTerm<V> term;
    private readonly double modulus, smoothness, diameter, precision;
    private readonly ulong key;
    private readonly List<Place> places = [];
    private readonly V segment, turn;              // of the pair last looked at
    private ulong drawn;
    private double slope;
    private int asked, seen;                       // of the points that the search chose
    private bool anyDown, anyUp;

    private ConvexityProbe(IObjective<V> objective, V[] at, int block, double sign, IProximalTerm<V> term, double modulus, double smoothness, ulong key)
    {
        (this.objective, this.at, this.block, this.term, this.modulus, this.smoothness, this.key) = (objective, at, block, term, modulus, smoothness, key);
        function = new BlockFunction<V>(objective, at, block, sign);
        diameter = term.DiameterAt(at[block].Length);
        precision = Precision.Of(at[block]);
        (segment, turn) = (at[block].ZerosLike(), at[block].ZerosLike());
    }

    /// <summary>The first contradiction found, or null.</summary>
    /// <param name="objective">The objective.</param>
    /// <param name="at">All its blocks.</param>
    /// <param name="block">The block in which the function is to be convex.</param>
    /// <param name="sign">The sign with which it is.</param>
    /// <param name="term">Its set or proximal term.</param>
    /// <param name="known">Feasible points of the block worth looking at.</param>
    /// <param name="modulus">Declared strong convexity; 0 for none.</param>
    /// <param name="smoothness">Declared Lipschitz constant of the gradient; infinite for none.</param>
    /// <param name="directions">Most directions explored for the least curvature, at each of two places.</param>
    /// <param name="key">Names the random points.</param>
    /// <param name="lines">Whether to look along two lines for a dip or a kink that points the wrong way.</param>
    /// <param name="sightings">Where to count the points looked at.</param>
    /// <param name="what">The function and its block, for that.</param>
    public static Contradiction? Find(
        IObjective<V> objective, IReadOnlyList<V> at, int block, double sign, IProximalTerm<V> term, IReadOnlyList<V> known, double modulus, double smoothness, int directions, ulong key, bool lines = false, Sightings? sightings = null, string what = "")
    {
        if (at[block].Length == 0 || term.DiameterAt(at[block].Length) == 0) return null;
        var probe = new ConvexityProbe<V>(objective, [.. at], block, sign, term, modulus, smoothness, key);
        var found = probe.Run(known, directions, lines);
        sightings?.Add(probe.asked, probe.seen, what);
        return found;
    }

    private Contradiction? Run(IReadOnlyList<V> known, int directions, bool lines)
    {
        foreach (var point in known) Visit(point);
        if (places.Count == 0) return null;
        double reach = double.IsFinite(diameter) ? diameter : 10 * (1 + known.Max(p => p.Norm()));
        var first = known[0];
        var centre = first.Copy();
        if (first is IFillable)
        {
            double[] shares = [1, 0.3, 0.03, 1, 3];
            foreach (double share in shares)
            {
                var nearest = Random(reach * share);
                nearest.AddScaled(1, first);
                term.Project(nearest);
                Look(ref nearest, first);
                centre.AddScaled(1, nearest);
            }

            centre.Scale(1.0 / (1 + shares.Length));
            Visit(centre);
        }

        Visit(Middle(first, places[^1].Point));
        for (int i = 1; i < known.Count; i++) Visit(Middle(first, known[i]));
        if (Compare(0) is { } contradiction) return contradiction;
        if (first is not IFillable || directions == 0) return null;
        if (lines)
        {
            int begun = places.Count;
            Bisect(first, places[Math.Min(known.Count, places.Count - 1)].Point);
            Bisect(Farthest(centre, Random(1), reach), Farthest(centre, Random(1), -reach));
            if (first.Length == 1 && double.IsFinite(diameter)) Scan(centre);
            if (Compare(begun) is { } dip) return dip;
        }

        foreach (var place in new[] { centre, Middle(first, centre) })
        {
            int before = places.Count;
            Lowest(place, reach, directions);
            if (Compare(before) is { } found) return found;
        }

        return null;
    }

    private bool Visit(V point)
    {
        double value = function.Evaluate(point);
        double norm = function.Gradient.Norm();
        if (!double.IsFinite(value) || !double.IsFinite(norm)) return false;
        places.Add(new Place(point.Copy(), function.Gradient.Copy(), value, norm, point.Norm()));
        return true;
    }

    // Visits a point that the search chose; where nothing is finite there, one nearer to a point where something is.
    private void Look(ref V point, V finite)
    {
        asked++;
        if (Visit(point))
        {
            seen++;
            return;
        }

        for (int k = 0; k < 6; k++)
        {
            point = Middle(point, finite);
            if (Visit(point)) return;
        }
    }

    // All pairs of which the later was visited from that index on.
    private Contradiction? Compare(int from)
    {
        for (int j = Math.Max(1, from); j < places.Count; j++)
        {
            for (int i = 0; i < j; i++)
            {
                if (Skips(i, j)) continue;
                double length = Pair(places[i], places[j]);
                if (length > Math.Sqrt(precision) * (places[i].Size + places[j].Size)) slope = Math.Max(slope, turn.Norm() / length);
            }
        }

        Contradiction? worst = null;
        for (int j = Math.Max(1, from); j < places.Count; j++)
        {
            for (int i = 0; i < j; i++)
            {
                if (Skips(i, j)) continue;
                var seen = Judge(places[i], places[j], 0, 0, 0);
                if (seen is { } && worst is null && Confirm(places[i], places[j], seen.What)) worst = seen;
            }
        }

        return worst is null ? null : worst with { Reversed = anyDown && !anyUp };
    }

    // All pairs of long vectors would take longer than their gradients.
    private bool Skips(int i, int j) => segment.Length > 10_000 && i > 2 && j - i > 4;

    private double Pair(Place a, Place b)
    {
        segment.CopyFrom(b.Point);
        segment.AddScaled(-1, a.Point);
        turn.CopyFrom(b.Gradient);
        turn.AddScaled(-1, a.Gradient);
        return segment.Norm();
    }

    // The noise of gradients and of values are at least those measured.
    private Contradiction? Judge(Place a, Place b, double roundingA, double roundingB, double valueRounding)
    {
        double length = Pair(a, b);
        if (!(length > 0)) return null;
        double units = EvaluationRounding.Units * precision, steep = Math.Min(slope, smoothness);
        double Model(Place p, double measured) => Math.Max(units * (p.Norm + (steep * p.Size)) + Precision.Smallest(segment), measured);
        double noise = Model(a, roundingA) + Model(b, roundingB);
        double rise = turn.Dot(segment), square = length * length;
        anyDown |= rise < -noise * length;
        anyUp |= rise > noise * length;
        if (rise < -noise * length) return new Contradiction(Contradicted.Convexity, rise / square, false);
        double coarse = noise + (Math.Sqrt(precision) * (a.Norm + b.Norm + (steep * (a.Size + b.Size))));
        if (modulus > 0 && rise < (modulus * square * (1 - Slack)) - (coarse * length)) return new Contradiction(Contradicted.Modulus, rise / square, false);
        if (turn.Norm() > (smoothness * length * (1 + Slack)) + coarse) return new Contradiction(Contradicted.Smoothness, turn.Norm() / length, false);

        // A convex function lies between its tangents.
        double step = b.Value - a.Value, low = a.Gradient.Dot(segment), high = b.Gradient.Dot(segment);
        double valueNoise = Math.Max(units * (Math.Abs(a.Value) + Math.Abs(b.Value) + (a.Norm * a.Size) + (b.Norm * b.Size)), valueRounding) + (coarse * length) + (Math.Sqrt(precision) * (Math.Abs(a.Value) + Math.Abs(b.Value)));
        return step < low - valueNoise || step > high + valueNoise ? new Contradiction(Contradicted.Values, (step - ((low + high) / 2)) / square, false) : null;
    }

    // Rounding measured at both ends, and the ends moved by a little more than rounding.
    private bool Confirm(Place a, Place b, Contradicted what)
    {
        var (ofA, ofB) = (Measure(a.Point), Measure(b.Point));
        (bool down, bool up) = (anyDown, anyUp);
        bool holds = Judge(a, b, ofA.Gradients[block], ofB.Gradients[block], ofA.Value + ofB.Value)?.What == what;
        for (int copy = 0; holds && copy < 2 && a.Point is IFillable; copy++)
        {
            int before = places.Count;
            bool seen = Visit(Jitter(a)) && Visit(Jitter(b));
            holds = seen && Judge(places[^2], places[^1], ofA.Gradients[block], ofB.Gradients[block], ofA.Value + ofB.Value)?.What == what;
            places.RemoveRange(before, places.Count - before);
        }

        if (holds && what == Contradicted.Convexity) holds = IsNoStair(a, b);
        if (!holds) (anyDown, anyUp) = (down, up);
        return holds;
    }

    // A gradient that an objective rounds to few digits goes in stairs, which small differences do not see. A fall of the
    // slope that is small counts only where the slope is smooth along the whole segment.
    private bool IsNoStair(Place a, Place b)
    {
        const int Pieces = 16;
        var along = b.Point.Copy();
        along.AddScaled(-1, a.Point);
        double length = along.Norm(), roughest = 0;
        var slopes = new double[Pieces + 1];
        var place = a.Point.ZerosLike();
        slopes[0] = a.Gradient.Dot(along) / length;
        slopes[Pieces] = b.Gradient.Dot(along) / length;
        double fall = slopes[0] - slopes[Pieces];
        if (fall > Math.Sqrt(precision) * (places.Max(p => p.Norm) + (Math.Min(slope, smoothness) * (a.Size + b.Size)))) return true;
        for (int i = 1; i < Pieces; i++)
        {
            place.CopyFrom(a.Point);
            place.AddScaled(i / (double)Pieces, along);
            function.Evaluate(place);
            slopes[i] = function.Gradient.Dot(along) / length;
        }

        for (int i = 4; i <= Pieces; i++) roughest = Math.Max(roughest, Math.Abs(slopes[i] - (4 * slopes[i - 1]) + (6 * slopes[i - 2]) - (4 * slopes[i - 3]) + slopes[i - 4]));
        return fall > 2 * roughest;
    }

    // A set of one dimension is looked at evenly, from end to end.
    private void Scan(V centre)
    {
        V from = centre.Copy(), to = centre.Copy(), along = Random(100 * diameter);
        from.AddScaled(1, along);
        to.AddScaled(-1, along);
        term.Project(from);
        term.Project(to);
        to.AddScaled(-1, from);
        for (int i = 0; i <= ScanPoints; i++)
        {
            var point = from.Copy();
            point.AddScaled((double)i / ScanPoints, to);
            term.Project(point);
            Visit(point);
        }
    }

    // Halves the piece of a segment that curves least, of even ones at first, again and again: it leads to a kink that points the wrong way, and into a dip.
    private void Bisect(V from, V to)
    {
        const int Even = 16, Evaluations = 32;
        var line = to.Copy();
        line.AddScaled(-1, from);
        double length = line.Norm();
        if (!(length > 0)) return;
        List<(double At, double Slope)> seen = [];
        for (int i = 0; i <= Even; i++) Add(i / (double)Even);
        for (int k = Even + 1; k < Evaluations && seen.Count > 1; k++)
        {
            seen.Sort();
            int least = 0;
            double curvature = double.PositiveInfinity;
            for (int i = 0; i + 1 < seen.Count; i++)
            {
                double width = seen[i + 1].At - seen[i].At;
                double here = (seen[i + 1].Slope - seen[i].Slope) / width;
                if (width > 1e-4 && here < curvature) (curvature, least) = (here, i);
            }

            if (double.IsPositiveInfinity(curvature)) break;
            Add((seen[least].At + seen[least + 1].At) / 2);
        }

        void Add(double at)
        {
            var point = from.Copy();
            point.AddScaled(at, line);
            if (Visit(point)) seen.Add((at, places[^1].Gradient.Dot(line) / length));
        }
    }

    private EvaluationRounding Measure(V point)
    {
        V[] here = [.. at];
        here[block] = point;
        return EvaluationRounding.Measure(objective, here, block);
    }

    private V Jitter(Place place)
    {
        var moved = Random(256 * precision * place.Size);
        moved.AddScaled(1, place.Point);
        term.Project(moved);
        return moved;
    }

    // A random vector of about this length.
    private V Random(double length)
    {
        var vector = at[block].ZerosLike();
        RandomDirection.Fill(vector, RandomBits.At(key, drawn++));
        vector.Scale(length / Math.Sqrt(vector.Length));
        return vector;
    }

    private static V Middle(V a, V b)
    {
        var middle = a.Copy();
        middle.AddScaled(1, b);
        middle.Scale(0.5);
        return middle;
    }

    // Searches the direction of least curvature about a point inside the set, on a Krylov space of differences of
    // gradients along feasible steps, and visits the ends of the longest feasible segment along it.
    private void Lowest(V centre, double reach, int directions)
    {
        double h = Math.Cbrt(precision) * reach;
        function.Evaluate(centre);
        V here = function.Gradient.Copy();
        if (!here.IsFinite()) return;
        List<V> basis = [], images = [];
        V? ahead = null;
        for (int k = 0; k < Math.Min(directions, centre.Length); k++)
        {
            V? v = (ahead is null ? null : Tangent(centre, ahead, h, basis)) ?? Tangent(centre, Random(1), h, basis);
            if (v is null) break;
            var moved = centre.Copy();
            moved.AddScaled(h, v);
            function.Evaluate(moved);
            var image = function.Gradient.Copy();
            image.AddScaled(-1, here);
            image.Scale(1 / h);
            if (!image.IsFinite()) break;
            basis.Add(v);
            images.Add(image);
            ahead = image;
        }

        if (basis.Count == 0) return;
        var matrix = new double[basis.Count, basis.Count];
        for (int i = 0; i < basis.Count; i++)
        {
            for (int j = 0; j < basis.Count; j++) matrix[i, j] = (basis[i].Dot(images[j]) + basis[j].Dot(images[i])) / 2;
        }

        double[] least = SmallEigenproblem.Least(matrix);
        var direction = centre.ZerosLike();
        for (int i = 0; i < basis.Count; i++) direction.AddScaled(least[i], basis[i]);
        Visit(centre);
        Visit(Farthest(centre, direction, reach));
        Visit(Farthest(centre, direction, -reach));
    }

    // The part of a direction in which the set lets the centre move, orthogonal to the basis, as a unit vector; null where nothing is left.
    private V? Tangent(V centre, V direction, double h, List<V> basis)
    {
        double norm = direction.Norm();
        if (!(norm > 0) || !double.IsFinite(norm)) return null;
        var moved = centre.Copy();
        moved.AddScaled(h / norm, direction);
        term.Project(moved);
        moved.AddScaled(-1, centre);
        double before = moved.Norm();
        for (int pass = 0; pass < 2; pass++)
        {
            foreach (var u in basis) moved.AddScaled(-u.Dot(moved), u);
        }

        double left = moved.Norm();
        if (!(left > 1e-6 * Math.Max(before, 1e-3 * h))) return null;
        moved.Scale(1 / left);
        return moved;
    }

    private V Farthest(V centre, V direction, double reach)
    {
        for (int k = 0; k < 30; k++, reach /= 2)
        {
            var end = centre.Copy();
            end.AddScaled(reach, direction);
            var nearest = end.Copy();
            term.Project(nearest);
            end.AddScaled(-1, nearest);
            if (end.Norm() <= 1e-9 * Math.Abs(reach) || k == 29) return nearest;
        }

        return centre;
    }

    private readonly record struct Place(V Point, V Gradient, double Value, double Norm, double Size);
}

/// <summary>Eigenvectors of small symmetric matrices, by Jacobi rotations.</summary>
internal static class SmallEigenproblem
{
    /// <summary>A unit vector of the least eigenvalue; the matrix is overwritten.</summary>
    public static double[] Least(double[,] a)
    {
        int n = a.GetLength(0);
        var vectors = new double[n, n];
        for (int i = 0; i < n; i++) vectors[i, i] = 1;
        for (int sweep = 0; sweep < 30; sweep++)
        {
            double off = 0;
            for (int p = 0; p < n; p++)
            {
                for (int q = p + 1; q < n; q++)
                {
                    off += Math.Abs(a[p, q]);
                    if (a[p, q] == 0) continue;
                    double theta = (a[q, q] - a[p, p]) / (2 * a[p, q]);
                    double t = (theta >= 0 ? 1 : -1) / (Math.Abs(theta) + Math.Sqrt((theta * theta) + 1));
                    double c = 1 / Math.Sqrt((t * t) + 1), s = t * c;
                    for (int k = 0; k < n; k++) (a[k, p], a[k, q]) = ((c * a[k, p]) - (s * a[k, q]), (s * a[k, p]) + (c * a[k, q]));
                    for (int k = 0; k < n; k++) (a[p, k], a[q, k]) = ((c * a[p, k]) - (s * a[q, k]), (s * a[p, k]) + (c * a[q, k]));
                    for (int k = 0; k < n; k++) (vectors[k, p], vectors[k, q]) = ((c * vectors[k, p]) - (s * vectors[k, q]), (s * vectors[k, p]) + (c * vectors[k, q]));
                }
            }

            if (off == 0) break;
        }

        int least = Enumerable.Range(0, n).MinBy(i => a[i, i]);
        return [.. Enumerable.Range(0, n).Select(k => vectors[k, least])];
    }
}
