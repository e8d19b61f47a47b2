// Limited-memory BFGS on the penalty function L_lambda*(x) = min_y [ f(x, y) + lambda (g(x, y) - min_z g(x, z)) ] of F2BA
// (Chen, Ma, Zhang: JMLR 26(109), 2025), whose gradient is f_x(x, y) + lambda (g_x(x, y) - g_x(x, z)) and whose smoothness
// does not grow with lambda (penalty methods, section 2.2). First derivatives only.
// Problem class: g(x, .) strongly convex, f and g smooth; x in a closed convex set; y unconstrained; exact gradients.
namespace Bilevel;

/// <summary>
/// A quasi-Newton outer loop on the penalty function: accurate warm-started lower solves, a safeguarded step along the
/// limited-memory BFGS direction, lambda raised in stages. The residual is |h| plus the estimated penalty bias, where
/// lambda is chosen by the method.
/// </summary>
public sealed record QuasiNewton : IBilevelMethod
{
    /// <inheritdoc/>
    public string Name => "quasi-newton";

    /// <summary>Penalty parameter; auto raises it until the estimated bias of the hypergradient is below half the tolerance.</summary>
    [Setting("Penalty parameter; auto raises it until the estimated bias of the hypergradient is below half the tolerance.", Min = 1e-12)]
    public double? Lambda { get; init; }

    /// <summary>First value of lambda when it is raised in stages; auto takes 10 max(1, Lf1/Lg1), or lambda itself where that is given.</summary>
    [Setting("First value of lambda when it is raised in stages; auto takes 10 max(1, Lf1/Lg1), or lambda itself where that is given.", Min = 1e-12)]
    public double? LambdaStart { get; init; }

    /// <summary>Factor between the stages of lambda.</summary>
    [Setting("Factor between the stages of lambda.", Min = 1.01)]
    public double LambdaFactor { get; init; } = 10;

    /// <summary>Accuracy of the hypergradient that the inner tolerances and the choice of lambda aim at.</summary>
    [Setting("Accuracy of the hypergradient that the inner tolerances and the choice of lambda aim at.", Min = 1e-300)]
    public double Tolerance { get; init; } = 1e-4;

    /// <summary>Number of steps that the approximation of the Hessian remembers.</summary>
    [Setting("Number of steps that the approximation of the Hessian remembers.", Min = 1, Max = 1000)]
    public int Memory { get; init; } = 20;

    /// <summary>Length of the first move of x; auto takes 1.</summary>
    [Setting("Length of the first move of x; auto takes 1.", Min = 1e-300)]
    public double? FirstMove { get; init; }

    /// <summary>Accuracy of the hypergradient that the inner solves aim at, as a share of the residual.</summary>
    [Setting("Accuracy of the hypergradient that the inner solves aim at, as a share of the residual.", Min = 1e-12, Max = 1)]
    public double InnerShare { get; init; } = 0.1;

    /// <summary>Most evaluations of an inner solve.</summary>
    [Setting("Most evaluations of an inner solve.", Min = 1)]
    public int InnerLimit { get; init; } = 2_000;

    /// <inheritdoc/>
    public IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V> => new Run<V>(this, problem, x.Copy(), y.Copy());

    /// <inheritdoc/>
    public IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V>
    {
        foreach (var finding in PenaltyChecks.Lower(problem, Lambda ?? double.PositiveInfinity)) yield return finding;
        if (LambdaStart > Lambda) yield return new Finding(Severity.Error, "lambda-start is above lambda.", "Lower lambda-start or leave it at auto.");
        if (problem.Constants.LowerStrongConvexity <= 0) yield return new Finding(Severity.Error, "The lower level is declared with a strong convexity of zero; the method needs it positive.", "Add a small multiple of |y|^2 to g.");
        if (!problem.LowerSet.IsWholeSpace) yield return new Finding(Severity.Error, $"y is constrained to {problem.LowerSet}; the inner quasi-Newton solves need it free.", "Use f2ba-plus, which projects.");
    }

