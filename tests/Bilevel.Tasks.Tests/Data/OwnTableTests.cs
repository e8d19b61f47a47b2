using System.Text;

namespace Bilevel.Tasks.Tests;

/// <summary>Tables as people have them: read as their owners mean them, or refused with the place; nothing is lost in silence.</summary>
public sealed class OwnTableTests
{
    [Fact]
    public void QuotesInsideOfCellsAreText()
    {
        string[] sizes = ["10\" disc", "11\" disc", "12\"", "6' 2\" tall", "a \"good\" one"];
        var data = Read("item,size,label\n" + Rows(40, i => $"{sizes[i % 5]},{i},{(i % 2 == 0 ? "no" : "yes")}"));

        Assert.Equal(40, data.Table.Count);
        Assert.Equal([20, 20], Counts(data));
        Assert.Equal(sizes.Select(s => "item=" + s).Append("size"), data.FeatureNames);

        // The same with another separator, in the header, and beside quoted cells.
        Assert.Equal(3, Read("size 5\";a;label\n1;2;x\n2;\"3\";5\"\n3;1;\"5\"\"\"\n").Table.Count);
        Assert.Equal(["5\"", "x"], Read("size 5\",a,label\n1,2,x\n2,\"3\",5\"\n3,1,\"5\"\"\"\n").ClassNames);
    }

    [Fact]
    public void RowsOverSeveralLinesNeverSwallowOthers()
    {
        Fails("a,b,label\n1,\",no\n2,\",yes\n3,4,no\n", "file, line 2: a cell begins with a quote that is not closed on this line, and what follows looks like further rows");
        Fails("a,b,label\n1,5,no\n\"2,5,yes\n3,4,no\n", "file, line 3: a cell begins with a quote that is not closed");
        Fails("a,b,label\n1,\"12\" disc,no\n", "file, line 2: in column 2 of the row that begins on line 2, text follows the quote that ends a cell.");
        Fails("a,b,label\n1,\"disc,no\n2,\"disc,yes\n", "file, line 3: in column 2 of the row that begins on line 2, text follows the quote that ends a cell.");

        // Text of several lines is one cell, and that is said.
        var data = Read("a,b,label\n1,\"one\ntwo, three\n\nfour\",no\n2,x,yes\n3,x,\"no\"\n");
        Assert.Equal(3, data.Table.Count);
        Assert.Equal([2, 6, 7], data.Places);
        Assert.Contains("file: 1 rows go over several lines inside of quotes; the first begins on line 2.", data.Notes);
    }

    [Fact]
    public void BytesThatAreNoTextAreRefusedOrReadByTheirEncoding()
    {
        byte[] latin = Encoding.Latin1.GetBytes("größe,ort,label\n1,Köln,ja\n2,Kiln,nein\n3,Kåln,ja\n");
        byte[] marked = [.. Encoding.UTF8.Preamble, .. "a,b,label\n1,x,ja\n2,"u8, 0xE9, .. ",nein\n"u8];
        Assert.Contains("file, line 1: has bytes that are not text in utf-8. Save the file as UTF-8, or name its encoding, such as windows-1252", Refusal(latin), StringComparison.Ordinal);
        Assert.Contains("file, line 3: has bytes that are not text in utf-8.", Refusal(marked), StringComparison.Ordinal);
        Assert.Contains("file, line 2: has bytes that are not text in utf-8.", Refusal([.. "a,label\n1,"u8, 0xC3, .. "\n2,x\n"u8]), StringComparison.Ordinal);
        Assert.Contains("The encoding 'klingon' is not known.", Refusal(latin, new DataOptions { Encoding = "klingon" }), StringComparison.Ordinal);

        foreach (string name in new[] { "windows-1252", "latin1", "iso-8859-1" })
        {
            var data = CsvFile.Read(InputFile.InMemory("file", latin), new DataOptions { Encoding = name });
            Assert.Equal(["größe", "ort=Köln", "ort=Kiln", "ort=Kåln"], data.FeatureNames);
        }

        Assert.Equal(["é", "ü"], CsvFile.Read(InputFile.InMemory("file", Encoding.GetEncoding("utf-16").GetBytes("a,label\n1,ü\n2,é\n")), new DataOptions { Encoding = "utf-16" }).ClassNames);

        // Text that holds the replacement character was damaged before; the file says what it says.
        Assert.Equal(["a\uFFFD", "b"], Read("x,label\n1,a\uFFFD\n2,b\n").ClassNames);
    }

    private static string Rows(int count, Func<int, string> row) => string.Concat(Enumerable.Range(0, count).Select(i => row(i) + "\n"));

    private static int[] Counts(LabelledData data) => [.. data.ClassNames.Select((_, c) => data.Labels.Count(l => l == c))];

    private static LabelledData Read(string text, DataOptions? options = null) => CsvFile.Read(File(text), options ?? new DataOptions());

    private static LabelledData Like(LabelledData training, string text, bool forPrediction = false) =>
        CsvFile.ReadLike(File(text), training.Encoding!, training.ClassNames, new DataOptions(), forPrediction);

    private static void Fails(string text, string message, DataOptions? options = null) => CsvFileTests.Fails(() => Read(text, options), message);

    private static string Refusal(byte[] content, DataOptions? options = null) =>
        Assert.Throws<InputException>(() => CsvFile.Read(InputFile.InMemory("file", content), options ?? new DataOptions())).Message;

    private static InputFile File(string text) => InputFile.InMemory("file", Encoding.UTF8.GetBytes(text));
}
