using System.Globalization;
using System.Text;

namespace Bilevel.Tasks.Tests;

/// <summary>Rows in their roles: by class, by content, never in two.</summary>
public sealed class RowDrawTests
{
    [Theory]
    [InlineData(1, 40, 2)]
    [InlineData(2, 57, 3)]
    [InlineData(3, 213, 5)]
    [InlineData(4, 90, 9)]
    public void The_order_of_rows_and_columns_decides_nothing(ulong seed, int rows, int classes)
    {
        string[] cells = [.. Enumerable.Range(0, rows).Select(i => Row(seed, i, classes))];
        var (one, other) = (Read("a,b,kind,label", cells), Read("label,kind,a,b", [.. RandomOrder.Of(rows, seed + 5).Select(i => Moved(cells[i]))]));
        foreach (ulong key in new[] { seed, seed + 100 })
        {
            var (first, second) = (new RowDraw(one, one.Labels, key), new RowDraw(other, other.Labels, key));
            var (held, rest) = first.HoldOut(first.All, rows / 5);
            var (heldAgain, restAgain) = second.HoldOut(second.All, rows / 5);
            Assert.Equal(Texts(one, held, cells), Texts(other, heldAgain, cells));
            Assert.Equal(Texts(one, first.Take(rest, rows / 3), cells), Texts(other, second.Take(restAgain, rows / 3), cells));
            Assert.Equal(rows, held.Concat(rest).Distinct().Count());
            Assert.Equal(rows / 3, first.Take(rest, rows / 3).Length);

            // Every class has its share on either side.
            for (int c = 0; c < classes; c++)
            {
                int all = one.Labels.Count(l => l == c), apart = held.Count(i => one.Labels[i] == c);
                Assert.InRange(apart, Math.Min(1, all / 2), (all / 5) + 1);
            }
        }

        // The seed does.
        Assert.NotEqual(new RowDraw(one, one.Labels, seed).HoldOut([.. Enumerable.Range(0, rows)], rows / 5).HeldOut, new RowDraw(one, one.Labels, seed + 1).HoldOut([.. Enumerable.Range(0, rows)], rows / 5).HeldOut);

        // Lines of the other file are those of the first in another order; the first is told by its cells.
        string[] Texts(LabelledData data, int[] chosen, string[] lines) => [.. chosen.Select(i => ReferenceEquals(data, one) ? lines[i] : lines[RandomOrder.Of(rows, seed + 5)[i]])];
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    [InlineData(3, 7)]
    public void Equal_rows_are_on_one_side_and_single_ones_are_trained_with(ulong seed, int copies)
    {
        // Rows of 40 kinds, each several times, and one class that has a single row, another that has one kind of rows alone.
        string[] kinds = [.. Enumerable.Range(0, 40).Select(i => Row(seed, i, 2))];
        string[] cells = [.. Enumerable.Repeat(kinds, copies).SelectMany(k => k), "1,2,x,only", .. Enumerable.Repeat("3,4,y,same", 6)];
        var data = Read("a,b,kind,label", cells);
        var draw = new RowDraw(data, data.Labels, seed);
        var (held, rest) = draw.HoldOut(draw.All, cells.Length / 5);
        Assert.Empty(held.Select(i => cells[i]).Intersect(rest.Select(i => cells[i])));
        Assert.InRange(held.Length, (cells.Length / 5) - (3 * copies), cells.Length / 5);
        Assert.All(held, i => Assert.DoesNotContain(data.ClassNames[data.Labels[i]], new[] { "only", "same" }));
    }

    [Theory]
    [InlineData("10,20,70", 20, "1,1,1", "2,4,14")]
    [InlineData("2,2,96", 20, "1,1,1", "1,1,18")]
    [InlineData("1,50,50", 10, "0,1,1", "0,5,5")]
    [InlineData("3,3,3", 2, "1,1,1", "1,1,1")]
    [InlineData("5,0,5", 4, "1,0,1", "2,0,2")]
    public void Shares_follow_the_sizes_but_for_the_least(string sizes, int wanted, string least, string shares)
    {
        int[] Of(string list) => [.. list.Split(',').Select(n => int.Parse(n, CultureInfo.InvariantCulture))];
        Assert.Equal(Of(shares), RowDraw.Quotas(Of(sizes), wanted, Of(least)));
    }

    [Fact]
    public void Rows_of_sparse_files_are_known_by_their_entries()
    {
        string[] lines = [.. Enumerable.Range(0, 60).Select(i => FormattableString.Invariant($"{i % 3} 1:{i * 7 % 13} 4:{i * 5 % 11 / 4.0}"))];
        LabelledData Of(IEnumerable<string> rows) => LibSvmFile.Read(InputFile.InMemory("file", Encoding.UTF8.GetBytes(string.Join('\n', rows))), new DataOptions());
        var (one, other) = (Of(lines), Of(lines.Reverse()));
        Assert.Equal(RowKeys.OfAll(one), RowKeys.OfAll(other).Reverse());
        Assert.Equal(lines.Distinct().Count(), RowKeys.OfAll(one).Distinct().Count());
    }

    [Fact]
    public void Numbers_are_one_however_they_are_written_and_what_is_missing_is_no_number()
    {
        var data = Read("a,b,label", ["1.0,0,x", "1,-0,x", "1e0,0.0,x", "1,,x", "1,nan,x", "1,2,y"]);
        ulong[] keys = RowKeys.OfAll(data);
        Assert.Single(keys[..3].Distinct());
        Assert.Equal(keys[3], keys[4]);
        Assert.Equal(3, keys.Distinct().Count());

        // 1 in one column and 0 in another is not 0 and 1.
        Assert.Equal(2, RowKeys.OfAll(Read("a,b,label", ["1,0,x", "0,1,x"])).Distinct().Count());
    }

    private static LabelledData Read(string header, string[] rows) => CsvFile.Read(InputFile.InMemory("file", Encoding.UTF8.GetBytes($"{header}\n{string.Join('\n', rows)}\n")), new DataOptions());

    private static string Row(ulong seed, int i, int classes) => FormattableString.Invariant(
        $"{RandomBits.Normal(seed, (ulong)i):F5},{(RandomBits.Uniform(seed + 1, (ulong)i) < 0.1 ? "" : FormattableString.Invariant($"{100 * RandomBits.Uniform(seed + 2, (ulong)i):F3}"))},{"xyz"[i % 3]},c{(int)(classes * Math.Pow(RandomBits.Uniform(seed + 3, (ulong)i), 2))}");

    // Its cells in the order label, kind, a, b.
    private static string Moved(string row) => row.Split(',') is [var a, var b, var kind, var label] ? $"{label},{kind},{a},{b}" : row;
}
