using System.Globalization;
using CsCheck;

namespace Bilevel.Tasks.Tests;

/// <summary>Numbers as they are written where the comma stands before the fraction, and what may stand for missing ones.</summary>
public sealed class DecimalCommaTests
{
    private static readonly DataOptions Commas = new() { Decimal = DecimalSign.Comma };

    [Theory]
    [InlineData("1,5", 1.5, "DecimalComma")]
    [InlineData("-0,25", -0.25, "DecimalComma")]
    [InlineData("1.234,5", 1234.5, "Both")]
    [InlineData("1.234.567", 1234567, "SeveralPoints")]
    [InlineData("1 234,50", 1234.5, "Both")]
    [InlineData("1,5e3", 1500, "DecimalComma")]
    [InlineData(",5", 0.5, "DecimalComma")]
    [InlineData("5,", 5, "DecimalComma")]
    [InlineData("0,123", 0.123, "DecimalComma")]
    [InlineData("1234,567", 1234.567, "DecimalComma")]
    [InlineData("1,234", 1.234, "EitherComma")]
    [InlineData("1.234", 1234, "EitherPoint")]
    [InlineData("12", 12, "None")]
    public void ANumberWithADecimalCommaIsRead(string text, double value, string signs)
    {
        Assert.True(NumberText.TryComma(text, out double read, out NumberSigns seen));
        Assert.Equal((value, signs), (read, $"{seen}"));
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
        var data = Read("a;b;c;d;y\n1,5;1.234;0.125;7;0\n2,5;999.000.111;0.25;8;1\n3;12.000,5;1.5;1;1\n");
        Assert.Equal([NumberForm.Comma, NumberForm.Comma, NumberForm.Plain, NumberForm.Comma], data.Encoding!.Columns.Select(c => c.Form));
        Assert.Equal((1234 + 999000111 + 12000.5) / 3.0, data.Encoding.Columns[1].Mean, 1e-6);
        Assert.Contains("file: the numbers of the columns 'a' (as in '1,5'), 'b' (as in '12.000,5') have decimal commas, or points between thousands, and are read so. Setting decimal says otherwise.", data.Notes);

        // Whole numbers of the training file may have points between thousands elsewhere.
        var other = CsvFile.ReadLike(InputFile.InMemory("other", "a;b;c;d;y\n1,5;1.234;0.125;4.706;0\n"u8.ToArray()), data.Encoding, data.ClassNames, new DataOptions(), forPrediction: true);
        var same = CsvFile.ReadLike(InputFile.InMemory("other", "a;b;c;d;y\n1,5;1234;0.125;4706;0\n"u8.ToArray()), data.Encoding, data.ClassNames, new DataOptions(), forPrediction: true);
        Assert.Equal(FeatureTableTests.Row(same.Table, 0), FeatureTableTests.Row(other.Table, 0));
    }

    [Theory]
    [InlineData("v;y\n1.250;0\n2.875;1\n1,5;0\n4.500;1\n", "file, line 2, column 'v': the point in '1.250' may be the decimal one or stand between thousands, as '1,5' on line 4 has a decimal comma. Say that it stands between thousands (setting decimal, to comma), or write all numbers of the file in one way.")]
    [InlineData("lat;price;y\n52.964;5,67;0\n51.123;6,5;1\n", "file, line 2, column 'lat': the point in '52.964' may be the decimal one or stand between thousands, as '5,67' on line 2, column 'price', has a decimal comma.")]
    [InlineData("pop,tags,y\n\"7,311\",\"1,2\",0\n598,1,1\n\"2,553\",\"2,3\",0\n", "column 'pop': '7,311' has a decimal comma, or one between thousands. Say which (setting decimal, to comma or to point)")]
    [InlineData("tags,y\n\"1,2\",0\n\"1,3\",1\n1,1\n", "column 'tags': '1,2' has a decimal comma, or is a list. Say that it is a decimal one (setting decimal, to comma), take the column as text (setting text-columns), or write numbers with a point and nothing else.")]
    public void WhatMayBeReadInTwoWaysIsAsked(string text, string message) => CsvFileTests.Fails(() => Read(text), message);

    [Theory]
    [InlineData("v,y\n\"1,250\",0\n\"2,500\",1\n900,0\n", DecimalSign.Point, (1250 + 2500 + 900) / 3.0)]
    [InlineData("v,y\n\"1,250\",0\n\"2,500\",1\n964.5,0\n", DecimalSign.Auto, (1250 + 2500 + 964.5) / 3)]
    [InlineData("v,y\n\"1,250\",0\n\"2,500\",1\n900,0\n", DecimalSign.Comma, (1.25 + 2.5 + 900) / 3)]
    [InlineData("v;y\n12,5%;0\n13,5 %;1\n14%;0\n", DecimalSign.Auto, 40 / 3.0)]
    public void WhatIsSaidOrCanBeReadInOneWayIsRead(string text, DecimalSign sign, double mean) => Assert.Equal(mean, Read(text, new DataOptions { Decimal = sign }).Encoding!.Columns[0].Mean, 1e-9);

