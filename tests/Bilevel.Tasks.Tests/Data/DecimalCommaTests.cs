using System.Globalization;
using CsCheck;

namespace Bilevel.Tasks.Tests;

/// <summary>Numbers as they are written where the comma stands before the fraction, and what may stand for missing ones.</summary>
public sealed class DecimalCommaTests
{
    private static readonly DataOptions Commas = new() { Decimal = DecimalSign.Comma };

    [Theory]
    [InlineData("1,5", 1.5, true)]
    [InlineData("-0,25", -0.25, true)]
    [InlineData("1.234,5", 1234.5, true)]
    [InlineData("1.234.567", 1234567, true)]
    [InlineData("1 234,50", 1234.5, true)]
    [InlineData("1,5e3", 1500, true)]
    [InlineData(",5", 0.5, true)]
    [InlineData("5,", 5, true)]
    [InlineData("0,123", 0.123, true)]
    [InlineData("1234,567", 1234.567, true)]
    [InlineData("1,234", 1.234, false)]
    [InlineData("1.234", 1234, false)]
    [InlineData("12", 12, false)]
    public void ANumberWithADecimalCommaIsRead(string text, double value, bool isCertain)
    {
        Assert.True(NumberText.TryComma(text, out double read, out bool certain));
        Assert.Equal((value, isCertain), (read, certain));
    }

    [Theory]
    [InlineData("1.5")]
    [InlineData("0.123")]
    [InlineData("1,2,3")]
    [InlineData("1,234.5")]
    [InlineData("12.34,5")]
    [InlineData(",")]
    [InlineData("a,5")]
    [InlineData("1,b")]
    [InlineData("1,-5")]
    [InlineData("1.2345")]
    public void WhatIsNoneIsNotRead(string text) => Assert.False(NumberText.TryComma(text, out _, out _));

    [Fact]
    public void ATableWrittenWithCommasIsTheTableWrittenWithPoints() =>
        Gen.Select(Gen.Double[-5e6, 5e6].Array[2].Array[4, 30], Gen.Int[1, 5]).Sample((rows, digits) =>
        {
            string Table(CultureInfo culture, string format) => "a;b;y\n" + string.Concat(rows.Select((row, i) => string.Join(';', row.Select(v => (v / 3).ToString(format, culture))) + $";{i % 2}\n"));
            var german = CultureInfo.GetCultureInfo("de-DE");
            string format = string.Create(CultureInfo.InvariantCulture, $"F{digits}"), grouped = string.Create(CultureInfo.InvariantCulture, $"N{digits}");
            var plain = Read(Table(CultureInfo.InvariantCulture, format));
            foreach (string text in new[] { Table(german, format), Table(german, grouped) })
            {
                var written = Read(text, Commas);
                for (int i = 0; i < rows.Length; i++) Assert.Equal(FeatureTableTests.Row(plain.Table, i), FeatureTableTests.Row(written.Table, i));
                Assert.Equal(plain.FeatureKeys, written.FeatureKeys);

                // Three digits behind every comma may be thousands.
                if (digits != 3) Assert.All(Read(text).Encoding!.Columns, column => Assert.Equal(NumberForm.Comma, column.Form));
            }
        }, iter: 200);

    [Fact]
    public void OneColumnThatIsCertainSettlesTheOthers()
    {
        var data = Read("a;b;c;y\n1,5;1.234;0.125;0\n2,5;999;0.25;1\n3;12.000;1.5;1\n");
        Assert.Equal([NumberForm.Comma, NumberForm.Comma, NumberForm.Plain], data.Encoding!.Columns.Select(c => c.Form));
        Assert.Equal((1234 + 999 + 12000) / 3.0, data.Encoding.Columns[1].Mean, 1e-9);
        Assert.Contains("file: the numbers of the columns 'a', 'b' have decimal commas, or points between thousands, as in '1,5'; they are read so. Setting decimal says otherwise.", data.Notes);
    }

    [Fact]
    public void PointsThatMayStandBetweenThousandsAreDoubtedBetweenSemicolons()
    {
        string text = "a;b;y\n1.234;1.5;0\n999;2.25;1\n12.500;3;1\n";
        Assert.Contains("file: in the column 'a' three digits stand behind every point, as in '1.234'; it is taken for the decimal one. Where it stands between thousands, say so (setting decimal, to comma).", Read(text).Notes);
        Assert.DoesNotContain(Read(text, new DataOptions { Decimal = DecimalSign.Point }).Notes, note => note.Contains("behind every point", StringComparison.Ordinal));
        Assert.DoesNotContain(Read(text.Replace(';', ',')).Notes, note => note.Contains("behind every point", StringComparison.Ordinal));
        CsvFileTests.Fails(() => Read(text, Commas), "file, line 2, column 'b': '1.5' is no finite number in a column of numbers with decimal commas.");
        Assert.Equal((1234 + 999 + 12500) / 3.0, Read(text, Commas with { IgnoredColumns = ["b"] }).Encoding!.Columns[0].Mean, 1e-9);
    }

