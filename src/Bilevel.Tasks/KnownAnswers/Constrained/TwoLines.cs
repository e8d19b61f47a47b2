using static Bilevel.BilevelMinimaxProblem;

namespace Bilevel.Tasks;

/// <summary>What the attacker and the operator of <see cref="TwoLinesTask"/> want.</summary>
internal enum TwoLinesInstance
{
    /// <summary>The operator sheds as little load as it can, the attacker wants as much as it can: a linear program against its opposite.</summary>
    LoadShed,

    /// <summary>Half of the load is critical; the operator weighs both kinds by squares, the attacker linearly and otherwise: truly bilevel.</summary>
    CriticalLoad,
}

/// <summary>
/// Two parallel lines from a generator of 200 MW to a load of 100 MW (applications, section 1.7, T1 and T2), in closed
/// form. An attack a_l divides the susceptance of line l by 1 + 3 a_l; each line carries at most 60 MW. Powers inside
/// are per unit (divided by 100 MW); load shed, F and gradients are returned in MW. The follower's variables are
/// (phi, p, s...): phi = b0 (theta_1 - theta_2), which is what a line without attack would carry, generation, and load shed
/// (critical and ordinary where there are two kinds). Its multipliers are those of the limits of line 1 (forward,
/// backward) and line 2, then those of the balances at bus 1 and bus 2.
/// </summary>
internal sealed class TwoLines(TwoLinesInstance instance)
{
    /// <summary>Megawatts of a unit.</summary>
    public const double Base = 100;

    /// <summary>Impedance of a line under full attack: 1 + Growth times its own.</summary>
    public const double Growth = 3;

    /// <summary>Limit of a line.</summary>
    public const double Limit = 0.6;

    /// <summary>Number of line limits, forward and backward.</summary>
    public const int Limits = 4;

    /// <summary>Number of balances.</summary>
    public const int Balances = 2;

    /// <summary>Bound M on the sum of the multipliers of the limits, and N on the norm of those of the balances.</summary>
    public const double MultiplierLimit = 10;

    private const double Load = 1, Capacity = 2;

    // No more than 2.4 gets through: a limit of 0.6 times 1 + 3 a, a at most 1.
    private const double LargestPhi = 3;

    // Of the critical-load instance: the operator's weights of the squares, the attacker's of the amounts.
    private const double CriticalCost = 4, OrdinaryCost = 1, CriticalWorth = 10, OrdinaryWorth = 1;

    /// <summary>Which of the two.</summary>
    public TwoLinesInstance Instance => instance;

    /// <summary>
    /// What g is multiplied by, constraints and all, so that it is in MW (load-shed) or MW^2 (critical-load) while
    /// variables and multipliers stay per unit.
    /// </summary>
    public double LowerUnit => instance == TwoLinesInstance.LoadShed ? Base : Base * Base;

    /// <summary>Number of the follower's variables.</summary>
    public int LowerCount => instance == TwoLinesInstance.LoadShed ? 3 : 4;

    /// <summary>Lower bounds of the follower's variables.</summary>
    public double[] Least => instance == TwoLinesInstance.LoadShed ? [-LargestPhi, 0, 0] : [-LargestPhi, 0, 0, 0];

    /// <summary>Upper bounds of the follower's variables.</summary>
    public double[] Most => instance == TwoLinesInstance.LoadShed ? [LargestPhi, Capacity, Load] : [LargestPhi, Capacity, Load / 2, Load / 2];

    /// <summary>The least load shed in MW, S(a) = max(0, 100 - 60 (1 + r)), where r = (1 + 3 a_j)/(1 + 3 a_i), a_j the smaller attack: line j is full and line i carries r times less.</summary>
    public static double Shed(ReadOnlySpan<double> a) => Base * Shed(a, out _, out _);

    /// <summary>grad S in MW; zero where nothing is shed.</summary>
    public static DenseVector<double> ShedGradient(ReadOnlySpan<double> a)
    {
        var gradient = new DenseVector<double>(2);
        if (!(Shed(a, out int full, out double ratio) > 0)) return gradient;
        double other = 1 + (Growth * a[1 - full]);
        gradient[full] = -Base * Limit * Growth / other;
        gradient[1 - full] = Base * Limit * Growth * ratio / other;
        return gradient;
    }

    /// <summary>The best that an attack of that budget does to the load, in MW: all of it on one line.</summary>
    public static double BestShed(double budget) => Shed([Math.Min(budget, 1), 0]);

    /// <summary>F is that times S: 1, or -(10/5 + 4/5), because a fifth of the shed load is critical.</summary>
    public double UpperPerShed => instance == TwoLinesInstance.LoadShed ? 1 : -((CriticalWorth * CriticalShare) + (OrdinaryWorth * (1 - CriticalShare)));

