using System.Globalization;
using Spectre.Console;

namespace Bilevel.Cli;

/// <summary>One line about a run at work, rewritten in place, for a person who watches.</summary>
internal sealed class ConsoleProgress : IProgress<RunProgress>
{
    private readonly IAnsiConsole console;
    private readonly string title;
    private LiveDisplayContext? display;

    public ConsoleProgress(TextWriter error, string title)
    {
        this.title = title;
        console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(error) });
    }

    /// <summary>Shows the line while <paramref name="work"/> is done, then takes it away.</summary>
    public T During<T>(Func<T> work) => console.Live(new Text(title)).AutoClear(true).Start(context =>
    {
        display = context;
        context.Refresh();
        try
        {
            return work();
        }
        finally
        {
            display = null;
        }
    });

    /// <summary>Writes a warning above the line.</summary>
    public void Warn(string text) => console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[yellow]warning[/] {text}");

    public void Report(RunProgress value) => display?.UpdateTarget(new Markup(Line(title, value)));

    /// <summary>The line, in Spectre's markup.</summary>
    public static string Line(string title, RunProgress now)
    {
        double left = now.Share > 0 ? (now.Elapsed.TotalSeconds / now.Share) - now.Elapsed.TotalSeconds : double.NaN;
        string[] parts =
        [
            $"[bold]{Markup.Escape(title)}[/]",
            $"iteration [aqua]{Numbers.Count(now.Iteration)}[/]",
            $"calls [aqua]{Numbers.Count(now.OracleCalls)}[/]",
            $"F [aqua]{Numbers.Short(now.UpperValue)}[/]",
            $"residual [aqua]{Numbers.Rough(now.Residual)}[/]",
            .. double.IsNaN(now.Penalty) ? Array.Empty<string>() : [$"penalty [aqua]{Numbers.Rough(now.Penalty)}[/]"],
            double.IsNaN(left) ? Numbers.Duration(now.Elapsed.TotalSeconds) : $"at most {Numbers.Duration(left)} left",
        ];
        return string.Join("[grey] | [/]", parts);
    }
}
