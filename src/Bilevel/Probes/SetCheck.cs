namespace Bilevel;

/// <summary>
/// Looks for a contradiction to "this is a closed convex set with its nearest-point projection and a true diameter", or "this
/// is a closed convex function with its proximal map": p = prox_t(v) obeys q(u) &gt;= q(p) + &lt;v - p, u - p&gt;/t at every u of the
/// domain, which for a set is the obtuse angle, and which makes the map firmly nonexpansive. Points are drawn near and
/// far, along coordinates, along patterns of signs in which every coordinate takes part, farther along the way that a point was
/// moved, where the map must end in the same point, and along lines that are halved where the map moves most. Finding
/// nothing proves nothing.
/// </summary>
internal static class SetCheck
{
    /// <summary>What contradicts a term, in a sentence without a full stop; null where nothing was found, or where the vectors cannot be filled.</summary>
    /// <param name="term">The set or term.</param>
    /// <param name="at">A point of the block, preferably feasible; not changed.</param>
    /// <param name="name">Name of the block.</param>
    /// <param name="key">Names the random points.</param>
    public static string? Objection<V>(IProximalTerm<V> term, V at, string name, ulong key)
        where V : class, IVector<V>
    {
        if (at.Length == 0 || at is not IFillable || !at.IsFinite() || IsKnown(term)) return null;
        return new SetSearch<V>(term, at, key).Run() is { } seen ? $"the {(term is IFeasibleSet<V> ? "set" : "proximal term")} of {name} contradicts itself: {seen}" : null;
    }

    // The sets of this library that hold no others: their tests are sharper than a search.
    private static bool IsKnown<V>(IProximalTerm<V> term)
        where V : class, IVector<V> => term is WholeSpace<V> or
            DenseWholeSpace<double> or Box<double> or Ball<double> or Simplex<double> or CappedSimplex<double> or NonnegativeOrthant<double> or L1Term<double> or
            DenseWholeSpace<float> or Box<float> or Ball<float> or Simplex<float> or CappedSimplex<float> or NonnegativeOrthant<float> or L1Term<float>;
}

