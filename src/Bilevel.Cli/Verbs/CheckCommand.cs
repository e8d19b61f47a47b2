using System.CommandLine;
using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>The verb <c>check</c>: compares a task's gradients with differences of its values.</summary>
internal static class CheckCommand
{
    private const long DefaultPoints = 3;

    public static Command Syntax(IReadOnlyList<ITask> tasks, Terminal terminal)
    {
        var name = new Argument<string>("TASK") { Description = "Name of the task; 'bilevel list' shows them." };
        var set = new Option<string[]>("--set") { HelpName = "name=value", Description = "Changes a setting of the task; may be given several times." };
        var seed = new Option<string>("--seed") { HelpName = "N", Description = "Seed of the task and of the random points; default 0." };
        var data = new Option<string>("--data") { HelpName = "DIR", Description = "Folder of your own data; default: the task's own." };
        var points = new Option<string>("--points") { HelpName = "N", Description = "Number of random points besides the start; default 3." };
        var json = new Option<bool>("--json") { Description = "Writes one JSON document to standard output and nothing else." };
        var outFolder = new Option<string>("--out") { HelpName = "DIR", Description = "Writes the JSON document to DIR/check.json as well." };
        var command = new Command("check", "Compares the gradients of a task with differences of its values.") { name, set, seed, data, points, json, outFolder };
        command.SetAction(parsed =>
        {
            var task = Lookup.Task(parsed.GetValue(name)!, tasks);
            var options = new RunOptions
            {
                Task = task.Name,
                Changes = [.. (parsed.GetValue(set) ?? []).Select(SettingChange.Parse)],
                Seed = parsed.GetValue(seed) is { } s ? Numbers.Seed("--seed", s) : 0,
                DataFolder = parsed.GetValue(data),
            };
            options.Check();
            var changes = new SettingChanges(task, options.Changes);
            changes.CheckNames([]);
            long count = parsed.GetValue(points) is { } p ? Numbers.Integer("--points", p, 0, 1000) : DefaultPoints;
            var (instance, inputs) = FilesRead.During(() => task.Create(changes.ForTask, new TaskContext(options.Seed, options.DataFolder, options.Threads)));
            var rows = instance.Accept(new CheckVisitor(options.Seed, count));
            if (parsed.GetValue(outFolder) is { } folder) WholeFile.Write(folder, "check.json", writer => WriteJson(task, rows, writer), "check", inputs);
            if (parsed.GetValue(json)) WriteJson(task, rows, terminal.Out);
            else WriteTable(task, rows, terminal.Out);
            if (rows.All(r => r.IsGood)) return ExitCode.Finished;
            terminal.Error.WriteLine($"bilevel: A gradient of {task.Name} does not match its values. Check its formula and sign.");
            return ExitCode.WrongInput;
        });
        ExampleHelp.Attach(command, ["bilevel check quadratic", "bilevel check quadratic --points 10 --seed 1"], "Exit codes: 0 all gradients match; 2 wrong input, or a gradient that does not match.");
        return command;
    }

    private static void WriteTable(ITask task, IReadOnlyList<CheckRow> rows, TextWriter output)
    {
        output.WriteLine($"Gradients of {task.Name} along a random direction, against differences of the values");
        output.WriteLine();
        string[] header = ["  gradient", "at", "by formula", "by differences", "relative error", "verdict"];
        TextTable.Write(output, [
            header,
            .. rows.Select(r => new[] { "  " + r.Gradient, r.Point, Numbers.Short(r.Comparison.Declared), Numbers.Short(r.Comparison.Measured), Numbers.Rough(r.Comparison.RelativeError), r.Verdict })]);
        output.WriteLine();
        int wrong = rows.Count(r => !r.IsGood);
        output.WriteLine(wrong == 0 ? $"All {rows.Count} comparisons agree." : $"{wrong} of {rows.Count} comparisons disagree.");
    }

    private static void WriteJson(ITask task, IReadOnlyList<CheckRow> rows, TextWriter output) => output.WriteLine(JsonReport.Document(json =>
    {
        json.WriteNumber("format", JsonReport.FormatVersion);
        json.WriteString("task", task.Name);
        json.WriteBoolean("agrees", rows.All(r => r.IsGood));
        json.WriteStartArray("comparisons");
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteString("gradient", row.Gradient);
            json.WriteString("at", row.Point);
            JsonReport.WriteFinite(json, "by_formula", row.Comparison.Declared);
            JsonReport.WriteFinite(json, "by_differences", row.Comparison.Measured);
            JsonReport.WriteFinite(json, "relative_error", row.Comparison.RelativeError);
            json.WriteString("verdict", row.Verdict);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }));
}

/// <summary>One gradient compared at one point.</summary>
internal sealed record CheckRow(string Gradient, string Point, GradientComparison Comparison)
{
    // Outside its domain a function has no gradient to be wrong.
    private bool IsFinite => double.IsFinite(Comparison.Measured) || double.IsFinite(Comparison.Declared);

    public bool IsGood => !IsFinite || Comparison.Agrees();

    public string Verdict => !IsFinite ? "not finite here" : IsGood ? "agrees" : "WRONG";
}

/// <summary>Compares the gradients of a problem at its start and at random points near it.</summary>
internal sealed class CheckVisitor(ulong seed, long points) : ITaskVisitor<IReadOnlyList<CheckRow>>
{
    public IReadOnlyList<CheckRow> Visit<V>(TaskInstance<V> instance)
        where V : class, IVector<V>
    {
        IProblem<V> problem = instance.Problem;
        var rows = new List<CheckRow>();
        for (long p = 0; p <= points; p++)
        {
            ulong key = RandomBits.At(seed, (ulong)p);
            V[] point = [.. instance.Start.Select((start, b) => Near(start, problem.Blocks[b].Term, p, RandomBits.At(key, (ulong)b)))];
            string[] upperNames = [.. problem.UpperBlocks.Select(b => problem.Blocks[b].Name)];
            string at = p == 0 ? "start" : FormattableString.Invariant($"random point {p}");
            foreach (var (level, objective, at1, names) in new[] { ("f", problem.Upper, problem.UpperPoint(point), upperNames), ("g", problem.Lower, problem.LowerPoint(point), problem.LowerBlockNames) })
            {
                foreach (var comparison in GradientCheck.Compare(objective, at1, key).Where(c => at1[c.Block].Length > 0))
                    rows.Add(new CheckRow($"{level} in {names[comparison.Block]}", at, comparison));
            }
        }

        return rows;
    }

    // Components of the size of the start's, at least 1, so that the point lies neither at the start nor far from it.
    private static V Near<V>(V start, IProximalTerm<V> set, long number, ulong key)
        where V : class, IVector<V>
    {
        var point = start.Copy();
        if (number > 0 && point is IFillable fillable)
        {
            double size = Math.Max(1, start.Norm() / Math.Sqrt(Math.Max(1, start.Length)));
            fillable.Fill(i => size * RandomBits.Normal(key, (ulong)i));
            point.AddScaled(1, start);
        }

        set.Project(point);
        return point;
    }
}
