namespace Bilevel.Tests;

/// <summary>The follower's objective with its constraints as a quadratic penalty, against the formula and differences of its values.</summary>
public sealed class ConstraintPenaltyTests
{
    [Theory]
    [InlineData(0, Sense.Minimise)]
    [InlineData(1, Sense.Minimise)]
    [InlineData(0, Sense.Maximise)]
    [InlineData(1, Sense.Maximise)]
    public void Its_values_and_gradients_are_those_of_the_formula(int equalities, Sense sense)
    {
        const double Weight = 3, Step = 1e-6;
        var lower = new ConstrainedLowerLevel<double>(new ConstrainedQp.Phi(), new LinearConstraints<double>([-1, 0.5], [1, 1, 2, -1], [0, 0.3])) { Equalities = equalities, Sense = sense };
        var problem = Lift.ConstrainedLowerLevel(new ConstrainedQp.Upper(1), lower);
        var penalty = new ConstraintPenalty<DenseVector<double>>(problem, new DenseVector<double>(2), Weight);
        var random = new Random(3);
        for (int trial = 0; trial < 30; trial++)
        {
            DenseVector<double>[] Point() => [new(Dense.Normal(random, 1)), new(Dense.Normal(random, 2)), new(0)];
            DenseVector<double>[] a = Point(), b = [a[0], .. Point()[1..]];
            DenseVector<double> combined = new(1), ofZ = new(2);
            var request = new PreparedRequest<DenseVector<double>>(penalty, [a, b], [new(0, Output.Combined, combined), new(1, 1, ofZ)], [1, -1], values: true);
            request.Evaluate();
            Assert.Equal(Formula(a[0][0], a[1][0], a[1][1]), request.Values[0], 1e-10);
            Assert.Equal(Formula(b[0][0], b[1][0], b[1][1]), request.Values[1], 1e-10);

            double x = a[0][0];
            double Difference(double at) => Formula(at, a[1][0], a[1][1]) - Formula(at, b[1][0], b[1][1]);
            Assert.Equal((Difference(x + Step) - Difference(x - Step)) / (2 * Step), combined[0], 1e-4);
            Assert.Equal((Formula(x, b[1][0] + Step, b[1][1]) - Formula(x, b[1][0] - Step, b[1][1])) / (2 * Step), ofZ[0], 1e-4);
            Assert.Equal((Formula(x, b[1][0], b[1][1] + Step) - Formula(x, b[1][0], b[1][1] - Step)) / (2 * Step), ofZ[1], 1e-4);
        }

        // phi + mu |[c]_+|^2, less where the follower maximises.
        double Formula(double x, double p, double q)
        {
            double phi = (((p - 2) * (p - 2)) + ((q - 1) * (q - 1))) / 2, c0 = Violation(0, -x + p + q), c1 = Violation(1, (0.5 * x) + (2 * p) - q - 0.3);
            return phi + ((sense == Sense.Minimise ? 1 : -1) * Weight * ((c0 * c0) + (c1 * c1)));
        }

        double Violation(int row, double c) => row >= 2 - equalities ? c : Math.Max(0, c);
    }
}
