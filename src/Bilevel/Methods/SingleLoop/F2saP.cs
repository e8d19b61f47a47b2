// Chen, Li, Chayti, Zhang: Faster Gradient Methods for Highly-smooth Stochastic Bilevel Optimization, ICLR 2026 (arXiv 2509.02937).
// Problem class: g(x, .) strongly convex, f and g smooth to order p in y; x in a closed convex set; exact or sampled gradients.
namespace Bilevel;

/// <summary>
/// F2SA-p: grad F is the mixed derivative of min_y nu f + g in x and in nu at nu = 0, taken by a difference formula of
/// order p whose nodes j are followers on j nu f + g. The bias is O(nu^p); order 1 is F2SA, order 2 costs the same two followers.
/// The residual is that of F2SA, with phi for the estimate.
/// </summary>
public sealed record F2saP : IBilevelMethod
{
    /// <inheritdoc/>
    public string Name => "f2sa-p";

    /// <summary>Order p of the difference formula: p followers for even p, p + 1 for odd.</summary>
    [Setting("Order p of the difference formula: p followers for even p, p + 1 for odd.", Min = 1, Max = 20)]
    public int Order { get; init; } = 2;

    /// <summary>Penalty parameter lambda = 1/nu; auto takes 100, or twice what keeps |j| nu below mu/(2 Lf1) at every node where that is more, and ten times as much wherever exact gradients are at rest at a point that the bias of lambda keeps from being better.</summary>
    [Setting("Penalty parameter lambda = 1/nu; auto takes 100, or twice what keeps |j| nu below mu/(2 Lf1) at every node where that is more, and ten times as much wherever exact gradients are at rest at a point that the bias of lambda keeps from being better.", Min = 1e-12)]
    public double? Lambda { get; init; }

    /// <summary>Number K of inner steps per iteration.</summary>
    [Setting("Number K of inner steps per iteration.", Min = 1)]
    public int InnerSteps { get; init; } = 10;

    /// <summary>Step of every follower on j nu f + g; auto takes 1/(Lg1 + nu max |j| Lf1), one step for all so that they contract at nearly the same rate.</summary>
    [Setting("Step of every follower on j nu f + g; auto takes 1/(Lg1 + nu max |j| Lf1), one step for all so that they contract at nearly the same rate.", Min = 0)]
    public double? StepLower { get; init; }

    /// <summary>Step of x along phi; under the rule normalised x ends in a band of this width.</summary>
    [Setting("Step of x along phi; under the rule normalised x ends in a band of this width.", Min = 0)]
    public double StepX { get; init; } = 0.1;

    /// <summary>Starts the followers of positive j from their average in every iteration, the others from theirs.</summary>
    [Setting("Starts the followers of positive j from their average in every iteration, the others from theirs.")]
    public bool AverageNodes { get; init; }

    /// <summary>Number of data items per gradient estimate; 0 takes all data, that is exact gradients.</summary>
    [Setting("Number of data items per gradient estimate; 0 takes all data, that is exact gradients.", Min = 0)]
    public int Batch { get; init; }

    /// <summary>Draws another sample for every follower, which multiplies the noise by lambda (to show it).</summary>
    [Setting("Draws another sample for every follower, which multiplies the noise by lambda (to show it).")]
    public bool IndependentSamples { get; init; }

