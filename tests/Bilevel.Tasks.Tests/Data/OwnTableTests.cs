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

    [Theory]
    [InlineData("nan")]
    [InlineData("NaN")]
    [InlineData("NA")]
    [InlineData("n/a")]
    [InlineData("NULL")]
    [InlineData("?")]
    public void ALabelThatIsMissingIsNoClass(string text)
    {
        string rows = $"a,label\n1,0.0\n2,1.0\n90,{text}\n4,0.0\n70,{text}\n";
        foreach (var data in new[] { Read(rows), Like(Read("a,label\n1,0\n2,1\n4,0\n"), rows) })
        {
            Assert.Equal(["0", "1"], data.ClassNames);
            Assert.Equal([0, 1, 0], data.Labels);
            Assert.Equal([2, 3, 5], data.Places);
            Assert.Equal([$"file: 2 of 5 rows have no label and are left out; the first is line 4 with '{text}'. Where '{text}' is a class, name the texts that mean missing (setting missing)."], data.Notes);
        }

        // Where most are missing, the column is none of labels.
        string few = $"a,label\n1,0.0\n2,{text}\n3,{text}\n4,1.0\n5,{text}\n";
        string refusal = $"file, line 3: the label '{text}' means that it is missing, as in 3 of 5 rows, too many to leave out. Fill them in, or name another column (setting label); where '{text}' is a class, name the texts that mean missing (setting missing).";
        Fails(few, refusal);
        CsvFileTests.Fails(() => Like(Read("a,label\n1,0\n2,1\n"), few), refusal);
        CsvFileTests.Fails(() => Like(Read("a,label\n1,0\n2,1\n"), $"a,label\n2,{text}\n"), "as in 1 of 1 rows, too many to leave out.");

        // Rows to predict need none.
        var predicted = Like(Read("a,label\n1,0\n5,1\n"), few, forPrediction: true);
        Assert.Equal([0, -1, -1, 1, -1], predicted.Labels);
        Assert.Empty(predicted.Notes);

        // Whoever names what is missing has said what is a class.
        var named = new DataOptions { Missing = ["unknown"] };
        Assert.Equal(3, Read(rows, named).ClassNames.Count);
        Assert.Equal([2, 4], Read("a,label\n1,x\n2,Unknown\n3,y\n", named).Places);
    }

    [Fact]
    public void DoubtfulTextsStayClassesAndThatIsSaid()
    {
        var codes = Read("a,country\n1,DE\n2,NA\n3,FR\n4,NA\n", new DataOptions { LabelColumn = "country" });
        Assert.Equal(["DE", "FR", "NA"], codes.ClassNames);
        Assert.Equal([0, 2, 1, 2], codes.Labels);
        Assert.Equal(["file: the label 'NA' is taken for a class, as the others have two letters too. Where it means missing, say so (setting missing)."], codes.Notes);
        Assert.Equal([2, 0], Like(codes, "a,country\n1,NA\n2,DE\n").Labels);

        foreach (string text in new[] { "none", "None", "-" })
        {
            var data = Read($"a,label\n1,high\n2,{text}\n3,low\n");
            Assert.Equal(3, data.ClassNames.Count);
            Assert.Equal([$"file: the label '{text}' is taken for a class. Where it means missing, say so (setting missing)."], data.Notes);
        }

        Assert.Equal(["DE", "FRA"], Read("a,label\n1,DE\n2,NA\n3,FRA\n").ClassNames);
        Assert.Equal(["ok"], Read("a,label\n1,ok\n2,NA\n").ClassNames);
        Assert.Equal(["DE"], Read("a,label\n1,DE\n2,NA\n", new DataOptions { Missing = ["NA"] }).ClassNames);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nan")]
    [InlineData("N/A")]
    [InlineData("null")]
    [InlineData("?")]
    [InlineData("-")]
    [InlineData("None")]
    public void ANumberThatIsMissingBecomesTheMean(string text)
    {
        // Mean 4, deviation sqrt(8/3) of 2, 4, 6.
        var data = Read($"a,b,y\n2,1,0\n4,2,1\n6,3,0\n{text},4,1\n{text},5,1\n");
        double one = 2 / Math.Sqrt(8.0 / 3);
        Assert.Equal(5, data.Table.Count);
        Assert.Equal([-one, 0, one, 0, 0], Enumerable.Range(0, 5).Select(row => FeatureTableTests.Row(data.Table, row).FirstOrDefault(e => e.Feature == 0).Value));
        Assert.Equal(["file: column 'a' has no number in 2 rows (the first is line 5); 4, the mean of the training data, is taken there."], data.Notes);

        var other = Like(data, $"a,b,y\n6,3,0\n{text},3,1\n");
        Assert.Equal([(0, one)], FeatureTableTests.Row(other.Table, 0));
        Assert.Empty(FeatureTableTests.Row(other.Table, 1));
        Assert.Equal(["file: column 'a' has no number in 1 rows (the first is line 3); 4, the mean of the training data, is taken there."], other.Notes);
    }

    [Fact]
    public void TextsThatAreNamedAreMissingAndNoOthers()
    {
        var options = new DataOptions { Missing = ["-999", "unknown"] };
        var data = Read("a,b,y\n2,1,0\n-999,2,1\n6,Unknown,0\n4,3,1\n", options);
        Assert.Equal(4.0, data.Encoding!.Columns[0].Mean);
        Assert.Equal(2, data.Notes.Count);
        Fails("a,y\n1,0\n2,1\nnan,0\n", "file, line 4, column 'a': 'nan' is no finite number", options);

        // The model keeps them for the rows that it meets.
        using var stream = new MemoryStream();
        new SoftmaxModel(data.ClassNames, data.Encoding, new double[6]).Save(stream);
        var model = SoftmaxModel.Load(InputFile.InMemory("model.json", stream.ToArray()));
        Assert.Equal(["-999", "unknown"], model.Encoding.MissingTexts);
        Assert.Empty(FeatureTableTests.Row(CsvFile.ReadLike(File("a,b,y\n-999,UNKNOWN,0\n"), model.Encoding, model.ClassNames, new DataOptions(), forPrediction: false).Table, 0));
    }

    [Theory]
    [InlineData("label,x,y\ncat,6,5\ndog,5,4\ncat,1,1\n", "label", "'y' is a feature")]
    [InlineData("y,class,x\n1,cat,5\n2,dog,4\n3,cat,4\n", "class", "'y' is a feature")]
    [InlineData("x,Target,Y\n1,cat,5\n2,dog,4\n3,cat,4\n", "Target", "'Y' is a feature")]
    [InlineData("y,target,LABEL,class\n1,2,cat,4\n2,5,dog,4\n3,1,cat,4\n", "LABEL", "'class', 'target', 'y' are features")]
    public void TheLabelsAreWhereTheFirstOfTheNamesStands(string text, string column, string others)
    {
        var data = Read(text);
        Assert.Equal(column, data.Encoding!.LabelColumn);
        Assert.Equal(["cat", "dog"], data.ClassNames);
        Assert.Equal([0, 1, 0], data.Labels);
        Assert.StartsWith($"file: the labels are in column '{column}'; {others}.", Assert.Single(data.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void TwoColumnsOfTheSameNameAreAQuestion()
    {
        Fails("Label,a,label\n1,2,3\n", "file: the columns 'Label', 'label' could hold the labels. Say which does (--label of the tool, LabelColumn of DataOptions).");
        Assert.Equal("label", Read("Label,a,label\n1,2,3\n", new DataOptions { LabelColumn = "label" }).Encoding!.LabelColumn);

        // A column that is left out is no candidate, and there is nothing to say.
        var data = Read("label,a,y\n1,2,3\n", new DataOptions { IgnoredColumns = ["label"] });
        Assert.Equal("y", data.Encoding!.LabelColumn);
        Assert.Empty(data.Notes);
    }

    [Theory]
    [InlineData("12%", "6 %", "18.0%", 12, "file: column 'a' holds percentages; the numbers before the sign are taken.")]
    [InlineData("1,200", "600", "1,234,800.5", 412200.16666666669, "file: column 'a' holds numbers with signs between thousands, such as '1,200'; they are taken as numbers.")]
    [InlineData("1 200", "600", "1'800", 1200, null)]
    [InlineData("1200.0", "600", "1.8e3", 1200, null)]
    public void NumbersWithSignsAreNumbersWhereThatIsCertain(string one, string two, string three, double mean, string? note)
    {
        string text = $"a;b;y\n{one};1;0\n{two};2;1\n{three};5;0\n";
        var data = Read(text);
        Assert.Equal(["a", "b"], data.FeatureNames);
        Assert.Equal(mean, data.Encoding!.Columns[0].Mean, 1e-9);
        if (note is not null) Assert.Equal([note], data.Notes);

        // A model knows how its numbers are written.
        using var stream = new MemoryStream();
        new SoftmaxModel(data.ClassNames, data.Encoding, new double[6]).Save(stream);
        var loaded = SoftmaxModel.Load(InputFile.InMemory("model.json", stream.ToArray()));
        var again = CsvFile.ReadLike(File(text), loaded.Encoding, loaded.ClassNames, new DataOptions(), forPrediction: false);
        for (int row = 0; row < 3; row++) Assert.Equal(FeatureTableTests.Row(data.Table, row), FeatureTableTests.Row(again.Table, row));
    }

    [Fact]
    public void NumbersWithSignsAreRefusedWhereTheyAreNotCertain()
    {
        Fails("a;y\n1,234;0\n2,345;1\n", "file, line 2, column 'a': '1,234' has a decimal comma, or one between thousands. Say which (setting decimal, to comma or to point), or write numbers with a point and nothing else.");
        Fails("a;y\n1,234;0\n2,3;1\n3,4;1\n5;1\n6;0\n", "file, line 3, column 'a': '2,3' is no finite number in a column of numbers.", new DataOptions { Decimal = DecimalSign.Point });
        Fails("a;y\n12 %;0\n0.3;1\n0.4;1\n", "file, line 2, column 'a': '12 %' is a percentage, but 2 other cells are numbers without the sign.");
        var percents = Read("a;y\n12 %;0\n30 %;1\n");
        CsvFileTests.Fails(() => Like(percents, "a;y\n12;0\n"), "file, line 2, column 'a': '12' is no percentage in a column of percentages.");
        string unknown = "a;y\n" + Rows(70, i => $"{(i % 7 == 3 ? "unknown" : $"{i * 37 % 70}.5")};{i % 2}");
        Fails(unknown, "file, line 5, column 'a': 'unknown' is no finite number in a column of numbers. Correct it, remove the row, say that it means missing (setting missing)");
        Assert.Contains("file: column 'a' has no number in 10 rows (the first is line 5); ", Assert.Single(Read(unknown, new DataOptions { Missing = ["unknown"] }).Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("date", "column 'v': most of its texts are dates or times, such as '2020-01-01', and each of 28")]
    [InlineData("time", "column 'v': most of its texts are dates or times, such as '00:30', and each of 60")]
    [InlineData("unit", "column 'v': most of its texts begin with digits but are no numbers, such as '0 kg', and each of 50")]
    [InlineData("name", "column 'v': its 100 cells hold 100 different texts, such as 'user-0', as identifiers or free text do.")]
    [InlineData("code", "column 'v': its 100 cells hold 100 different texts, such as '0000', as identifiers or free text do.")]
    public void TextsThatAreHardlyCategoriesAreRefusedByName(string kind, string message)
    {
        string text = "v,label\n" + Rows(100, i => (kind switch
        {
            "date" => $"2020-01-{(i % 28) + 1:00}",
            "time" => $"{i % 60:00}:30",
            "unit" => $"{i % 50} kg",
            "name" => $"user-{i}",
            _ => $"{i:0000}",
        }) + $",{i % 2}");
        Fails(text, message);
        Assert.StartsWith("v=", Read(text, new DataOptions { TextColumns = ["v"] }).FeatureNames![0], StringComparison.Ordinal);
    }

    [Fact]
    public void CodesKeepTheirZerosAndColumnsOfTextAreListed()
    {
        string[] codes = ["007", "7", "070"];
        var data = Read("code,colour,id,label\n" + Rows(12, i => $"{codes[i % 3]},{(i % 4 == 0 ? "" : "red")},{i + 5},{(i % 2 == 0 ? "01" : "1")}"));
        Assert.Equal(["code=007", "code=7", "code=070", "colour=", "colour=red", "id"], data.FeatureNames);
        Assert.Equal(["01", "1"], data.ClassNames);
        Assert.Equal(
            [
                "file: column 'code' has numbers that begin with 0, so it is taken for codes, each a text.",
                "file: column 'id' counts the rows, as an identifier does, and is a feature. Ignore it (setting ignore) unless that is meant.",
                "file: columns of text, with the number of their texts, each a feature: 'code' (3), 'colour' (2, missing in 3 rows).",
            ],
            data.Notes);

        // Few texts that begin with digits are categories.
        Assert.Equal(3, Read("age,label\n" + Rows(30, i => $"{(i % 3) + 1}0-{(i % 3) + 1}9,{i % 2}")).Table.FeatureCount);
        Assert.Equal(["a"], Read("a,label\n0.5,0\n0,1\n00.5,1\n").FeatureNames);
    }

    [Theory]
    [InlineData(",", "has no name and", 0)]
    [InlineData("\"\",", "has no name and", 1)]
    [InlineData("Unnamed: 0,", "is named 'Unnamed: 0' and", 7)]
    [InlineData("", "has no name and", 1)]
    public void TheIndexOfPandasAndRIsLeftOut(string header, string said, int first)
    {
        string rows = Rows(40, i => $"{i + first},{i % 7}.5,{(i % 2 == 0 ? "no" : "yes")}");
        var data = Read($"{header}a,label\n{rows}");
        Assert.Equal(["a"], data.FeatureNames);
        Assert.Equal([20, 20], Counts(data));
        Assert.Equal([$"file: the first column {said} holds an index of the rows, as pandas and R write it; it is left out."], data.Notes);

        // Another file has it or not.
        Assert.Equal([1], Like(data, $"{header}a,label\n99,2,yes\n").Labels);
        Assert.Equal([1], Like(data, "label,a\nyes,2\n").Labels);
        Assert.Empty(Like(data, $"{header}a,label\n99,2,yes\n").Notes);
    }

    [Fact]
    public void AFirstColumnWithoutANameMayBeNamesOfRowsButNoData()
    {
        Assert.Equal(["a"], Read(",a,label\nMazda,1,x\nFiat,2,y\nVolvo,3,x\n").FeatureNames);
        Fails(",a,label\nred,1,x\nblue,2,y\nred,3,x\n", "file: column 1 of 3 has no name in the header, and is no index of the rows");
        Fails(",a,label\n0.5,1,x\n0.7,2,y\n0.6,3,x\n", "file: column 1 of 3 has no name in the header, and is no index of the rows");
        Fails("a,b,label\nSmith, John,5,x\nMiller, Ann,6,y\n", "file: its rows have 4 columns, but the header has 3 names, and the first column does not count the rows.");
        Fails("a,b,label\nSmith, John,5,x\nAnn,6,y\n", "file, line 3: has 3 columns, but the header has 3, and the first row 4.");
        Fails(",label\n1,x\n2,y\n", "file: has no column besides 'label' that is a feature.");
        CsvFileTests.Fails(() => Like(Read("a,label\n1,x\n2,y\n"), "a,label\n1,2,x\n"), "file: its rows have 3 columns, but the header has 2 names, and the training data have no column without a name.");
    }

    [Fact]
    public void AColumnInAnotherSpellingServesOnce()
    {
        var training = Read("a,A,label\n1,10,x\n2,20,y\n3,30,x\n");
        CsvFileTests.Fails(() => Like(training, "A,label\n10,x\n"), "file: has no column 'a'.");
        CsvFileTests.Fails(() => Like(Read("a,label\n1,x\n2,y\n"), "A,A ,aa,Aa,AA,label\n1,1,1,1,1,x\n"), "two columns are named 'A'.");

        // Used, so that no note says it is left out.
        var other = Like(Read("a,label\n1,x\n2,y\n"), "A,Label\n1,x\n2,y\n");
        Assert.Equal([0, 1], other.Labels);
        Assert.Empty(other.Notes);
    }

    [Fact]
    public void RowsToPredictMayHaveOneColumn()
    {
        var training = Read("a,label\n1,x\n2,y\n");
        Assert.Equal(3, Like(training, "a\n1\n2\n1.5\n", forPrediction: true).Table.Count);
        CsvFileTests.Fails(() => Like(training, "a\n1\n2\n"), "its header, 'a', is one column");
    }

    [Fact]
    public void WhatSpreadsheetsLeaveAtTheEndIsNoData()
    {
        var data = Read("a;b;label;;;\n1;2;x;;;\n3;4;y;;\n;;;;;\n5;7;x\n;;\n");
        Assert.Equal(["a", "b"], data.FeatureNames);
        Assert.Equal([2, 3, 5], data.Places);
        Assert.Contains("file: 2 rows have separators and nothing else; they are skipped.", data.Notes);
        Assert.Contains("file: 2 rows end with separators and nothing behind them.", data.Notes);
        Fails("a;b;label;;\n1;2;x;9;\n", "file, line 2: has 5 columns, but the header has 3.");
    }

    [Fact]
    public void AColumnOfOneTextTellsNothing()
    {
        var data = Read("a,country,empty,label\n1,USA,,x\n2,USA,,y\n3,USA,,x\n");
        Assert.Equal(["a"], data.FeatureNames);
        Assert.Contains("file: the columns 'country', 'empty' have one text in all rows, or none, which tells nothing; left out.", data.Notes);
        Assert.Empty(Like(data, "a,country,empty,label\n1,USA,,x\n").Notes);
    }

    [Fact]
    public void TheColumnOfARegressionIsNamed() => Fails(
        "x,y,species\n" + string.Concat(Enumerable.Range(0, 30).Select(i => FormattableString.Invariant($"{i},{i * 0.37},cat\n"))),
        "file: its labels, in column 'y', are 30 different numbers in 30 rows, such as '0.37', as the targets of a regression are, or identifiers. They must be classes: name another label column, or make classes of the numbers.");

    [Fact]
    public void ManyColumnsWithFarNumbersShareANote()
    {
        string[] names = [.. Enumerable.Range(0, 5).Select(j => $"c{j}")];
        string Row(int value, string label) => string.Join(',', names.Select(_ => $"{value}")) + $",{label}\n";
        var training = Read(string.Join(',', names) + ",label\n" + Row(1, "x") + Row(2, "y"));
        string note = Assert.Single(Like(training, string.Join(',', names) + ",label\n" + Row(1, "x") + Row(90, "y")).Notes);
        Assert.Equal("file: 5 columns have numbers more than 4 times as far from the mean as any of the training data, taken at that distance; with the number of rows: 'c0' (1), 'c1' (1), 'c2' (1), 'c3' (1), 'c4' (1).", note);
    }

    [Fact]
    public void LongNumbersAreDifferentClasses() =>
        Assert.Equal(["5", "9007199254740992", "9007199254740993"], Read("a,label\n1,9007199254740992\n2,9007199254740993\n3,5\n").ClassNames);

    [Fact]
    public void TablesWithoutAHeaderHaveNumberedColumns()
    {
        var options = new DataOptions { NoHeader = true, LabelColumn = "3", IgnoredColumns = ["1"] };
        var data = Read("17,2.5,yes\n18,3.5,no\n\n19,4.5,yes\n", options);
        Assert.Equal(["2"], data.FeatureNames);
        Assert.Equal([1, 0, 1], data.Labels);
        Assert.Equal([1, 2, 4], data.Places);
        Assert.Equal([1], CsvFile.ReadLike(File("0,3.5,yes\n"), data.Encoding!, data.ClassNames, options, forPrediction: false).Labels);

        Fails("17,2.5,yes\n18,3.5,no\n", "file: no column is named label, class, target, y. Say which holds the labels", options with { LabelColumn = null });
        Fails("17,2.5,yes\n18,3.5,no\n", "If the first line is a row already, say so (setting no-header).");
        Fails("17,2\n18,3\n", "file: begins with numbers, not with the names of the columns. Put a header line before the rows, or say that there is none (setting no-header).");
        Fails("17,17,yes\n18,3,no\n", "file: two columns are named '17'. Rename one, or say that there is no header (setting no-header).");
        Fails("17\n18\n", "file: its first line, '17', is one column", options);
    }

    [Fact]
    public void CommentsAndSeparatorsAtTheEndAreSkippedAndCounted()
    {
        var data = Read("# made on 2024-01-02, by \"me\n#\na,b,label,\n1,2,x,\n# half, of, it\n3,5,y,\n4,4,y\n");
        Assert.Equal(["a", "b"], data.FeatureNames);
        Assert.Equal([0, 1, 1], data.Labels);
        Assert.Equal([4, 6, 7], data.Places);
        Assert.Equal(["file: 3 comment lines are skipped; the first is line 1.", "file: 2 rows end with separators and nothing behind them."], data.Notes);

        Assert.Equal(["#id", "b"], Read("#id,b,label\n1,2,x\n3,5,y\n").FeatureNames);
        Assert.Equal(["a", "b"], Read("a;b;label\n1;2;x;\n3;5;y;\n").FeatureNames);
        Fails("a,b,label,\n1,2,x,\n1,2,x,7\n", "file, line 3: has 4 columns, but the header has 3.");
    }

    [Fact]
    public void NamesWithCommasStandInQuotesInLists()
    {
        const string Text = "\"size, cm\",id,\"a \"\"b\"\"\",#c,label\n1,2,3,4,x\n2,2,1,5,y\n";
        var options = new HyperCleaningSettings { Ignore = "\"size, cm\", id", TextColumns = "\"a \"\"b\"\"\",#c" }.Reading;
        Assert.Equal(["a \"b\"=3", "a \"b\"=1", "#c=4", "#c=5"], Read(Text, options).FeatureNames);
        Assert.Equal(["size, cm", "a \"b\"", "#c"], Read(Text, new SvmTuningSettings { Ignore = "id," }.Reading).FeatureNames);
        Fails(Text, "file: has no column 'size'. Its columns are 'size, cm', 'id', 'a \"b\"', '#c', 'label'; correct the name, or the header. In a list, a name with a comma stands in double quotes.", new GroupDroSettings { Ignore = "size, cm" }.Reading);
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
