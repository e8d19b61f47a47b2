using System.CommandLine;
using Bilevel.Tasks;

namespace Bilevel.Cli;

/// <summary>The verb <c>predict</c>: applies a saved model to new rows.</summary>
internal static class PredictCommand
{
    private const string FileName = "predictions.csv";

    public static Command Syntax(Terminal terminal)
    {
        var model = new Argument<string>("MODEL") { Description = "A model.json that a run wrote." };
        var data = new Argument<string>("DATA") { Description = "Rows in a file of the kind that the model was trained on: CSV, ARFF, LIBSVM, or idx images or their folder." };
        var label = new Option<string>("--label") { HelpName = "COLUMN", Description = "Column of a CSV file with the true labels; default: the label column of the training file, if it is there." };
        var encoding = new Option<string>("--encoding") { HelpName = "NAME", Description = "Encoding of the text, such as windows-1252; default: UTF-8, or UTF-16 where the file has its mark." };
        var noHeader = new Option<bool>("--no-header") { Description = "A CSV file begins with a row; its columns are named 1, 2, 3 and so on." };
        var json = new Option<bool>("--json") { Description = "Writes one JSON document to standard output and nothing else." };
        var outFolder = new Option<string>("--out") { HelpName = "DIR", Description = $"Writes the predictions to DIR/{FileName} instead of standard output." };
        var command = new Command("predict", "Predicts the classes of new rows with a saved model.") { model, data, label, noHeader, encoding, json, outFolder };
        command.SetAction(parsed =>
        {
            var options = new DataOptions { LabelColumn = parsed.GetValue(label), Encoding = parsed.GetValue(encoding), NoHeader = parsed.GetValue(noHeader) };
            var (rows, inputs) = FilesRead.During(() => Predict(parsed.GetValue(model)!, parsed.GetValue(data)!, options));
            if (parsed.GetValue(outFolder) is { } folder) WholeFile.Write(folder, FileName, rows.WriteCsv, "predict", inputs);
            if (parsed.GetValue(json))
            {
                rows.WriteJson(terminal.Out);
                return ExitCode.Finished;
            }

            if (parsed.GetValue(outFolder) is null) rows.WriteCsv(terminal.Out);
            rows.WriteSummary(parsed.GetValue(outFolder) is null ? terminal.Error : terminal.Out, parsed.GetValue(outFolder));
            return ExitCode.Finished;
        });
        ExampleHelp.Attach(
            command,
            ["bilevel predict result/model.json new-rows.csv", "bilevel predict result/model.json test.csv --label kind --out predictions", "bilevel predict result/model.json t10k-images-idx3-ubyte.gz --json"],
            "Exit codes: 0 finished; 2 the model or the data cannot be used.");
        return command;
    }

    private static PredictedRows Predict(string modelPath, string dataPath, DataOptions options)
    {
        var model = SoftmaxModel.Load(modelPath);
        if (options.LabelColumn is not null && model.Encoding.Kind != TableKind.Columns)
            throw new UsageException($"--label names a column of a CSV file, but {modelPath} is a model of another kind of data. Leave it out.");
        var data = DataFile.ReadLike(dataPath, model.Encoding, model.ClassNames, options, forPrediction: true);
        return new PredictedRows(modelPath, model, data, [.. model.Predict(data.Table).Select(p => new Prediction(p.Class, p.Probabilities[p.Class]))]);
    }
}

/// <summary>The class of a row and its probability.</summary>
internal readonly record struct Prediction(int Class, double Probability);

/// <summary>The rows of a file with what a model makes of them.</summary>
internal sealed class PredictedRows(string modelPath, SoftmaxModel model, LabelledData data, Prediction[] predictions)
{
    private readonly int labelled = data.Labels.Count(label => label != LabelledData.NoLabel);
    private readonly int right = data.Labels.Where((label, i) => label == predictions[i].Class).Count();

    private double Accuracy => (double)right / labelled;

    private string Unit => data.Images is null ? "line" : "image";

    public void WriteCsv(TextWriter output)
    {
        output.WriteLine(labelled > 0 ? "row,predicted,probability,given" : "row,predicted,probability");
        for (int i = 0; i < predictions.Length; i++)
        {
            string line = $"{Numbers.Plain(data.Places[i])},{Cell(model.ClassNames[predictions[i].Class])},{Numbers.Exact(predictions[i].Probability)}";
            output.WriteLine(labelled > 0 ? $"{line},{Cell(Given(i) ?? "")}" : line);
        }
    }

    public void WriteJson(TextWriter output) => output.WriteLine(JsonReport.Document(json =>
    {
        json.WriteNumber("format", JsonReport.FormatVersion);
        json.WriteString("model", modelPath);
        json.WriteString("data", data.Source);
        json.WriteNumber("rows", predictions.Length);
        json.WriteNumber("labelled_rows", labelled);
        JsonReport.WriteFinite(json, "accuracy", Accuracy);
        json.WriteString("row_counts", Unit);
        json.WriteStartArray("notes");
        foreach (string note in data.Notes) json.WriteStringValue(note);
        json.WriteEndArray();
        json.WriteStartArray("predictions");
        for (int i = 0; i < predictions.Length; i++)
        {
            json.WriteStartObject();
            json.WriteNumber("row", data.Places[i]);
            json.WriteString("predicted", model.ClassNames[predictions[i].Class]);
            json.WriteNumber("probability", predictions[i].Probability);
            if (Given(i) is { } given) json.WriteString("given", given);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }));

    public void WriteSummary(TextWriter output, string? folder)
    {
        output.WriteLine($"{Numbers.Plural(predictions.Length, "row")} of {data.Source} predicted{(folder is null ? "" : $" in {Path.Combine(folder, "predictions.csv")}")}; column row is the {Unit} {(data.Images is null ? "in the file, from 1" : "from 0")}.");
        if (labelled > 0) output.WriteLine(FormattableString.Invariant($"Accuracy {100 * Accuracy:F2}%: {right} of {labelled} rows with a label are right."));
        foreach (string note in data.Notes) output.WriteLine($"Note: {note}");
    }

    private string? Given(int row) => data.Labels[row] == LabelledData.NoLabel ? null : model.ClassNames[data.Labels[row]];

    private static string Cell(string text) =>
        text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
}
