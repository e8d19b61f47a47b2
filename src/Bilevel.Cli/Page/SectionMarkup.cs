using System.Globalization;
using System.Text;
using Bilevel.Tasks;
using static Bilevel.Cli.Html;

namespace Bilevel.Cli;

/// <summary>The parts that a task adds to the report, as markup.</summary>
internal static class SectionMarkup
{
    /// <summary>The most of each that a page shows; more would not be read, and the task's files hold them.</summary>
    public const int MostImages = 200, MostRecords = 200, MostClasses = 16, MostPairs = 12;

    // Beyond so many characters the names of columns are written upwards.
    private const int WidestHeader = 60;

    // Images are enlarged by a whole factor to about this many pixels on the screen.
    private const int ImageSize = 112;

    /// <summary>The part without its heading.</summary>
    public static string Of(ReportSection section) => (section.Text.Length > 0 ? $"<p>{Text(section.Text)}</p>\n" : "") + section switch
    {
        ImageGrid grid => Images(grid),
        Histogram histogram => HistogramDrawing.Of(histogram),
        CrossTable table => Cross(table),
        RecordTable table => Records(table),
        _ => throw new ArgumentException($"The report does not know sections of the kind {section.GetType().Name}.", nameof(section)),
    };

    private static string Images(ImageGrid grid)
    {
        if (grid.Images.Count == 0) return Quiet("There are none.");
        var html = new StringBuilder("<div class=\"images\">\n");
        foreach (var image in grid.Images.Take(MostImages))
        {
            int scale = Math.Max(1, ImageSize / Math.Max(image.Width, image.Height));
            html.Append(Invariant($"<figure><img width=\"{image.Width * scale}\" height=\"{image.Height * scale}\" alt=\"{Text(image.Caption)}\" src=\"data:image/png;base64,{Convert.ToBase64String(Png.Of(image))}\"><figcaption>{Text(image.Caption)}</figcaption></figure>\n"));
        }

        return html.Append("</div>\n").Append(Left(grid.Images.Count, MostImages, "images")).ToString();
    }

    private static string Records(RecordTable table)
    {
        if (table.Rows.Count == 0) return Quiet("There are none.");
        var rows = table.Rows.Take(MostRecords).ToList();
        string[] kinds = [.. Enumerable.Range(0, table.Columns.Count).Select(c => rows.All(r => IsNumber(r[c])) ? " class=\"amount\"" : "")];
        var html = new StringBuilder("<div class=\"wide\"><table class=\"records\">\n<thead><tr>");
        html.AppendJoin("", table.Columns.Select((name, c) => $"<th{kinds[c]}>{Text(name)}</th>")).Append("</tr></thead>\n<tbody>\n");
        foreach (var row in rows) html.Append("<tr>").AppendJoin("", row.Select((cell, c) => $"<td{kinds[c]}>{Text(cell)}</td>")).Append("</tr>\n");
        return html.Append("</tbody>\n</table></div>\n").Append(Left(table.Rows.Count, MostRecords, "rows")).ToString();
    }