    [Fact]
    public void AFirstLineThatNamesTheSeparatorIsNoRow()
    {
        var data = Read("sep=;\na;b,c;y\n1,5;2;0\n2,5;3;1\n");
        Assert.Equal(["a", "b,c"], data.FeatureNames);
        Assert.Equal([3, 4], data.Places);
    }

    [Theory]
    [InlineData("-999")]
    [InlineData("9999")]
    [InlineData("-99.0")]
    public void ANumberOfNinesFarFromAllOthersIsDoubted(string filler)
    {
        string rows = string.Concat(Enumerable.Range(0, 40).Select(i => FormattableString.Invariant($"{(i % 10 == 3 ? filler : $"{i % 7}.5")},{i % 2}\n")));
        string number = double.Parse(filler, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture);
        Assert.Equal([$"file: column 'a' has {number} in 4 rows, far from all other numbers, 0.5 to 6.5, and it is taken for a number. Where it means missing, say so (setting missing)."], Read("a,y\n" + rows).Notes);
        Assert.Contains("file: column 'a' has no number in 4 rows", Assert.Single(Read("a,y\n" + rows, new DataOptions { Missing = [filler] }).Notes), StringComparison.Ordinal);
        Assert.Empty(Read("a,y\n" + string.Concat(Enumerable.Range(90, 20).Select(i => FormattableString.Invariant($"{i * 7 % 20 + 90},{i % 2}\n")))).Notes);
    }

    [Theory]
    [InlineData("\\N")]
    [InlineData("<NA>")]
    [InlineData("#N/A")]
    [InlineData("-NaN")]
    public void WhatOtherProgramsWriteForMissingIsMissing(string text)
    {
        var data = Read($"a,y\n1.5,0\n{text},1\n3.5,1\n2.5,{text}\n");
        Assert.Equal([0, 1, 1], data.Labels);
        Assert.Equal(2.5, data.Encoding!.Columns[0].Mean);
    }

    [Theory]
    [InlineData("Setosa", "setosa", true)]
    [InlineData("Iris  setosa", "Iris setosa", true)]
    [InlineData("Müller", "Mu\u0308ller", true)]
    [InlineData("setosa", "setos", false)]
    public void LabelsThatLookAlikeAreTold(string one, string other, bool areTold)
    {
        var data = Read($"a,y\n1.5,{one}\n2,{other}\n3.5,{other}\n2.5,{one}\n");
        Assert.Equal(2, data.ClassNames.Count);
        Assert.Equal(areTold, data.Notes.Any(note => note.Contains("differ in case, blanks or the form of their letters alone", StringComparison.Ordinal)));
        Assert.Single(Read($"a,y\n1.5,{one}\n2,\u00A0{one}\u00A0\n").ClassNames);
    }

    [Theory]
    [InlineData("1 1: 0.5 2: 0.3\n", "line 1: '1:' has no finite number behind the colon.")]
    [InlineData("1 -1:0.5\n", "line 1: '-1:0.5' is not index:value with a whole index.")]
    [InlineData("a b y\n1 2 0\n", "is a table whose columns are separated by blanks. Separate them with commas, semicolons, tabs or bars.")]
    [InlineData("| a | y |\n|---|---|\n| 1 | 0 |\n", "has bars at both ends of its header, as a table in Markdown does. Save it as CSV.")]
    public void WhatIsNearlyAKnownFormatIsNamed(string text, string message)
    {
        var file = InputFile.InMemory("data.txt", System.Text.Encoding.UTF8.GetBytes(text));
        CsvFileTests.Fails(() => DataFile.Sniff(file) == DataFormat.LibSvm ? LibSvmFile.Read(file, new DataOptions()) : CsvFile.Read(file, new DataOptions()), message);
    }

    [Fact]
    public void ShortNumbersAreTheNearestDoubles()
    {
        Gen.Select(Gen.Long[-999_999_999_999_999, 999_999_999_999_999], Gen.Int[0, 15]).Sample((digits, point) =>
        {
            string text = Math.Abs(digits).ToString("D16", CultureInfo.InvariantCulture)[^15..];
            text = $"{(digits < 0 ? "-" : "")}{text[..^point]}{(point % 2 == 0 || point > 0 ? "." : "")}{text[^point..]}";
            Assert.True(NumberText.TryShort(text, out double read));
            Assert.Equal(BitConverter.DoubleToInt64Bits(double.Parse(text, CultureInfo.InvariantCulture)), BitConverter.DoubleToInt64Bits(read));
        }, iter: 100_000);
        foreach (string text in new[] { "", "-", ".", "-.", "+1", "1e5", "1.2.3", "1-2", "--1", " 1", "1234567890123456", "0x1", "٣" }) Assert.False(NumberText.TryShort(text, out _), text);
    }

    private static LabelledData Read(string text, DataOptions? options = null) => CsvFile.Read(InputFile.InMemory("file", System.Text.Encoding.UTF8.GetBytes(text)), options ?? new DataOptions());
}
