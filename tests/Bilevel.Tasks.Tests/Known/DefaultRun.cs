namespace Bilevel.Tasks.Tests;

/// <summary>Runs a task as the tool does when told nothing else.</summary>
internal static class DefaultRun
{
    public static Solution<DenseVector<double>> Of(BilevelInstance<DenseVector<double>> instance) =>
        new Driver { Stop = Stop.Residual(instance.Tolerance) | Stop.Iterations(instance.Iterations), CertifyAt = instance.Tolerance }
            .Run(instance.Presets[0], instance.Problem, instance.X, instance.Y);
}
