namespace Bilevel;

/// <summary>Looks at a problem, a start and the methods before the first step.</summary>
public static class Validator
{
    /// <summary>Everything that is wrong or doubtful, in words.</summary>
    /// <param name="methods">The methods that will run.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="x">Start of the upper variable.</param>
    /// <param name="y">Start of the lower variable.</param>
    public static IReadOnlyList<Finding> Check<V>(IEnumerable<IMethod> methods, BilevelProblem<V> problem, V x, V y)
        where V : class, IVector<V> => Check(methods, problem, [x, y]);

    /// <summary>Everything that is wrong or doubtful, in words.</summary>
    /// <param name="methods">The methods that will run.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The start, block by block.</param>
    public static IReadOnlyList<Finding> Check<V>(IEnumerable<IMethod> methods, IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V>
    {
        var findings = new List<Finding>();
        if (start.Count != problem.Blocks.Count)
        {
            findings.Add(new Finding(Severity.Error, FormattableString.Invariant($"The start has {start.Count} blocks; the problem has {problem.Blocks.Count}: {string.Join(", ", problem.Blocks.Select(b => b.Name))}."), "Give one vector per block, of length 0 where a block is absent."));
            return findings;
        }

        for (int b = 0; b < start.Count; b++) CheckStart(findings, problem.Blocks[b].Name, start[b], problem.Blocks[b].Term);
        if (findings.Any(f => f.Severity == Severity.Error)) return findings;
        var feasible = Feasible(problem, start);
        CheckObjective(findings, "upper objective f", problem.Upper, problem.UpperPoint(feasible), [.. problem.UpperBlocks.Select(b => problem.Blocks[b].Name)]);
        CheckObjective(findings, "lower objective g", problem.Lower, problem.LowerPoint(feasible), problem.LowerBlockNames);
        if (!findings.Any(f => f.Severity == Severity.Error) && feasible.All(v => v is IFillable))
        {
            // What is zero at the start hides there: multipliers, for one.
            var elsewhere = Elsewhere(problem, feasible);
            CheckGradients(findings, "upper objective f", problem.Upper, problem.UpperPoint(feasible), problem.UpperPoint(elsewhere), [.. problem.UpperBlocks.Select(b => problem.Blocks[b])]);
            CheckGradients(findings, "lower objective g", problem.Lower, problem.LowerPoint(feasible), problem.LowerPoint(elsewhere), [.. problem.LowerBlocks.Select((b, i) => problem.Blocks[b] with { Name = problem.LowerBlockNames[i] })]);
        }

        if (findings.Any(f => f.Severity == Severity.Error)) return findings;
        findings.AddRange(problem.Validate(feasible));

        // What is wrong with the problem itself is said once, and not by every method in its way.
        if (findings.Any(f => f.Severity == Severity.Error)) return findings;
        foreach (var method in methods)
        {
            if (MethodCatalog.All.FirstOrDefault(e => e.Defaults.GetType() == method.Core.GetType()) is { } entry)
                findings.AddRange(entry.Schema.Settings.Select(s => s.Misfit(method.Core)).OfType<string>().Select(misfit => new Finding(Severity.Error, misfit, "Change the setting.")));
            findings.AddRange(method.Validate(problem, feasible));
        }

        return findings;
    }

    /// <summary>The start moved into the sets: the point from which a run begins.</summary>
    internal static V[] Feasible<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V>
    {
        V[] feasible = [.. start.Select(v => v.Copy())];
        for (int b = 0; b < feasible.Length; b++) problem.Blocks[b].Term.Project(feasible[b]);
        return feasible;
    }

    private static void CheckStart<V>(List<Finding> findings, string name, V start, IProximalTerm<V> term)
        where V : class, IVector<V>
    {
        if (term.Objection(start.Length) is { } objection)
        {
            findings.Add(new Finding(Severity.Error, $"The feasible set of {name} does not fit its start: {objection}", $"Give {name} and its set the same length."));
            return;
        }

        if (!start.IsFinite())
        {
            findings.Add(new Finding(Severity.Error, $"The start of {name} is not finite.", "Start from finite numbers."));
            return;
        }

        if (term.IsWholeSpace || start.Length == 0) return;
        var projected = start.Copy();
        term.Project(projected);
        projected.AddScaled(-1, start);
        double distance = projected.Norm();
        if (distance > 1e-9 * (1 + start.Norm()))
            findings.Add(new Finding(Severity.Warning, FormattableString.Invariant($"The start of {name} lies outside {term}, by {distance:G3}."), "The run starts from its projection."));
    }

    private static void CheckObjective<V>(List<Finding> findings, string name, IObjective<V> objective, V[] point, IReadOnlyList<string> blocks)
        where V : class, IVector<V>
    {
        V[] gradients = [.. point.Select(v => v.ZerosLike())], asked = point.CopyBlocks();
        var request = new PreparedRequest<V>(objective, [asked], [.. gradients.Select((g, b) => new Output<V>(b, 0, g))], values: true);
        try
        {
            request.Evaluate();
        }
        catch (Exception e) when (e is ArgumentException or IndexOutOfRangeException)
        {
            findings.Add(new Finding(Severity.Error, $"The {name} fails at the start: {e.Message}", $"It was given {string.Join(" and ", point.Select((v, b) => FormattableString.Invariant($"{blocks[b]} of length {v.Length}")))}; check the sizes."));
            return;
        }

        if (OutputCheck<V>.ChangedInput(name, blocks, asked, point) is { } changed)
        {
            findings.Add(changed);
            return;
        }

        if (!double.IsFinite(request.Values[0]) || gradients.Any(g => !g.IsFinite()))
        {
            findings.Add(new Finding(Severity.Error, $"The {name} is not finite at the start.", "Start where it and its gradients are finite."));
            return;
        }
    }

    /// <summary>A random point near one: what vanishes there shows.</summary>
    internal static V[] Elsewhere<V>(IProblem<V> problem, V[] feasible)
        where V : class, IVector<V>
    {
        V[] point = [.. feasible.Select(v => v.Copy())];
        for (int b = 0; b < point.Length; b++)
        {
            var random = point[b].ZerosLike();
            RandomDirection.Fill(random, RandomBits.At(7, (ulong)b));
            double norm = random.Norm();
            if (!(norm > 0)) continue;
            point[b].AddScaled(0.1 * GradientFaults.SizeOf(point[b]) / norm, random);
            problem.Blocks[b].Term.Project(point[b]);
        }

        return point;
    }

    private static void CheckGradients<V>(List<Finding> findings, string name, IObjective<V> objective, V[] start, V[] elsewhere, IReadOnlyList<Block<V>> blocks)
        where V : class, IVector<V>
    {
        List<Finding> outputs = [.. new OutputCheck<V>(name, objective, [.. blocks.Select(b => b.Name)]).Find(start, elsewhere)];
        findings.AddRange(outputs);
        if (outputs.Count > 0) return;
        int before = findings.Count;
        CompareGradients(findings, name, objective, start, blocks, null);
        if (findings.Count == before) CompareGradients(findings, name, objective, elsewhere, blocks, "at a random point near the start");
    }

    // At a point other than the start, what is not finite is no fault.
    private static void CompareGradients<V>(List<Finding> findings, string name, IObjective<V> objective, V[] point, IReadOnlyList<Block<V>> blocks, string? where)
        where V : class, IVector<V>
    {
        foreach (var fault in GradientFaults.At(objective, point, [.. blocks.Select(b => b.Term)], where is null ? 0u : 1000u).Where(f => where is null || !f.IsUnseen).DistinctBy(f => f.Block))
        {
            findings.Add(fault.IsUnseen
                ? new Finding(Severity.Warning, $"The {name} is not finite near the start, so its gradient could not be checked.", "Start further inside the region where it is finite.")
                : new Finding(
                    Severity.Error,
                    $"The gradient of the {name} in {blocks[fault.Block].Name} does not match its values {where ?? "at the start"}: {fault.Numbers}.",
                    "Check the gradient's formula and sign: 'bilevel check' and CheckedObjective show where it goes wrong."));
        }
    }
}