    [Theory]
    [InlineData("ip;y\n192.168.100.200;0\n192.168.100.201;1\n192.168.100.202;0\n")]
    [InlineData("article,y\n1.234.567,0\n1.234.568,1\n")]
    public void IdentifiersWithPointsAreNoNumbers(string text) => Assert.NotNull(Read(text).Encoding!.Columns[0].Levels);

    [Fact]
    public void ACellOfTextSaysNothingOfNumbersElsewhere()
    {
        var data = Read("note;lat;y\nlow;52.964;0\n1,5;51.123;1\nhigh;50.250;0\n");
        Assert.Equal((52.964 + 51.123 + 50.25) / 3, data.Encoding!.Columns[1].Mean, 1e-9);
        Assert.Equal(51.125, Read("tags;lat;y\n1,5;51.125;0\n2,5;51.125;1\n", new DataOptions { TextColumns = ["tags"] }).Encoding!.Columns[1].Mean, 1e-9);
    }

    [Fact]
    public void AnotherDecimalSignInAnotherFileIsNamed()
    {
        var commas = Read("a;y\n1,5;0\n2,5;1\n");
        CsvFileTests.Fails(() => CsvFile.ReadLike(InputFile.InMemory("new", "a;y\n4.85;0\n"u8.ToArray()), commas.Encoding!, commas.ClassNames, new DataOptions(), forPrediction: true),
            "new, line 2, column 'a': '4.85' is no finite number in a column of numbers with decimal commas. It has a decimal point, and the training data have commas. Correct it, leave it empty, or remove the row.");
        var points = Read("a;y\n1.5;0\n2.5;1\n");
        CsvFileTests.Fails(() => CsvFile.ReadLike(InputFile.InMemory("new", "a;y\n4,85;0\n"u8.ToArray()), points.Encoding!, points.ClassNames, new DataOptions(), forPrediction: true),
            "It has a decimal comma, and the training data were not read so (setting decimal of their run).");
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
        foreach (string first in new[] { "sep=;", "\"sep=;\"", "SEP=;;;" })
        {
            var data = Read($"{first}\na;b,c;y\n1,5;2;0\n2,5;3;1\n");
            Assert.Equal(["a", "b,c"], data.FeatureNames);
            Assert.Equal([3, 4], data.Places);
        }
    }

    [Theory]
    [InlineData("-999")]
    [InlineData("9999")]
    [InlineData("-99.0")]
    [InlineData("-999,0")]
    [InlineData("-999%")]
    public void ANumberOfNinesFarFromAllOthersIsDoubted(string filler)
    {
        string Cell(int i) => i % 10 == 3 ? filler : FormattableString.Invariant($"{i % 7}.5{(filler.EndsWith('%') ? "%" : "")}").Replace('.', filler.Contains(',', StringComparison.Ordinal) ? ',' : '.');
        string rows = string.Concat(Enumerable.Range(0, 40).Select(i => FormattableString.Invariant($"{Cell(i)};{i % 2}\n")));
        string number = filler.Split(',', '.', '%')[0];
        string note = $"file: column 'a' has {number} in 4 rows, far from all other numbers, 0.5 to 6.5, and taken for numbers. Where that means missing, say so (setting missing, with all texts that mean it).";
        Assert.Contains(note, Read("a;y\n" + rows).Notes);

        // However it is written.
        var missing = filler.EndsWith('%') ? filler : number;
        Assert.Contains(Read("a;y\n" + rows, new DataOptions { Missing = [missing] }).Notes, n => n.Contains("file: column 'a' has no number in 4 rows", StringComparison.Ordinal));
        Assert.Empty(Read("a,y\n" + string.Concat(Enumerable.Range(90, 20).Select(i => FormattableString.Invariant($"{(i * 7 % 20) + 90},{i % 2}\n")))).Notes);
        string two = string.Concat(Enumerable.Range(0, 40).Select(i => FormattableString.Invariant($"{(i % 10 == 3 ? "-999" : i % 10 == 4 ? "-99" : $"{i % 7}.5")};{i % 2}\n")));
        Assert.Contains(Read("a;y\n" + two).Notes, n => n.Contains("column 'a' has -999 and -99 in 8 rows, far from all other numbers", StringComparison.Ordinal));
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
    [InlineData("dog", "do\u00ADg", true)]
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

    [Theory]
    [InlineData("1.2.2020", true)]
    [InlineData("31.12.99", true)]
    [InlineData("2020-01-31", true)]
    [InlineData("1.10.0", false)]
    [InlineData("2.0.1", false)]
    public void VersionsAreNoDates(string text, bool isDate) => Assert.Equal(isDate, NumberText.IsDateOrTime(text));

    [Fact]
    public void ANumberForAColumnOfAFileWithoutAHeaderIsUnderstood() =>
        CsvFileTests.Fails(() => Read("7.5,0,a\n1.5,1,b\n", new DataOptions { LabelColumn = "3" }), "has no column '3'. Its columns are '7.5', '0', 'a'; correct the name, or the header. If the first line is a row already, say so (setting no-header).");

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