    private sealed class Run<V> : IRun<V>
        where V : class, IVector<V>
    {
        // Armijo's and Wolfe's constants.
        private const double Decrease = 1e-4, Flatness = 0.9;

        private const int MostTrials = 25;

        // A stage whose bias is not yet known ends when the hypergradient has fallen to this share of its first norm.
        private const double FirstStageShare = 0.1;

        private const double RoundingUnits = 8;

        private readonly QuasiNewton settings;
        private readonly BilevelProblem<V> problem;
        private readonly V x, y, z;
        private readonly V[] point;                            // x_k and z -> y*(x_k)
        private readonly V h;                                  // grad L_lambda*(x_k)
        private readonly V before, hBefore, yBefore, zBefore;  // the accepted point, while a step from it is tried
        private readonly V direction, mapping;
        private readonly QuasiNewtonFollower<V> zOn, yOn;      // z on g, y on f/lambda + g
        private readonly PenaltyGradient<V> hypergradient;
        private readonly LimitedMemory<V> curvature;           // H_k
        private LocalConstants constants;                      // where lambda is chosen by the method
        private double lambda, value, valueSize, gradientNorm, stageGoal, gain;
        private double bias = double.NaN, biasBefore = double.PositiveInfinity;
        private double sharpness = 1;                          // falls when a step fails, since the inner solves may be to blame
        private long stagesInVain;
        private bool isFinal;

        public Run(QuasiNewton settings, BilevelProblem<V> problem, V x, V y)
        {
            (this.settings, this.problem, this.x, this.y) = (settings, problem, x, y);
            if (settings.Lambda is null) constants = LocalConstants.Of(problem, x, y, couplings: false);
            lambda = settings.LambdaStart ?? settings.Lambda ?? 10 * Math.Max(1, constants.UpperSmoothness / constants.LowerSmoothness);
            isFinal = lambda == settings.Lambda;
            z = y.Copy();
            point = [x, z];
            (h, before, hBefore, direction, mapping) = (x.ZerosLike(), x.ZerosLike(), x.ZerosLike(), x.ZerosLike(), x.ZerosLike());
            (yBefore, zBefore) = (y.ZerosLike(), y.ZerosLike());
            (zOn, yOn) = (new(problem, x, z, 0), new(problem, x, y, 1 / lambda));
            hypergradient = new PenaltyGradient<V>(problem, x, y, z, values: true);
            curvature = new LimitedMemory<V>(x, settings.Memory);
        }

        public double Residual { get; private set; } = double.NaN;

        public double Penalty => lambda;

        public ReadOnlySpan<V> Point => point;

        public void Step()
        {
            if (double.IsNaN(Residual)) Begin();
            else if (!isFinal && gradientNorm <= Math.Max(settings.Tolerance / 2, stageGoal)) RaiseLambda();
            else Move();
            Residual = gradientNorm + Bias;
        }

        public void Transfer(IArchive<V> archive)
        {
            archive.Transfer("x", x);
            archive.Transfer("y", y);
            archive.Transfer("z", z);
            archive.Transfer("hypergradient", h);
            archive.Transfer("lambda", ref lambda);
            archive.Transfer("value", ref value);
            archive.Transfer("value size", ref valueSize);
            archive.Transfer("gradient norm", ref gradientNorm);
            archive.Transfer("stage goal", ref stageGoal);
            archive.Transfer("gain", ref gain);
            archive.Transfer("bias", ref bias);
            archive.Transfer("bias before", ref biasBefore);
            archive.Transfer("sharpness", ref sharpness);
            archive.Transfer("stages in vain", ref stagesInVain);
            archive.Transfer("lambda is final", ref isFinal);
            double residual = Residual;
            archive.Transfer("residual", ref residual);
            Residual = residual;
            LocalConstants.Transfer(archive, ref constants);
            curvature.Transfer(archive, "leader");
            zOn.Transfer(archive, "z");
            yOn.Transfer(archive, "y");
            if (!archive.Loading) return;
            yOn.Sigma = 1 / lambda;
        }

        // With a given lambda the method answers for its penalty function alone; a bias not yet known may not stop the run.
        private double Bias => settings.Lambda is not null ? (isFinal ? 0 : settings.Tolerance)
            : double.IsNaN(bias) ? Math.Max(settings.Tolerance, gradientNorm)
            : bias;

        private void Begin()
        {
            Evaluate();
            stageGoal = FirstStageShare * gradientNorm;
        }

        // x_{k+1} = x_k + t d, d = -H_k h, by Armijo's and Wolfe's conditions
        private void Move()
        {
            before.CopyFrom(x);
            hBefore.CopyFrom(h);
            yBefore.CopyFrom(y);
            zBefore.CopyFrom(z);
            double valueBefore = value;
            double slope = PlaceDirection();
            double noise = RoundingUnits * Precision.Of(x) * valueSize;
            double low = 0, high = double.PositiveInfinity, t = 1;
            for (int trial = 0; trial < MostTrials; trial++)
            {
                x.CopyFrom(before);
                x.AddScaled(t, direction);
                Evaluate();
                double here = h.Dot(direction);
                bool isLower = double.IsFinite(gradientNorm) && value <= valueBefore + (Decrease * t * slope) + noise;
                if (!isLower) high = t;
                else if (here < Flatness * slope && problem.UpperSet.IsWholeSpace) low = t;
                else
                {
                    curvature.Add(before, x, hBefore, h);
                    return;
                }

                t = double.IsPositiveInfinity(high) ? 3 * t : (low + high) / 2;
            }

            if (low > 0)
            {
                curvature.Add(before, x, hBefore, h);
                return;
            }

            // No step lowers the value: back to where it began, with sharper inner solves and nothing learned.
            x.CopyFrom(before);
            y.CopyFrom(yBefore);
            z.CopyFrom(zBefore);
            curvature.Clear();
            sharpness = Math.Max(sharpness / 10, 1e-6);
            Evaluate();
        }

        // d, and h.d, which is negative unless h is zero
        private double PlaceDirection()
        {
            bool isFree = problem.UpperSet.IsWholeSpace;
            curvature.Apply(h, direction);
            if (curvature.IsEmpty) direction.Scale((settings.FirstMove ?? 1) / Math.Max(h.Norm(), double.Epsilon));
            direction.Scale(-1);
            if (!isFree) Project(direction);
            double slope = h.Dot(direction);
            if (slope < 0 && -slope >= 1e-8 * h.Norm() * direction.Norm()) return slope;

            // Projection may spoil the direction; that of the plain gradient it cannot.
            direction.CopyFrom(h);
            direction.Scale(-(settings.FirstMove ?? 1) / Math.Max(h.Norm(), double.Epsilon));
            if (!isFree) Project(direction);
            return h.Dot(direction);
        }

        // d <- Proj(x + d) - x
        private void Project(V move)
        {
            move.AddScaled(1, x);
            problem.UpperSet.Project(move);
            move.AddScaled(-1, x);
        }

        // y -> y_lambda*(x), z -> y*(x), h = f_x(x, y) + lambda (g_x(x, y) - g_x(x, z))
        private void Evaluate()
        {
            double accuracy;
            do
            {
                accuracy = SolveFollowers();
                hypergradient.Evaluate(lambda, Sample.All, Sample.All);
                h.CopyFrom(hypergradient.Direction);
                gain = Math.Max(gain, lambda * hypergradient.DifferenceNorm() / yOn.UpperSlope);
                (value, valueSize) = (hypergradient.Value(lambda), hypergradient.ValueSize(lambda));
                gradientNorm = Measure();
            }
            while (gradientNorm < 2 * accuracy && Accuracy < accuracy / 2);
        }

        // What the error of h may be; an estimate that fell below its own error is sharpened before it is believed.
        private double Accuracy => sharpness * settings.InnerShare * Math.Max(gradientNorm, settings.Tolerance);

        // y is held apart from z by the force f_y / lambda, and h is that times g_xy g_yy^-1 lambda. So gradients of r |f_y| / lambda
        // leave an error of about r gain |f_y| in h, with gain = |h - f_x| / |f_y|, the largest seen, for the norm of g_xy g_yy^-1.
        private double SolveFollowers()
        {
            if (double.IsNaN(yOn.UpperSlope)) yOn.Solve(double.PositiveInfinity, 1);
            double share = sharpness * settings.InnerShare;
            if (gain > 0) share = Math.Min(share, Accuracy / (gain * yOn.UpperSlope));
            y.AddScaled(-1, z);
            zOn.Solve(share * yOn.UpperSlope / lambda, settings.InnerLimit);

            // y - z changes less with x than y and z do.
            y.AddScaled(1, z);
            yOn.Solve(share * yOn.UpperSlope / lambda, settings.InnerLimit);
            return share * gain * yOn.UpperSlope;
        }

        // |h|, or where x is constrained |x - Proj(x - h)|
        private double Measure()
        {
            if (problem.UpperSet.IsWholeSpace) return h.Norm();
            mapping.CopyFrom(h);
            mapping.Scale(-1);
            Project(mapping);
            return mapping.Norm();
        }

        // The hypergradients at two lambdas at one x differ by their biases, which fall like 1/lambda.
        private void RaiseLambda()
        {
            double last = lambda;
            lambda = Math.Min(lambda * settings.LambdaFactor, settings.Lambda ?? double.PositiveInfinity);
            yOn.Sigma = 1 / lambda;

            // y_lambda* - y* is of first order in 1/lambda.
            y.AddScaled(-1, z);
            y.Scale(last / lambda);
            y.AddScaled(1, z);
            hBefore.CopyFrom(h);
            Evaluate();
            hBefore.AddScaled(-1, h);
            double lag = constants.UpperSmoothness / (lambda * constants.LowerStrongConvexity);
            bias = (1 + lag) * hBefore.Norm() / ((lambda / last) - 1);
            stageGoal = bias;
            if (settings.Lambda is not null)
            {
                isFinal = lambda == settings.Lambda;
                return;
            }

            // Once lambda outweighs the curvature of f, a bias that no longer falls is rounding, which a larger lambda would only multiply.
            stagesInVain = lag < 1 && bias >= biasBefore ? stagesInVain + 1 : 0;
            isFinal = bias <= settings.Tolerance / 2 || stagesInVain >= 2;
            biasBefore = bias;
        }
    }
}