    /// <summary>The upper step.</summary>
    [SettingGroup(typeof(UpperStep))]
    public UpperStep Upper { get; init; } = new() { StepRule = StepRule.Clipped };

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, x.Copy(), y.Copy(), seed);

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V>
    {
        foreach (var finding in Upper.Validate<V>()) yield return finding;
        foreach (var finding in PenaltyChecks.Modulus(problem)) yield return finding;
        foreach (var finding in PenaltyChecks.Nodes(problem, DifferenceNode.Of(Order), Lambda ?? double.PositiveInfinity, StepLower)) yield return finding;
    }

    private sealed class Run<V> : MethodRun<V>
        where V : class, IVector<V>
    {
        private const double RaiseFactor = 10;           // of an automatic lambda

        private readonly F2saP settings;
        private readonly DifferenceNode[] nodes;         // j and a_j
        private readonly V[] y;                          // y_j -> argmin j nu f(x, .) + g(x, .)
        private readonly V[] point;                      // x_t and y*(x_t), from node 0 or by interpolation
        private readonly double[] valueAtZero;
        private readonly Followers<V> followers;
        private readonly NodeSum<V> leader;              // sum_j a_j j f_x(x, y_j)
        private readonly NodeSum<V> difference;          // sum_j a_j g_x(x, y_j)
        private readonly V phi;
        private readonly UpperMover<V> mover;
        private readonly IFeasibleSet<V> lowerSet;
        private readonly SampleStream samples;
        private readonly HypergradientAssessment<V> assessment;
        private readonly double[] shares;
        private readonly string[] names;
        private LocalConstants constants;
        private double estimate = double.NaN;   // |h|
        private double lambda;
        private double raised = 1;                       // what an automatic lambda has been multiplied by

        public Run(F2saP settings, BilevelProblem<V> problem, V x, V y, ulong seed)
        {
            this.settings = settings;
            samples = new SampleStream(seed);
            constants = LocalConstants.Of(problem, x, y, samples.Next(settings.Batch));
            nodes = DifferenceNode.Of(settings.Order);
            names = [.. nodes.Select(n => FormattableString.Invariant($"y[{n.J}]"))];
            this.y = [.. nodes.Select(_ => y.Copy())];
            valueAtZero = DifferenceNode.ValueAtZero(nodes);
            point = [x, Array.FindIndex(nodes, n => n.J == 0) is >= 0 and var zero ? this.y[zero] : y];
            lowerSet = problem.LowerSet;
            followers = new Followers<V>(problem, x, this.y, [.. nodes.Select(n => (double)n.J)], constants, settings.IndependentSamples, adaptive: settings.StepLower is null);
            leader = new NodeSum<V>(problem.Upper, x, this.y, [.. nodes.Select(n => n.J * n.Weight)], settings.IndependentSamples);
            difference = new NodeSum<V>(problem.Lower, x, this.y, [.. nodes.Select(n => n.Weight)], settings.IndependentSamples);
            phi = x.ZerosLike();
            mover = settings.Upper.Start(x, problem.UpperSet);
            shares = new double[nodes.Length];
            Scale();
            assessment = new HypergradientAssessment<V>(problem, x, this.y[0], point[BilevelProblem.Y], constants, settings.InnerSteps, settings.Batch, seed);
        }

        public override double Estimate => estimate;

        public override string? Remark => assessment.Remark;

        public override (SolveStatus Status, string Reason)? Settled(double tolerance) => settings.Lambda is not null && assessment.Resting(Estimate, tolerance) is var bias && bias > tolerance
            ? GivenLambda.Settled(lambda, Estimate, bias, tolerance, "lambda", chosen: true, settings.Order)
            : null;

        public override string Advice => settings.StepLower is null ? "Take smaller steps: lower step-x, or raise inner-steps, so that the followers keep up with x; leave Lg1 and Lf1 undeclared where they were declared too small." : "Take smaller steps: lower step-lower or leave it at auto, or lower step-x.";

        public override double Penalty => lambda;

        public override ReadOnlySpan<V> Point => point;

        public override void Step()
        {
            if (settings.AverageNodes)
            {
                Average(positive: true);
                Average(positive: false);
            }

            followers.Steps(settings.InnerSteps, accelerated: false, shares, samples, settings.Batch);

            // phi = sum_j a_j ( j nu f_x(x, y_j) + g_x(x, y_j) ) / nu
            leader.Evaluate(phi, 1, samples, settings.Batch);
            difference.Add(phi, lambda, samples, settings.Batch);
            double norm = estimate = mover.Measure(phi, settings.StepX), lag = 0;
            mover.Move(phi, settings.StepX);
            Answer();
            foreach (double gradient in followers.Norms) lag = Math.Max(lag, gradient);
            Residual = assessment.After(norm, settings.StepX, lambda, null, lag);
            if (settings.Lambda is not null || !assessment.WantsLargerLambda(norm, lambda)) return;
            raised *= RaiseFactor;
            Draw(1 / RaiseFactor);
            Scale();
        }

        protected override void TransferState(IArchive<V> archive)
        {
            archive.Transfer(point[BilevelProblem.X]);
            archive.Transfer(y);
            archive.Transfer(point[BilevelProblem.Y]);
            archive.Transfer(ref estimate);
            LocalConstants.Transfer(archive, ref constants);
            samples.Transfer(archive);
            mover.Transfer(archive);
            assessment.Transfer(archive);
            followers.Transfer(archive);
            archive.Transfer(ref raised);
            if (archive.Loading) Scale();
        }

        // What follows from the constants: nu, and the common step as shares of the followers' own 1/(Lg1 + |j| nu Lf1).
        private void Scale()
        {
            int farthest = DifferenceNode.Farthest(settings.Order);
            lambda = settings.Lambda ?? raised * Math.Max(100, 4 * farthest * constants.UpperSmoothness / constants.LowerStrongConvexity);
            followers.SetConstants(constants);
            double step = settings.StepLower ?? 1 / followers.Smoothness(farthest / lambda);
            for (int i = 0; i < nodes.Length; i++)
            {
                followers.SetSigma(i, nodes[i].J / lambda);
                shares[i] = step * followers.Smoothness(nodes[i].J / lambda);
            }
        }

        // y_j - y* is of first order in nu: a smaller nu sets nothing in motion.
        private void Draw(double share)
        {
            var answer = point[BilevelProblem.Y];
            foreach (var node in y)
            {
                if (ReferenceEquals(node, answer)) continue;
                node.AddScaled(-1, answer);
                node.Scale(share);
                node.AddScaled(1, answer);
                lowerSet.Project(node);
            }
        }

        private void Average(bool positive)
        {
            V? sum = null;
            int count = 0;
            for (int i = 0; i < nodes.Length; i++)
            {
                if (nodes[i].J > 0 != positive) continue;
                count++;
                if (sum is null) sum = y[i];
                else sum.AddScaled(1, y[i]);
            }

            sum!.Scale(1.0 / count);
            for (int i = 0; i < nodes.Length; i++)
            {
                if (nodes[i].J > 0 == positive && !ReferenceEquals(y[i], sum)) y[i].CopyFrom(sum);
            }
        }

        // Even orders have no node 0, the copy that has not seen f; the polynomial through the nodes gives its value, for
        // order 2 their mean. Its error is O(nu^p), as that of phi; beyond order 2 it may leave Y and is projected.
        private void Answer()
        {
            var answer = point[BilevelProblem.Y];
            if (Array.IndexOf(y, answer) >= 0) return;
            answer.Scale(0);
            for (int i = 0; i < y.Length; i++) answer.AddScaled(valueAtZero[i], y[i]);
            lowerSet.Project(answer);
        }
    }

    /// <summary>The sum over the nodes of a weight times an x-gradient: one request on one sample, formed sample by sample, or one per node on its own.</summary>
    private sealed class NodeSum<V>
        where V : class, IVector<V>
    {
        private readonly PreparedRequest<V>[] requests;
        private readonly double[] factors;
        private readonly V gradient;

        public NodeSum(IObjective<V> objective, V x, V[] y, double[] weights, bool independent)
        {
            // A node of weight 0 costs nothing.
            (y, weights) = ([.. y.Where((_, i) => weights[i] != 0)], [.. weights.Where(w => w != 0)]);
            gradient = x.ZerosLike();
            requests = independent
                ? [.. y.Select(v => new PreparedRequest<V>(objective, [[x, v]], [new(BilevelProblem.X, 0, gradient)]))]
                : [new(objective, [.. y.Select(v => new[] { x, v })], [new(BilevelProblem.X, Output.Combined, gradient)], weights)];
            factors = independent ? weights : [1];
        }

        /// <summary>result = factor * sum.</summary>
        public void Evaluate(V result, double factor, SampleStream samples, int batch)
        {
            result.Scale(0);
            Add(result, factor, samples, batch);
        }

        /// <summary>result = result + factor * sum.</summary>
        public void Add(V result, double factor, SampleStream samples, int batch)
        {
            for (int i = 0; i < requests.Length; i++)
            {
                requests[i].Evaluate(samples.Next(batch));
                result.AddScaled(factor * factors[i], gradient);
            }
        }
    }
}
