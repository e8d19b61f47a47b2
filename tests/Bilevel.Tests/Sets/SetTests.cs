using System.Globalization;
using System.Numerics;
using CsCheck;

namespace Bilevel.Tests;

/// <summary>What every projection onto a closed convex set obeys, on random sets and points.</summary>
public abstract class SetTests<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const string Seed = "0N0XIzNsQ0O2";
    private const int Iterations = 400;

    /// <summary>The distance from 1 to the next number of T.</summary>
    protected static readonly double Epsilon = double.CreateTruncating(T.BitIncrement(T.One) - T.One);

    /// <summary>A set to test, with what the test knows of it by other means.</summary>
    /// <param name="Set">The set.</param>
    /// <param name="Length">Length of the points to project.</param>
    /// <param name="Size">Magnitude of the numbers in the set, which rounding errors are measured by; 0 if projecting is exact.</param>
    /// <param name="Violation">The largest amount by which a point breaks a constraint.</param>
    /// <param name="Reference">An independent way to project.</param>
    protected sealed record Instance(
        DenseSet<T> Set,
        int Length,
        double Size,
        Func<double[], double> Violation,
        Func<double[], double[]> Reference)
    {
        public double Error => 16 * Length * Epsilon * Size;
    }

    protected abstract Gen<Instance> Instances { get; }

    /// <summary>Sets of about the given length, to be projected onto without allocation.</summary>
    protected abstract DenseSet<T> Long(int length);

    protected static readonly Gen<int> Lengths = Gen.Int[1, 12];

    protected static Gen<double> AnyOf(params double[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    // Different scales, and integers so that ties and points on a breakpoint occur.
    private static Gen<double[]> Points(int length) =>
        Gen.Select(Gen.Double[-3, 3].Array[length], AnyOf(1e-3, 1, 1, 20, 1e5), Gen.Bool, (x, scale, whole) =>
            Array.ConvertAll(x, v => Rounded(whole ? Math.Round(v) * scale : v * scale)));

    private static readonly Func<(Instance I, double[] P, double[] Q), string> Print = t => string.Create(
        CultureInfo.InvariantCulture,
        $"{t.I.Set}: p = [{string.Join(", ", t.P.Select(Text))}], q = [{string.Join(", ", t.Q.Select(Text))}]");

    [Fact]
    public void The_projection_is_in_the_set() => ForAll((instance, p, _) =>
    {
        double violation = instance.Violation(Project(instance.Set, p));
        Assert.True(violation <= instance.Error, Text(violation));
    });

    [Fact]
    public void A_projected_point_stays_where_it_is() => ForAll((instance, p, _) =>
    {
        var once = Project(instance.Set, p);
        AssertNear(once, Project(instance.Set, once), instance.Error);
    });

    [Fact]
    public void The_projection_is_nonexpansive() => ForAll((instance, p, q) =>
    {
        double before = Distance(p, q), after = Distance(Project(instance.Set, p), Project(instance.Set, q));
        Assert.True(after <= before * (1 + 1e-14) + 2 * instance.Error, $"{Text(after)} > {Text(before)}");
    });

    [Fact]
    public void The_variational_inequality_holds() => ForAll((instance, p, q) =>
    {
        double[] a = Project(instance.Set, p), b = Project(instance.Set, q);
        double product = 0, residual = Distance(p, a), apart = Distance(a, b);
        for (int i = 0; i < p.Length; i++) product += (p[i] - a[i]) * (b[i] - a[i]);
        double allowed = 2 * instance.Error * (residual + apart) + 1e-15 * p.Length * residual * apart;
        Assert.True(product <= allowed, $"{Text(product)} > {Text(allowed)}");
    });

    [Fact]
    public void The_projection_agrees_with_an_independent_one() => ForAll((instance, p, _) =>
        AssertNear(instance.Reference(p), Project(instance.Set, p), instance.Error));

    [Fact]
    public void No_two_projections_are_further_apart_than_the_diameter() => ForAll((instance, p, q) =>
    {
        double distance = Distance(Project(instance.Set, p), Project(instance.Set, q));
        Assert.True(distance <= instance.Set.Diameter * (1 + 4 * Epsilon) + 2 * instance.Error, $"{Text(distance)} > {Text(instance.Set.Diameter)}");
    });

    [Fact]
    public void Contains_tells_projections_from_points_away_from_the_set() => ForAll((instance, p, _) =>
    {
        var projection = Project(instance.Set, p);
        Assert.True(instance.Set.Contains(Vector(projection), instance.Error));
        double relative = Distance(p, projection) / (1 + Distance(p, new double[p.Length]));
        if (relative > 4 * instance.Error) Assert.False(instance.Set.Contains(Vector(p), relative / 2));
    });

    [Fact]
    public void A_span_and_a_vector_are_projected_alike() => ForAll((instance, p, _) =>
    {
        var vector = Vector(p);
        instance.Set.Project(vector);
        Assert.Equal(Project(instance.Set, p), vector.ToDoubles());
    });

    [Fact]
    public void A_NaN_does_not_become_a_number() => ForAll((instance, p, q) =>
    {
        if (instance.Set is ProductSet<T>) return;
        int at = (int)(Math.Abs(q[0]) % instance.Length);
        p = [.. p];
        p[at] = double.NaN;
        Assert.True(double.IsNaN(Project(instance.Set, p)[at]));
        Assert.False(instance.Set.Contains(Vector(p), 1));
    });

    [Fact]
    public void An_infinite_component_does_no_harm_to_the_process() => ForAll((instance, p, _) =>
    {
        p = [.. p];
        p[^1] = double.PositiveInfinity;
        p[0] = double.NegativeInfinity;
        Project(instance.Set, p);
    });

    [Theory]
    [InlineData(7)]
    [InlineData(1000)]
    [InlineData(3000)]
    public void Projecting_allocates_nothing(int length)
    {
        var set = Long(length);
        var random = new Random(5);
        var near = Vector(Enumerable.Range(0, length).Select(_ => random.NextDouble() * 2 / length).ToArray());
        var far = Vector(Enumerable.Range(0, length).Select(_ => (random.NextDouble() + 1) * 1e5).ToArray());
        var work = near.ZerosLike();
        for (int i = 0; i < 50; i++) Both();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 20; i++) Both();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Both()
        {
            work.CopyFrom(near);
            set.Project(work);
            work.CopyFrom(far);
            set.Project(work);
            _ = set.Contains(near, 1e-3);
        }
    }

    [Fact]
    public void Contains_refuses_a_bad_tolerance()
    {
        var set = Long(7);
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Contains(new DenseVector<T>(7), -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Contains(new DenseVector<T>(7), double.NaN));
        Assert.Throws<ArgumentNullException>(() => set.Project((DenseVector<T>)null!));
    }

    /// <summary>Checks that a length that does not fit is objected to in a sentence and not projected.</summary>
    protected static void AssertRefusesLength(DenseSet<T> set, int length)
    {
        string? objection = set.Objection(length);
        Assert.NotNull(objection);
        Assert.EndsWith(".", objection, StringComparison.Ordinal);
        Assert.Equal(objection, Assert.Throws<ArgumentException>(() => set.Project(new DenseVector<T>(length))).Message);
    }

    protected static void AssertProjects(DenseSet<T> set, double[] point, double[] expected, double tolerance) =>
        AssertNear(expected, Project(set, point), tolerance);

    protected static double[] Project(DenseSet<T> set, double[] point)
    {
        var p = Array.ConvertAll(point, T.CreateTruncating);
        set.Project(p.AsSpan());
        return Array.ConvertAll(p, double.CreateTruncating);
    }

    protected static DenseVector<T> Vector(params double[] components) => new(Array.ConvertAll(components, T.CreateTruncating));

    protected static T[] Components(params double[] components) => Array.ConvertAll(components, T.CreateTruncating);

    protected static double Rounded(double x) => double.CreateTruncating(T.CreateTruncating(x));

    protected static void AssertNear(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(
                Math.Abs(expected[i] - actual[i]) <= tolerance,
                $"Component {i} is {Text(actual[i])}, expected {Text(expected[i])} within {Text(tolerance)}.");
        }
    }

    protected static double Distance(double[] a, double[] b) => Math.Sqrt(a.Zip(b, (x, y) => (x - y) * (x - y)).Sum());

    /// <summary>
    /// clip(p_i - shift) with the given sum, by bisection on the shift in decimals of 28 digits.
    /// </summary>
    protected static double[] Bisect(double[] point, double lower, double upper, double total)
    {
        var p = Array.ConvertAll(point, Exact);
        decimal low = Exact(lower), high = Exact(upper), sum = Exact(total);
        decimal left = p.Min() - high, right = p.Max() - low;
        for (int i = 0; i < 110; i++)
        {
            decimal middle = (left + right) / 2;
            if (p.Sum(x => Math.Clamp(x - middle, low, high)) >= sum) left = middle;
            else right = middle;
        }

        return Array.ConvertAll(p, x => (double)Math.Clamp(x - left, low, high));

        // A cast to decimal would keep 15 digits only.
        static decimal Exact(double x) => decimal.Parse(x.ToString("F27", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }

    /// <summary>The largest distance of two corners of {lower &lt;= x &lt;= upper, sum x (= or &lt;=) total}, by trying all.</summary>
    protected static double LargestCornerDistance(int length, double lower, double upper, double total, bool equal)
    {
        var corners = new List<double[]>();
        for (int set = 0; set < 1 << length; set++)
        {
            var x = Enumerable.Range(0, length).Select(i => (set >> i & 1) == 1 ? upper : lower).ToArray();
            double sum = x.Sum();
            if (equal ? Math.Abs(sum - total) < 1e-9 : sum <= total + 1e-9) corners.Add(x);
            for (int i = 0; i < length; i++)
            {
                double rest = total - (sum - x[i]);
                if (rest < lower - 1e-9 || rest > upper + 1e-9) continue;
                double[] corner = [.. x];
                corner[i] = rest;
                corners.Add(corner);
            }
        }

        return corners.Max(a => corners.Max(b => Distance(a, b)));
    }

    protected static string Text(double x) => x.ToString("R", CultureInfo.InvariantCulture);

    private void ForAll(Action<Instance, double[], double[]> check) =>
        Instances
            .SelectMany(i => Gen.Select(Points(i.Length), Points(i.Length), (p, q) => (I: i, P: p, Q: q)))
            .Sample(t => check(t.I, t.P, t.Q), seed: Seed, iter: Iterations, threads: 1, print: Print);
}
