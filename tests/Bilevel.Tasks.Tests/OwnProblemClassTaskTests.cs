using Bilevel.OwnClass;

namespace Bilevel.Tasks.Tests;

/// <summary>A task on a problem class of a user's own, made from public types alone.</summary>
public sealed class OwnProblemClassTaskTests
{
    [Fact]
    public void Its_instance_is_run_like_that_of_any_task()
    {
        var instance = new FollowersInstance<DenseVector<double>>(TwoFollowers.Problem, TwoFollowers.Start)
        {
            Components = v => v.ToDoubles(),
            Presets = [new FollowersDescent { Lambda = 500 }],
            Answer = new KnownAnswer<DenseVector<double>> { X = Vectors.Of(TwoFollowers.Answer), Accuracy = 5e-3 },
            Evaluate = solution => new TaskOutcome { Metrics = [new("followers", solution.Point.Count - 1, "how many followers there are")] },
        };
        Assert.False(instance.StopsByCertificate);
        var outcome = ((TaskInstance)instance).Accept(new Runner());
        Assert.Equal(2, outcome["followers"]);
        Assert.InRange(outcome["distance"], 0, 5e-3);

        // Its method is in no catalogue, so it is taken as it is, with the bias of its lambda.
        var answer = Assert.IsType<TaskAnswer<DenseVector<double>>>(instance.Solve(tolerance: 1e-6));
        Assert.Equal(TwoFollowers.Answer, answer.Solution.X[0], 1e-2);
    }

    private sealed class FollowersInstance<V>(FollowersProblem<V> problem, IReadOnlyList<V> start) : TaskInstance<V>
        where V : class, IVector<V>
    {
        public override FollowersProblem<V> Problem => problem;

        public override IReadOnlyList<V> Start => start;
    }

    private sealed class Runner : ITaskVisitor<IReadOnlyDictionary<string, double>>
    {
        public IReadOnlyDictionary<string, double> Visit<V>(TaskInstance<V> instance)
            where V : class, IVector<V>
        {
            var driver = new Driver { Stop = Stop.Residual(1e-6) | Stop.Iterations(2000), CertifyAt = 1e-4, Certifier = new FollowersCertificate() };
            var solution = driver.Run(instance.Presets[0], instance.Problem, instance.Start);
            Assert.Equal(Verdict.Certified, solution.Certificate!.Verdict);
            var difference = solution.X.Copy();
            difference.AddScaled(-1, instance.Answer!.X!);
            return instance.Evaluate(solution).Metrics.Append(new("distance", difference.Norm(), "")).ToDictionary(m => m.Name, m => m.Value);
        }
    }
}
