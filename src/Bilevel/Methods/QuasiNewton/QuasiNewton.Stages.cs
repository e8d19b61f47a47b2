namespace Bilevel;

/// <content>The stages of lambda, and the bias of h that is left at one.</content>
public sealed partial record QuasiNewton
{
    private sealed partial class Run<V>
    {
        // The first stage of a lambda that was given, or to one, ends when the hypergradient has fallen to this share of its first norm.
        private const double FirstStageShare = 0.1;

        // A bias may change with x: below this share of the tolerance it is not looked at again after a move, unless h was so many times larger then.
        private const double NegligibleBias = 0.05, FarAway = 100, NearlyThere = 1.5;

        // A bias that is not known counts as so many tolerances.
        private const double UnknownUnits = 10;

        // The two sides of a difference of second order mirror each other at least so well.
        private const double MostAsymmetry = 0.5;

        // What is left of the follower's loss after a raise of lambda, at the most, where lambda outweighs f.
        private const double LeaningShare = 0.5;

        // Copies of y that stay this far apart, by their size, are not held apart by rounding.
        private const double FlatSpread = 1e-6;

        // A bias not known at this x may not stop the run.
        private double Bias => double.IsNaN(bias) ? Math.Max(Unknown, difference.GradientNorm)
            : difference.Straddles || (IsStale && !isLast) ? Math.Max(Unknown, bias)
            : bias;

        private double Unknown => UnknownUnits * settings.Tolerance;

        // The bias of a lambda that was given is looked at where its penalty function is stationary.
        private bool NeedsGivenBias => settings.Lambda is not null && isLast && double.IsNaN(bias) && IsStationary;

        private bool IsStale => hasMoved && (bias > NegligibleBias * settings.Tolerance || normAtBias > FarAway * settings.Tolerance);

        // Near the end a stale bias is measured anew by the next stage.
        private bool IsStageDone => !isLast && (difference.GradientNorm <= stageGoal
            || (settings.Lambda is null && problem.LowerSet.IsWholeSpace && IsStale && difference.GradientNorm <= NearlyThere * settings.Tolerance)
            || (difference.GradientNorm <= settings.Tolerance / 2 && (settings.Lambda is not null || bias > settings.Tolerance / 2 || IsStale || difference.Straddles)));

        // By the hypergradient at twice the lambda, at the same x.
        private void MeasureGivenBias()
        {
            double lambda = difference.Lambda, change = difference.GradientNorm;
            Remember();
            difference.Lambda = 2 * lambda;
            difference.Evaluate(InnerShare, settings.Tolerance);
            hBefore.AddScaled(-1, difference.Gradient);

            // What the set of x holds back does not count.
            change = problem.UpperSet.IsWholeSpace ? hBefore.Norm() : Math.Min(hBefore.Norm(), change + difference.GradientNorm);
            bias = difference.IsSound ? change / (1 - Math.Pow(2, -settings.Order)) : double.NaN;
            ReturnTo(lambda);
        }

        // The hypergradients at two lambdas at one x differ by their biases, which fall like 1/lambda or its square.
        private void RaiseLambda()
        {
            double last = difference.Lambda, lambda = Math.Min(last * settings.LambdaFactor, settings.Lambda ?? double.PositiveInfinity), ratio = lambda / last;

            // What rounding alone would leave of h there is more than what is asked for: this lambda has to do.
            if (settings.Lambda is null && difference.RoundingAt(lambda) > settings.Tolerance)
            {
                isLast = true;
                return;
            }

            Remember();
            bool wasMirrored = difference.IsSound && difference.Asymmetry <= MostAsymmetry;
            double errorBefore = difference.Error, spreadBefore = difference.Spread, lossBefore = difference.Loss;
            difference.Lambda = lambda;
            difference.Evaluate(InnerShare, settings.Tolerance);
            hBefore.AddScaled(-1, difference.Gradient);
            double change = hBefore.Norm();
            hasMoved = false;
            if (settings.Lambda is not null)
            {
                isLast = lambda == settings.Lambda;
                stageGoal = change / (ratio - 1);
                return;
            }

            // Along a direction of curvature mu the bias of order 1 is as 1/(1 + lambda mu/Lf1), so a change of h understates it by what lambda mu lacks.
            double lag = constants.UpperSmoothness / (last * constants.LowerStrongConvexity), errors = errorBefore + difference.Error;
            double seen = settings.Order == 1 ? (1 + lag) * change : change;
            bias = (seen + errors) / ((settings.Order == 1 ? ratio : ratio * ratio) - 1);
            normAtBias = difference.GradientNorm;
            if (settings.Order == 2 && !wasMirrored) bias = Math.Max(bias, change);

            // Where the follower has many best answers f moves y and its mirror image to opposite ends of them, at every lambda alike.
            bool isFlat = settings.Order == 2 && difference.Spread > spreadBefore / Math.Sqrt(ratio) && difference.Spread > FlatSpread * z.Norm();
            if (isFlat) bias = Math.Max(bias, Math.Max(change, Unknown));

            // Where f outweighs g, y rests near the minimiser of f at every lambda alike, and h tells nothing of F.
            bool isLeaning = difference.Loss > Math.Max(difference.LossRounding, LeaningShare * lossBefore);
            if (difference.Straddles || isLeaning) bias = Math.Max(bias, Math.Max(change, Unknown));
            stageGoal = 2 * bias;

            // Once lambda outweighs the curvature of f, a bias that no longer falls is rounding, which a larger lambda would only multiply.
            bool shouldFall = !difference.Straddles && !isFlat && !isLeaning && (settings.Order == 1 ? lag < 1 : wasMirrored);
            bool isRounding = change <= 10 * errors;
            stagesInVain = shouldFall && bias >= biasBefore ? stagesInVain + (isRounding ? 2 : 1) : 0;
            biasBefore = bias;
            if (stagesInVain < 2) return;
            isLast = true;
            bias = change;
            ReturnTo(last);
        }

        private void ReturnTo(double lambda)
        {
            difference.Lambda = lambda;
            Restore();
            difference.Evaluate(InnerShare, settings.Tolerance);
        }
    }
}
