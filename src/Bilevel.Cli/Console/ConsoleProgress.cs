using System.Globalization;
using Spectre.Console;

namespace Bilevel.Cli;

/// <summary>
/// What a run is at: one line, rewritten in place, for a person who watches a terminal; elsewhere a line now and then.
/// </summary>
internal sealed class ConsoleProgress : IProgress<RunProgress>
{
    /// <summary>Seconds between two lines where there is no terminal; a run that ends sooner writes none.</summary>
    public const double LineSeconds = 30;

    // From this share of a limit and this time on, the pace so far says something of the rest.
    private const double ToldShare = 0.02, ToldSeconds = 2;

    private readonly TextWriter error;
    private readonly IAnsiConsole? console;
    private readonly string title;
    private readonly TimeProvider clock;
    private readonly long began;
    private long lastLine;
    private LiveDisplayContext? display;

    /// <param name="error">Where to write.</param>
    /// <param name="isTerminal">Whether that is a terminal.</param>
    /// <param name="title">What runs.</param>
    /// <param name="clock">Tells the time.</param>
    public ConsoleProgress(TextWriter error, bool isTerminal, string title, TimeProvider? clock = null)
    {
        (this.error, this.title, this.clock) = (error, title, clock ?? TimeProvider.System);
        if (isTerminal) console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(error) });
        began = lastLine = this.clock.GetTimestamp();
    }

    /// <summary>Whether a person watches.</summary>
    public bool IsTerminal => console is not null;

    private TimeSpan Elapsed => clock.GetElapsedTime(began);

    /// <summary>Shows the line while <paramref name="work"/> is done, then takes it away.</summary>
    public T During<T>(Func<T> work) => console is null ? work() : console.Live(new Text(title)).AutoClear(true).Start(context =>
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
    public void Warn(string text) => console?.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[yellow]warning[/] {text}");

    /// <summary>Writes what a person has to know before the run, whether anybody watches or not.</summary>
    public void Say(string text)
    {
        if (console is null) error.WriteLine($"bilevel: {text}");
        else Warn(text);
    }

    public void Report(RunProgress value)
    {
        if (value.Stage is { } stage) Stage(stage);
        else Show(Parts(title, value), LineSeconds);
    }

    /// <summary>Shows what the run is at once its iterations are done.</summary>
    public void Stage(string stage) => Show([(title, 1), (stage, 0), (Numbers.Duration(Elapsed.TotalSeconds), 2)], 0);

    /// <summary>The line of a run that iterates, as wide as it may be.</summary>
    public static string Line(string title, RunProgress now, int width) => Fitted(Parts(title, now), width);

    private void Show(IReadOnlyList<(string Text, int Rank)> parts, double apart)
    {
        if (console is not null)
        {
            // The last column stays free: some terminals begin a new line when it is written to.
            display?.UpdateTarget(new Text(Fitted(parts, console.Profile.Width - 1)));
            return;
        }

        if (Elapsed.TotalSeconds < LineSeconds || clock.GetElapsedTime(lastLine).TotalSeconds < apart) return;
        lastLine = clock.GetTimestamp();
        error.WriteLine($"bilevel: {Fitted(parts, int.MaxValue)}");
    }

    // What to show, and in which order to leave it out where it does not fit: the highest rank goes first.
    private static List<(string Text, int Rank)> Parts(string title, RunProgress now)
    {
        double elapsed = now.Elapsed.TotalSeconds, left = (elapsed / now.Share) - elapsed;
        bool isTold = now.Share >= ToldShare && elapsed >= ToldSeconds;
        return
        [
            (title, 2),
            ($"iteration {Numbers.Count(now.Iteration)}", 0),
            ($"calls {Numbers.Count(now.OracleCalls)}", 5),
            ($"F {Numbers.Short(now.UpperValue)}", 3),
            ($"residual {Numbers.Rough(now.Residual)}", 1),
            .. double.IsNaN(now.Penalty) ? Array.Empty<(string, int)>() : [($"penalty {Numbers.Rough(now.Penalty)}", 6)],
            (isTold ? $"{Numbers.Duration(elapsed)}, limit in about {Numbers.Duration(left)}" : Numbers.Duration(elapsed), 4),
        ];
    }

    private static string Fitted(IReadOnlyList<(string Text, int Rank)> parts, int width)
    {
        var shown = parts.ToList();
        string line = Joined();
        while (line.Length > width && shown.Count > 1)
        {
            shown.Remove(shown.MaxBy(p => p.Rank));
            line = Joined();
        }

        return line.Length <= width ? line : line[..Math.Max(0, width)];

        string Joined() => string.Join(" | ", shown.Select(p => p.Text));
    }
}