    /// <summary>
    /// (min over y of sigma f + g, minus min g)/sigma in the units of f, of the critical-load instance: F - 8.1 sigma
    /// (sigma in MW) as long as S is at least 3.5 sigma. Below that the attacker's wish alone sheds more than the lines
    /// make necessary, and it is -13 sigma - 0.4 S^2/sigma.
    /// </summary>
    public double PenalisedValue(ReadOnlySpan<double> a, double sigma)
    {
        if (instance != TwoLinesInstance.CriticalLoad) return UpperPerShed * Shed(a);
        double shed = Shed(a), wished = sigma * ((CriticalWorth / CriticalCost) + (OrdinaryWorth / OrdinaryCost));
        double wish = ((CriticalWorth * CriticalWorth / CriticalCost) + (OrdinaryWorth * OrdinaryWorth / OrdinaryCost)) / 2;
        double resistance = 1 / (2 * ((1 / CriticalCost) + (1 / OrdinaryCost)));
        double bias = wish - (resistance * wished * wished / (sigma * sigma));
        return shed >= wished
            ? (UpperPerShed * shed) - (bias * sigma)
            : -(wish * sigma) - (resistance * shed * shed / sigma);
    }

    /// <summary>The saddle point of the lower level: the operator's answer and its multipliers, unique except where S turns from 0.</summary>
    public (DenseVector<double> Z1, DenseVector<double> Z2) Saddle(DenseVector<double> a)
    {
        double shed = Shed(a.Span, out int full, out double ratio);
        double first = Factor(a[0]), second = Factor(a[1]);
        double[] answer = new double[LowerCount], multipliers = new double[Limits + Balances];
        answer[0] = shed > 0 ? Limit * (1 + (Growth * a[full])) : Load / (first + second);
        answer[1] = Load - shed;
        double price = 0;
        if (instance == TwoLinesInstance.LoadShed)
        {
            answer[2] = shed;
            if (shed > 0) price = 1;
        }
        else
        {
            answer[2] = CriticalShare * shed;
            answer[3] = (1 - CriticalShare) * shed;
            price = OrdinaryCost * answer[3];
        }

        // A unit more at bus 2 costs the price; a unit more through the full line brings 1 + r units to bus 2.
        multipliers[2 * full] = price * (1 + ratio);
        multipliers[Limits + 1] = price;
        return (new(answer), new(multipliers));
    }

    /// <summary>The primal-dual gap of the lower level, in the units of g.</summary>
    public double Gap(DenseVector<double> a, DenseVector<double> y, DenseVector<double> multipliers)
    {
        var c = new DenseVector<double>(Limits + Balances);
        Constraints(a, y, c);
        double worst = 0, cost = Cost(y.Span);
        for (int i = 0; i < Limits; i++) worst = Math.Max(worst, c[i]);
        double primal = cost + (MultiplierLimit * worst) + (MultiplierLimit * Math.Sqrt((c[Limits] * c[Limits]) + (c[Limits + 1] * c[Limits + 1])));

        double dual = multipliers[Limits + 1] * Load;
        for (int i = 0; i < Limits; i++) dual -= Limit * multipliers[i];
        double price = multipliers[Limits + 1];
        dual -= LargestPhi * Math.Abs((Factor(a[0]) * Pull(multipliers, 0)) + (Factor(a[1]) * Pull(multipliers, 1)));
        dual -= Capacity * Math.Max(0, multipliers[Limits]);
        dual += instance == TwoLinesInstance.LoadShed
            ? Load * Math.Min(0, 1 - price)
            : LeastOf(CriticalCost, price) + LeastOf(OrdinaryCost, price);
        return LowerUnit * (primal - dual);

        static double LeastOf(double curvature, double price)
        {
            double s = Math.Clamp(price / curvature, 0, Load / 2);
            return s * ((curvature * s / 2) - price);
        }
    }

    /// <summary>The operator's cost, per unit.</summary>
    public double Cost(ReadOnlySpan<double> y) => instance == TwoLinesInstance.LoadShed ? y[2] : ((CriticalCost * y[2] * y[2]) + (OrdinaryCost * y[3] * y[3])) / 2;

    /// <summary>The limits and balances, per unit.</summary>
    public void Constraints(DenseVector<double> a, DenseVector<double> y, DenseVector<double> result)
    {
        double through = 0;
        for (int line = 0; line < 2; line++)
        {
            double flow = Factor(a[line]) * y[0];
            through += flow;
            result[2 * line] = flow - Limit;
            result[(2 * line) + 1] = -flow - Limit;
        }

        double served = Load - y[2] - (instance == TwoLinesInstance.LoadShed ? 0 : y[3]);
        result[Limits] = through - y[1];
        result[Limits + 1] = served - through;
    }

