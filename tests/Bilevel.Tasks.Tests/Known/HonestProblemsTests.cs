using Bilevel.Gauntlet;

namespace Bilevel.Tasks.Tests;

/// <summary>Right gradients are not refused, whatever the units of f, g, x and y.</summary>
public sealed class HonestProblemsTests
{
    public static TheoryData<string> Classes => [.. GauntletClass.All.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Classes))]
    public void No_honest_problem_is_accused(string name)
    {
        for (ulong seed = 1; seed <= 60; seed++)
        {
            var problem = GauntletProblem.Create(GauntletClass.Find(name), seed);
            Assert.DoesNotContain(Validator.Check([], problem.Problem, problem.Start), f => f.Severity == Severity.Error);
        }
    }

    [Theory]
    [MemberData(nameof(Classes))]
    public void Differences_agree_with_gradients_in_any_units(string name)
    {
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var problem = GauntletProblem.Create(GauntletClass.Find(name), seed);
            if (problem.Bilevel is not { } bilevel) return;
            foreach (var objective in new[] { bilevel.Upper, bilevel.Lower })
                Assert.All(GradientCheck.Compare(objective, [problem.X0, problem.Y0], seed), c => Assert.True(c.Agrees(1e-5), $"seed {seed}: {c}"));
        }
    }
}