/// <summary>One such search.</summary>
internal sealed class SetSearch<V>
    where V : class, IVector<V>
{
    // What an honest map may err, relative to the sizes involved: rounding, or an inner iteration that stops.
    private const double Units = 64, Inner = 1e-10;

    private const int LongLength = 4096, Pieces = 8, Halvings = 10, Coordinates = 8, MostFeasible = 24;

    private const string NotNearest = "its projection is not the nearest point of a convex set";

    private readonly IProximalTerm<V> term;
    private readonly bool isSet, isLong;
    private readonly V centre, scratch;
    private readonly double diameter, loose, relative;
    private readonly ulong key;
    private readonly List<Mapped> mapped = [];
    private readonly List<Mapped> feasible = [];    // those that the others are compared with
    private ulong drawn;
    private string? found;

    public SetSearch(IProximalTerm<V> term, V at, ulong key)
    {
        (this.term, this.key) = (term, key);
        isSet = term is IFeasibleSet<V>;
        isLong = at.Length > LongLength;
        centre = at.Copy();
        scratch = at.ZerosLike();
        diameter = term.DiameterAt(at.Length);
        double precision = Precision.Of(at);
        loose = Math.Sqrt(precision);
        relative = Math.Max(Units * precision * Math.Sqrt(at.Length), Inner);
    }

    /// <summary>The first contradiction, in words; null where there is none.</summary>
    public string? Run()
    {
        if (!(diameter >= 0)) return FormattableString.Invariant($"its diameter is {diameter}");
        if (isSet && term.IsWholeSpace) return WholeSpace();
        Map(centre.Copy(), 1, compared: true);
        if (found is not null) return found;
        centre.CopyFrom(mapped[0].To);
        if (!isSet) term.Project(centre);
        foreach (double scale in Scales()) Pair(centre, scale, Random(), natural: true);
        AlongCoordinates();
        AlongPatterns();
        AboutTheOrigin();
        Middles();
        Compare();
        if (found is null && !isLong)
        {
            double reach = 3 * Reach;
            V along = Unit(), axis = Coordinate((int)(key % (ulong)centre.Length));
            AlongLine(Shifted(centre, -reach, along), Shifted(centre, reach, along));
            AlongLine(Shifted(centre, -reach, axis), Shifted(centre, reach, axis));
            if (!double.IsFinite(diameter)) AlongLine(Shifted(centre, -2.2 * Extent, along), Shifted(centre, 2.2 * Extent, along));
        }

        return found;
    }

    private double Reach => double.IsFinite(diameter) && diameter > 0 ? diameter : 10 * Math.Max(1, centre.Norm());

    // How far the points found lie from the centre.
    private double Extent => mapped.Max(m => Distance(m.To, centre));

    // From where the set may have its features to far beyond it; in the set's own units and in decades.
    private List<double> Scales()
    {
        List<double> scales = [];
        double size = centre.Norm(), least = 1e4 * relative * size;
        if (double.IsFinite(diameter) && diameter > 0) scales.AddRange([1000 * diameter, diameter, 0.3 * diameter, 0.03 * diameter, 3 * diameter, 1e-3 * diameter]);
        else if (size > 0) scales.AddRange([1000 * size, size, 0.1 * size, 10 * size]);
        for (int decade = -8; decade <= 11; decade += isLong ? 5 : 1)
        {
            double scale = Math.Pow(10, decade);
            if (scale >= least && !(scale > 1000 * diameter)) scales.Add(scale);
        }

        return scales;
    }

    private string? WholeSpace()
    {
        foreach (double scale in new[] { 1e-3, 1, 1e3 })
        {
            var moved = Shifted(centre, scale * (1 + centre.Norm()), Random());
            scratch.CopyFrom(moved);
            term.Project(moved);
            moved.AddScaled(-1, scratch);
            if (!(moved.Norm() <= relative * scratch.Norm())) return "it says that it is the whole space, and its projection moves a point";
        }

        return null;
    }

    private void Pair(V about, double scale, V direction, bool natural)
    {
        foreach (int side in new[] { 1, -1 })
        {
            var target = Shifted(about, side * scale, direction);
            double step = 1;
            if (!isSet && natural)
            {
                // Steps at which the term and the square weigh about the same, and others.
                scratch.CopyFrom(target);
                term.Project(scratch);
                double rise = Math.Abs(term.Value(scratch) - term.Value(centre));
                step = rise > 0 && double.IsFinite(scale * scale / rise) && scale * scale / rise > 0 ? scale * scale / rise : 1;
                step *= Math.Pow(10, (int)(drawn % 3) - 1);
                Map(target.Copy(), 1, compared: false);
            }

            Map(target, step, compared: feasible.Count < MostFeasible);
        }
    }

    private void AlongCoordinates()
    {
        int n = centre.Length;
        for (int k = 0; k < Math.Min(n, Coordinates); k++)
        {
            var direction = Coordinate(n <= Coordinates ? k : (int)(RandomBits.At(key, 1000 + (ulong)k) % (ulong)n));
            foreach (double share in new[] { 0.2, 3 }) Pair(centre, share * Reach, direction, natural: share < 1);
        }
    }

    // One wrong coordinate of many is lost in an angle to a point that differs in all of them. Where the outward step is made shorter
    // or longer, all right coordinates end where they did, so that what is wrong in a few stands alone.
    private void AlongPatterns()
    {
        double extent = mapped.Count > 0 ? Extent : 0;
        List<double> sizes = [extent > 0 ? Math.Min(Reach, extent) : Reach];
        if (extent > 10 * Reach && !double.IsFinite(diameter)) sizes.Add(extent);
        foreach (double size in sizes)
        {
            foreach (double share in isLong ? [0.3, 3] : new[] { 1e-3, 0.03, 0.3, 1, 3, 0.1, 0.5, 1.5 })
            {
                var pattern = Pattern();
                foreach (int side in new[] { 1, -1 })
                {
                    int before = mapped.Count;
                    Map(Shifted(centre, side * share * size / Math.Sqrt(centre.Length), pattern), 1, compared: feasible.Count < MostFeasible && !isLong);
                    if (mapped.Count == before) return;
                    Outward(mapped[^1]);
                }
            }
        }
    }

    private void Outward(Mapped place)
    {
        if (!(place.Length > 10 * place.Error)) return;
        foreach (var (share, turn) in isLong ? [(0.01, 0.0), (1.7, 0.3)] : new[] { (0.01, 0.0), (0.5, 0.0), (1.7, 0.0), (0.01, 0.3), (0.5, 0.3) })
        {
            if (found is not null) return;
            var farther = Shifted(place.To, share, place.Outward);
            if (turn > 0) farther.AddScaled(share * turn * place.Length / Math.Sqrt(farther.Length), Pattern());
            int before = mapped.Count;
            Map(farther, isSet ? 1 : share * place.Step, compared: false);
            if (mapped.Count == before) return;
            Judge(place, mapped[^1]);
            if (found is null) Judge(mapped[^1], place);
        }
    }

    // Where a hole is likely, and where maps divide by a norm.
    private void AboutTheOrigin()
    {
        var origin = centre.ZerosLike();
        Map(origin.Copy(), 1, compared: true);
        foreach (double share in new[] { 0.01, 0.3 }) Pair(origin, share * Reach, Random(), natural: false);
    }

    private void Map(V from, double step, bool compared)
    {
        if (found is not null) return;
        var to = from.Copy();
        if (isSet) term.Project(to);
        else term.Prox(to, step);
        double size = from.Norm(), value = term.Value(to);
        if (!double.IsFinite(size)) return;
        if (!to.IsFinite() || double.IsNaN(value))
        {
            found = "its map of a finite point, or its value there, is not finite";
            return;
        }

        var outward = from.Copy();
        outward.AddScaled(-1, to);
        var here = new Mapped(from, to, outward, outward.Norm(), step, value, (relative * (size + to.Norm())) + (Math.Sqrt(to.Length) * Precision.Smallest(to)));
        scratch.CopyFrom(to);
        term.Project(scratch);
        scratch.AddScaled(-1, to);
        if (!(scratch.Norm() <= here.Error + (loose * here.Length)))
        {
            found = isSet
                ? FormattableString.Invariant($"projecting a second time moves a point by {scratch.Norm():G4}")
                : FormattableString.Invariant($"its proximal map ends {scratch.Norm():G4} away from its domain");
            return;
        }

        mapped.Add(here);
        if (compared) feasible.Add(here);
    }

    // The points between feasible points are feasible, and the values there no higher than the chord.
    private void Middles()
    {
        int count = feasible.Count;
        for (int i = 1; i < count && found is null; i++)
        {
            for (int share = 1; share <= 3; share++)
            {
                Mapped a = feasible[i - 1], b = feasible[share == 2 ? i : (7 * i) % count];
                double weight = share / 4.0;
                var middle = a.To.Copy();
                middle.Scale(1 - weight);
                middle.AddScaled(weight, b.To);
                scratch.CopyFrom(middle);
                term.Project(scratch);
                scratch.AddScaled(-1, middle);
                double away = scratch.Norm(), apart = Distance(a.To, b.To);
                if (!(away <= a.Error + b.Error + (loose * apart)))
                {
                    found = FormattableString.Invariant($"it is not convex: between two of its points lies one that its projection moves by {away:G4}");
                    return;
                }

                double errors = a.Error + b.Error;
                if (isSet || !(apart > 100 * errors)) continue;
                double chord = ((1 - weight) * a.Value) + (weight * b.Value), height = term.Value(middle);
                double noise = (loose * (Math.Abs(a.Value) + Math.Abs(b.Value) + Math.Abs(height))) + (4 * errors / apart * (Math.Abs(a.Value - height) + Math.Abs(b.Value - height)));
                if (height > chord + noise)
                {
                    found = FormattableString.Invariant($"its values are not convex: between two points they lie {height - chord:G4} above the chord");
                    return;
                }
            }
        }
    }

    private void Compare()
    {
        int skip = isLong ? 3 : 1;
        for (int i = 0; i < mapped.Count && found is null; i++)
        {
            for (int j = i % skip; j < feasible.Count && found is null; j += skip) Judge(mapped[i], feasible[j]);
        }
    }

    // q(u) >= q(p) + <v - p, u - p>/t, but for rounding; times t.
    private void Judge(Mapped at, Mapped other)
    {
        scratch.CopyFrom(other.To);
        scratch.AddScaled(-1, at.To);
        double length = scratch.Norm(), errors = at.Error + other.Error;
        if (length > (diameter * (1 + loose)) + errors)
        {
            found = FormattableString.Invariant($"two of its points are {length:G4} apart, more than its diameter {diameter:G4}");
            return;
        }

        double excess = at.Outward.Dot(scratch), allowed = (at.Length * ((loose * length) + errors)) + (length * at.Error);
        if (!isSet)
        {
            double heights = Math.Abs(at.Value) + Math.Abs(other.Value), slope = length > 0 ? Math.Abs(at.Value - other.Value) / length : 0;
            excess += at.Step * (at.Value - other.Value);
            allowed += at.Step * ((relative * heights) + (slope * ((loose * length) + errors)));
        }

        if (excess > allowed) found = isSet ? FormattableString.Invariant($"{NotNearest} (another is nearer by {excess / Math.Max(at.Length, double.Epsilon):G4})") : "its proximal map is not that of its values";
    }

    // Neighbours along a line, halved where the map moves by the largest share: it leads to a jump.
    private void AlongLine(V from, V to)
    {
        if (found is not null) return;
        var line = to.Copy();
        line.AddScaled(-1, from);
        List<(double At, Mapped Place)> seen = [];
        void Add(double at)
        {
            int before = mapped.Count;
            Map(Shifted(from, at, line), 1, compared: false);
            if (mapped.Count > before) seen.Add((at, mapped[^1]));
        }

        for (int i = 0; i <= Pieces; i++) Add(i / (double)Pieces);
        for (int k = 0; k <= Halvings && found is null && seen.Count > 1; k++)
        {
            seen.Sort((a, b) => a.At.CompareTo(b.At));
            int most = 0;
            double ratio = -1;
            for (int i = 0; i + 1 < seen.Count && found is null; i++)
            {
                Judge(seen[i].Place, seen[i + 1].Place);
                if (found is null) Judge(seen[i + 1].Place, seen[i].Place);
                double here = Distance(seen[i].Place.To, seen[i + 1].Place.To) / (seen[i + 1].At - seen[i].At);
                if (here > ratio) (ratio, most) = (here, i);
            }

            Add((seen[most].At + seen[most + 1].At) / 2);
        }
    }

    private double Distance(V a, V b)
    {
        scratch.CopyFrom(a);
        scratch.AddScaled(-1, b);
        return scratch.Norm();
    }

    private static V Shifted(V about, double length, V direction)
    {
        var point = about.Copy();
        point.AddScaled(length, direction);
        return point;
    }

    // A random vector of about unit length.
    private V Random()
    {
        var vector = centre.ZerosLike();
        RandomDirection.Fill(vector, RandomBits.At(key, drawn++));
        vector.Scale(1 / Math.Sqrt(vector.Length));
        return vector;
    }

    // Components of random sign, of about one each.
    private V Pattern()
    {
        var vector = centre.ZerosLike();
        SignPattern.Fill(vector, RandomBits.At(key, drawn++));
        return vector;
    }

    private V Unit()
    {
        var vector = Random();
        vector.Scale(1 / Math.Max(vector.Norm(), 1e-3));
        return vector;
    }

    private V Coordinate(int index)
    {
        var vector = centre.ZerosLike();
        ((IFillable)vector).Fill(i => i == index ? 1 : 0);
        return vector;
    }

    // From, where the map takes it, the difference and its norm, the step, the value there and what the map may err.
    private readonly record struct Mapped(V From, V To, V Outward, double Length, double Step, double Value, double Error);
}