    private static string Cross(CrossTable table)
    {
        var (names, counts) = (table.Names, table.Counts);
        if (names.Count == 0) return Quiet("There are no classes.");

        // Of many classes those with the most disagreement are shown; the rest is added up, so that the sums are those of all.
        long[] apart = [.. Enumerable.Range(0, names.Count).Select(k => Row(k).Sum() + Enumerable.Range(0, names.Count).Sum(i => counts[i][k]) - (2 * counts[k][k]))];
        bool isCut = names.Count > MostClasses;
        int[] shown = isCut ? [.. Enumerable.Range(0, names.Count).OrderByDescending(k => apart[k]).ThenBy(k => k).Take(MostClasses).Order()] : [.. Enumerable.Range(0, names.Count)];
        long mostAgree = shown.Max(k => counts[k][k]), mostApart = shown.Max(i => shown.Max(j => i == j ? 0 : counts[i][j]));

        var html = new StringBuilder();
        long all = counts.Sum(r => r.Sum()), agree = Enumerable.Range(0, names.Count).Sum(k => counts[k][k]);
        html.Append(Invariant($"<p class=\"quiet\">Rows: {Text(table.RowTitle)}. Columns: {Text(table.ColumnTitle)}. Framed cells agree: {Numbers.Count(agree)} of {Numbers.Count(all)}; {Numbers.Count(all - agree)} disagree.</p>\n"));
        if (isCut) html.Append(Quiet($"The {MostClasses} of {Numbers.Count(names.Count)} classes with the most disagreement; the others are added up in the last row and column."));
        bool isUpright = shown.Sum(k => Math.Max(4, names[k].Length)) <= WidestHeader;
        html.Append(Invariant($"<div class=\"wide\"><table class=\"cross{(isUpright ? "" : " turned")}\">\n<thead><tr><th class=\"corner\">{Text(Shortened(table.RowTitle, 24))} ↓ {Text(Shortened(table.ColumnTitle, 24))} →</th>"));
        foreach (int k in shown) html.Append(Invariant($"<th scope=\"col\"><span>{Text(Shortened(names[k], 24))}</span></th>"));
        html.Append(isCut ? "<th scope=\"col\"><span>others</span></th>" : "").Append("<th scope=\"col\"><span>all</span></th></tr></thead>\n<tbody>\n");
        foreach (int i in shown)
        {
            html.Append(Invariant($"<tr><th scope=\"row\">{Text(Shortened(names[i], 24))}</th>"));
            foreach (int j in shown)
            {
                string where = $"{table.RowTitle} {names[i]}, {table.ColumnTitle} {names[j]}: {Numbers.Count(counts[i][j])}";
                html.Append(Invariant($"<td{Kind(i == j, counts[i][j], i == j ? mostAgree : mostApart)} title=\"{Text(where)}\">{Numbers.Count(counts[i][j])}</td>"));
            }

            if (isCut) html.Append(Invariant($"<td class=\"sum\">{Numbers.Count(Row(i).Sum() - shown.Sum(j => counts[i][j]))}</td>"));
            html.Append(Invariant($"<td class=\"sum\">{Numbers.Count(Row(i).Sum())}</td></tr>\n"));
        }

        if (isCut)
        {
            long[] below = [.. shown.Select(j => Enumerable.Range(0, names.Count).Except(shown).Sum(i => counts[i][j]))];
            long rest = Enumerable.Range(0, names.Count).Except(shown).Sum(i => Row(i).Sum());
            html.Append("<tr><th scope=\"row\">others</th>").AppendJoin("", below.Append(rest - below.Sum()).Append(rest).Select(n => $"<td class=\"sum\">{Numbers.Count(n)}</td>")).Append("</tr>\n");
        }

        html.Append("</tbody>\n</table></div>\n");
        return html.Append(isCut ? Pairs(table) : "").ToString();

        IReadOnlyList<long> Row(int k) => counts[k];
    }

    // Where the table is cut, the largest disagreements of all classes.
    private static string Pairs(CrossTable table)
    {
        var pairs = table.Counts.SelectMany((row, i) => row.Select((count, j) => (Count: count, Row: i, Column: j)))
            .Where(p => p.Row != p.Column && p.Count > 0).OrderByDescending(p => p.Count).Take(MostPairs).ToList();
        return pairs.Count == 0 ? "" : "<p>The most frequent disagreements of all:</p>\n" + Records(new RecordTable("", "", [table.RowTitle, table.ColumnTitle, "count"],
            [.. pairs.Select(p => new[] { table.Names[p.Row], table.Names[p.Column], p.Count.ToString(CultureInfo.InvariantCulture) })]));
    }

    // The shade grows with the root, so that few disagreements are seen beside many.
    private static string Kind(bool agrees, long count, long most)
    {
        string kind = agrees ? "agree" : count == 0 ? "none" : "apart";
        return count == 0 ? $" class=\"{kind}\"" : Invariant($" class=\"{kind}\" style=\"--shade:{0.6 * Math.Sqrt((double)count / most):F2}\"");
    }

    private static bool IsNumber(string cell) => cell.Length == 0 || double.TryParse(cell.TrimEnd('%'), NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out _);

    private static string Left(int count, int most, string noun) => count <= most ? "" : Quiet($"The first {Numbers.Count(most)} of {Numbers.Count(count)} {noun}.");

    private static string Quiet(string text) => $"<p class=\"quiet\">{Text(text)}</p>\n";
}