    /// <summary>The problem, with the attack held to that budget.</summary>
    public BilevelMinimaxProblem<DenseVector<double>> Problem(double budget)
    {
        // The multipliers of the closed form are the only ones where S > 0 or no line is full, and in between they lie
        // between these: the price is at most 1 (load-shed) or that of the largest shed, and r at most 2/3.
        double largestShed = BestShed(1) / Base, price = instance == TwoLinesInstance.LoadShed ? 1 : (1 - CriticalShare) * largestShed;
        double[] none = new double[2];
        double flow = 1 + (Growth * Growth * LargestPhi * LargestPhi);
        var problem = Lift.ConstrainedLowerLevel(
            instance == TwoLinesInstance.LoadShed ? new LinearFunction(none, [0, 0, Base]) : new LinearFunction(none, [0, 0, -CriticalWorth * Base, -OrdinaryWorth * Base]),
            new ConstrainedLowerLevel<double>(
                instance == TwoLinesInstance.LoadShed ? new LinearFunction(none, [0, 0, LowerUnit]) : new Squares(LowerUnit),
                new LimitsAndBalances(this)
                {
                    // Every flow phi/(1 + 3 a) has a gradient of norm sqrt(1 + 9 phi^2) and second derivatives of norm
                    // 18 phi + 3 at most. The rows of c are the flows (4 times), both together (twice), p and s; the sum of
                    // |multipliers' c| over the flows is at most sqrt(12) times the norm of the multipliers.
                    Lipschitz = LowerUnit * Math.Sqrt((4 * flow) + (8 * flow) + LowerCount - 1),
                    GradientLipschitz = LowerUnit * Math.Sqrt(12) * ((2 * Growth * Growth * LargestPhi) + Growth),
                })
            {
                Smoothness = instance == TwoLinesInstance.LoadShed ? 0 : LowerUnit * CriticalCost,
                Equalities = Balances,
                Set = new Box<double>(Least, Most),
                Bound = MultiplierLimit,
                OptimalBound = price * (1 + (instance == TwoLinesInstance.LoadShed ? 2.0 / 3 : 1.0 / 4)),
                EqualityBound = MultiplierLimit,
                EqualityOptimalBound = price,
            });
        return problem with
        {
            X1 = new CappedSimplex<double>(2, budget),
            Constants = problem.Constants with { UpperSmoothness = 0 },
            UpperSense = instance == TwoLinesInstance.LoadShed ? Sense.Maximise : Sense.Minimise,
        };
    }

    // Of every unit shed, where 4 s_c = s_o.
    private static double CriticalShare => OrdinaryCost / (OrdinaryCost + CriticalCost);

    // What a line carries of phi.
    private static double Factor(double attack) => 1 / (1 + (Growth * attack));

    // What the multipliers say of one unit more through a line.
    private static double Pull(DenseVector<double> m, int line) => m[2 * line] - m[(2 * line) + 1] + m[Limits] - m[Limits + 1];

    private static double Shed(ReadOnlySpan<double> a, out int full, out double ratio)
    {
        full = a[0] <= a[1] ? 0 : 1;
        ratio = (1 + (Growth * a[full])) / (1 + (Growth * a[1 - full]));
        return Math.Max(0, Load - (Limit * (1 + ratio)));
    }

    // The operator's cost of the critical-load instance.
    private sealed class Squares(double unit) : PointObjective<DenseVector<double>>
    {
        protected override double Value(ReadOnlySpan<DenseVector<double>> point, Sample sample)
        {
            var y = point[Lower.Z1];
            return unit * ((CriticalCost * y[2] * y[2]) + (OrdinaryCost * y[3] * y[3])) / 2;
        }

        protected override void Gradient(ReadOnlySpan<DenseVector<double>> point, int block, Sample sample, DenseVector<double> result)
        {
            result.Span.Clear();
            if (block != Lower.Z1) return;
            result[2] = unit * CriticalCost * point[block][2];
            result[3] = unit * OrdinaryCost * point[block][3];
        }
    }

    private sealed class LimitsAndBalances(TwoLines grid) : PointConstraints<DenseVector<double>>(Limits + Balances)
    {
        protected override void Values(DenseVector<double> x, DenseVector<double> z, DenseVector<double> result)
        {
            grid.Constraints(x, z, result);
            result.Scale(grid.LowerUnit);
        }

        protected override void TransposedTimes(DenseVector<double> x, DenseVector<double> z, DenseVector<double> multipliers, int block, DenseVector<double> result)
        {
            result.Span.Clear();
            for (int line = 0; line < 2; line++)
            {
                double pull = grid.LowerUnit * Factor(x[line]) * Pull(multipliers, line);
                if (block == Lower.X1) result[line] = -Growth * Factor(x[line]) * z[0] * pull;
                else result[0] += pull;
            }

            if (block == Lower.X1) return;
            result[1] = -grid.LowerUnit * multipliers[Limits];
            for (int i = 2; i < result.Length; i++) result[i] = -grid.LowerUnit * multipliers[Limits + 1];
        }
    }
}
