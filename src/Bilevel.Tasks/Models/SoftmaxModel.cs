using System.Text.Json;

namespace Bilevel.Tasks;

/// <summary>
/// A linear classifier: the scores of a row a are W a + b, the probabilities their softmax. It carries what is needed to
/// read new data as the training data were read, and is kept as JSON.
/// </summary>
/// <example>
/// <code>
/// var model = SoftmaxModel.Load("model.json");
/// var rows = DataFile.ReadLike("new.csv", model.Encoding, model.ClassNames, forPrediction: true);
/// foreach (var (kind, probabilities) in model.Predict(rows.Table)) Console.WriteLine($"{model.ClassNames[kind]}: {probabilities[kind]}");
/// </code>
/// </example>
public sealed class SoftmaxModel
{
    /// <summary>Raised when a field of the file changes its meaning; readers refuse later versions.</summary>
    public const int FormatVersion = 2;

    private const string Kind = "softmax";

    // What is kept in memory of a file that is written.
    private const int LargestPart = 1 << 16;

    /// <summary>Puts a model together.</summary>
    /// <param name="classNames">The names of the classes, at least one, all different.</param>
    /// <param name="encoding">How the entries of a file become features.</param>
    /// <param name="weights">
    /// <c>(FeatureCount + 1) * Classes</c> finite numbers: those of feature 0 for each class, of feature 1, ..., and last
    /// the bias of each class. Not copied.
    /// </param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">There are other than so many weights, one is not finite, or a class is named twice.</exception>
    public SoftmaxModel(IReadOnlyList<string> classNames, TableEncoding encoding, ReadOnlyMemory<double> weights)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        ArgumentNullException.ThrowIfNull(encoding);
        if (classNames.Count == 0 || classNames.Distinct(StringComparer.Ordinal).Count() < classNames.Count)
            throw new ArgumentException("There must be a class, and no two of one name.", nameof(classNames));
        long needed = (encoding.FeatureCount + 1L) * classNames.Count;
        if (weights.Length != needed)
            throw new ArgumentException(InputText.Invariant($"{encoding.FeatureCount} features and a bias for {classNames.Count} classes need {needed} weights, but {weights.Length} were given."), nameof(weights));
        foreach (double weight in weights.Span)
        {
            if (!double.IsFinite(weight)) throw new ArgumentException("A weight is not finite.", nameof(weights));
        }

        ClassNames = classNames;
        Encoding = encoding;
        Weights = weights;
    }

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>How the entries of a file become features.</summary>
    public TableEncoding Encoding { get; }

    /// <summary>The weights, feature by feature, each for all classes; the bias last.</summary>
    public ReadOnlyMemory<double> Weights { get; }

    /// <summary>Predicts the class of every row.</summary>
    /// <param name="table">The rows, of the model's features.</param>
    /// <returns>For each row the class of the highest probability, the first of equals, and the probabilities of all classes.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="table"/> is null.</exception>
    /// <exception cref="ArgumentException">The table has another number of features.</exception>
    /// <exception cref="InputException">While it is enumerated: the scores of a row overflow.</exception>
    public IEnumerable<(int Class, double[] Probabilities)> Predict(FeatureTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        if (table.FeatureCount != Encoding.FeatureCount)
            throw new ArgumentException(InputText.Invariant($"The table has {table.FeatureCount} features, the model {Encoding.FeatureCount}."), nameof(table));
        return Rows(table);
    }

    /// <summary>Writes the model to a file, as UTF-8 JSON; a file of that name is replaced.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentNullException"><paramref name="path"/> is null.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">Writing it is not allowed.</exception>
    public void Save(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        using var stream = File.Create(path);
        Save(stream);
    }

    /// <summary>Writes the model as UTF-8 JSON.</summary>
    /// <param name="stream">Where to; stays open.</param>
    /// <exception cref="ArgumentNullException"><paramref name="stream"/> is null.</exception>
    public void Save(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" });
        Write(json);
    }

    /// <summary>Writes the model as JSON.</summary>
    /// <param name="writer">Where to.</param>
    /// <exception cref="ArgumentNullException"><paramref name="writer"/> is null.</exception>
    public void Save(TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        using var stream = new TextStream(writer);
        Save(stream);
        stream.Complete();
        writer.WriteLine();
    }

    /// <summary>Reads a model that <see cref="Save(Stream)"/> wrote.</summary>
    /// <param name="path">The file; also compressed with gzip or bzip2.</param>
    /// <returns>The model, with weights of the same bits.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="path"/> is null.</exception>
    /// <exception cref="InputException">The file is missing, no model, of another version, or damaged.</exception>
    public static SoftmaxModel Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Load(InputFile.OnDisk(path));
    }

    internal static SoftmaxModel Load(InputFile file)
    {
        try
        {
            using Stream content = file.Open();
            using JsonDocument document = JsonDocument.Parse(content);
            return Parse(document.RootElement);
        }
        catch (Exception error) when (error is JsonException or FormatException or ArgumentException or InvalidOperationException or KeyNotFoundException or OverflowException)
        {
            throw new InputException($"{file.Name}: is no model, or a damaged one ({error.Message.Split('\n')[0].Trim().TrimEnd('.')}). Give a model.json that this tool wrote.", error);
        }
    }

    private IEnumerable<(int Class, double[] Probabilities)> Rows(FeatureTable table)
    {
        int[] features = [];
        double[] values = [];
        double[] biases = Biases(table.Centre.Span);
        for (int row = 0; row < table.Count; row++)
        {
            int count = table.NonZeroCount(row);
            if (features.Length < count)
            {
                features = new int[count];
                values = new double[count];
            }

            table.Read(row, features, values);
            var answer = Softmax(features.AsSpan(0, count), values.AsSpan(0, count), biases);
            if (Array.Exists(answer.Probabilities, double.IsNaN))
                throw new InputException(InputText.Invariant($"The scores of row {row} (counting from 0) are too large to be compared. Check the numbers of that row, and the weights of the model."));
            yield return answer;
        }
    }

    // The biases, less what the centre of the rows weighs.
    private double[] Biases(ReadOnlySpan<double> centre)
    {
        int classes = ClassNames.Count;
        ReadOnlySpan<double> weights = Weights.Span;
        double[] biases = weights[^classes..].ToArray();
        for (int j = 0; j < centre.Length; j++)
        {
            for (int c = 0; c < classes; c++) biases[c] -= centre[j] * weights[(j * classes) + c];
        }

        return biases;
    }

    private (int Class, double[] Probabilities) Softmax(ReadOnlySpan<int> features, ReadOnlySpan<double> values, double[] biases)
    {
        int classes = ClassNames.Count;
        ReadOnlySpan<double> weights = Weights.Span;
        double[] scores = [.. biases];
        for (int k = 0; k < features.Length; k++)
        {
            ReadOnlySpan<double> column = weights.Slice(features[k] * classes, classes);
            for (int c = 0; c < classes; c++) scores[c] += values[k] * column[c];
        }

        int best = 0;
        for (int c = 1; c < classes; c++)
        {
            if (scores[c] > scores[best]) best = c;
        }

        double top = scores[best], sum = 0;
        for (int c = 0; c < classes; c++) sum += scores[c] = Math.Exp(scores[c] - top);
        for (int c = 0; c < classes; c++) scores[c] /= sum;
        return (best, scores);
    }

    private void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("format", FormatVersion);
        json.WriteString("model", Kind);
        WriteStrings(json, "classes", ClassNames);
        json.WriteStartObject("encoding");
        json.WriteString("kind", Encoding.Kind switch { TableKind.Columns => "columns", TableKind.Sparse => "sparse", _ => "images" });
        switch (Encoding.Kind)
        {
            case TableKind.Columns:
                json.WriteString("label_column", Encoding.LabelColumn);
                WriteStrings(json, "ignored_columns", Encoding.IgnoredColumns);
                if (Encoding.MissingTexts is { } missing) WriteStrings(json, "missing_texts", missing);
                json.WriteStartArray("columns");
                foreach (TableColumn column in Encoding.Columns)
                {
                    json.WriteStartObject();
                    json.WriteString("name", column.Name);
                    if (column.Levels is not null)
                    {
                        WriteStrings(json, "texts", column.Levels);
                    }
                    else
                    {
                        json.WriteNumber("mean", column.Mean);
                        json.WriteNumber("scale", column.Scale);
                        if (double.IsFinite(column.Reach)) json.WriteNumber("reach", column.Reach);
                        if (column.Form != NumberForm.Plain) json.WriteString("form", column.Form.ToString());
                    }

                    json.WriteEndObject();
                }

                json.WriteEndArray();
                break;
            case TableKind.Sparse:
                json.WriteStartArray("numbers");
                foreach (var feature in Encoding.Numbered) json.WriteNumberValue(feature.Number);
                json.WriteEndArray();
                WriteNumbers(json, "means", [.. Encoding.Numbered.Select(f => f.Mean)]);
                WriteNumbers(json, "scales", [.. Encoding.Numbered.Select(f => f.Scale)]);
                json.WriteStartArray("reaches");
                foreach (var feature in Encoding.Numbered)
                {
                    if (double.IsFinite(feature.Reach)) json.WriteNumberValue(feature.Reach);
                    else json.WriteNullValue();
                }

                json.WriteEndArray();
                break;
            default:
                json.WriteNumber("height", Encoding.Height);
                json.WriteNumber("width", Encoding.Width);
                break;
        }

        json.WriteEndObject();
        WriteNumbers(json, "weights", Weights.ToArray());
        json.WriteEndObject();
    }

    private static SoftmaxModel Parse(JsonElement json)
    {
        int format = json.GetProperty("format").GetInt32();
        if (format is < 1 or > FormatVersion) throw new FormatException(InputText.Invariant($"its format is {format}, this program reads 1 to {FormatVersion}"));
        if (json.GetProperty("model").GetString() != Kind) throw new FormatException($"its model is not '{Kind}'");
        JsonElement encoding = json.GetProperty("encoding");
        return new SoftmaxModel(Strings(json.GetProperty("classes")), ParseEncoding(encoding), Numbers(json.GetProperty("weights")));
    }

    private static TableEncoding ParseEncoding(JsonElement json)
    {
        switch (json.GetProperty("kind").GetString())
        {
            case "columns":
                TableColumn[] columns = [.. json.GetProperty("columns").EnumerateArray().Select(c => c.TryGetProperty("texts", out JsonElement texts)
                    ? new TableColumn(Text(c.GetProperty("name")), Strings(texts), 0, 1)
                    : new TableColumn(Text(c.GetProperty("name")), null, Number(c.GetProperty("mean")), Number(c.GetProperty("scale"))) { Form = Form(c), Reach = c.TryGetProperty("reach", out JsonElement reach) ? Number(reach) : double.PositiveInfinity })];
                return TableEncoding.OfColumns(columns, Text(json.GetProperty("label_column")), Strings(json.GetProperty("ignored_columns")),
                    json.TryGetProperty("missing_texts", out JsonElement missing) ? Strings(missing) : null);
            case "sparse":
                return TableEncoding.OfSparse(Numbered(json));
            case "images":
                return TableEncoding.OfImages(json.GetProperty("height").GetInt32(), json.GetProperty("width").GetInt32());
            default:
                throw new FormatException("its encoding is of no known kind");
        }
    }

    // The first version counted features from 1 and had no means.
    private static NumberedFeature[] Numbered(JsonElement json)
    {
        double[] scales = Numbers(json.GetProperty("scales"));
        if (!json.TryGetProperty("numbers", out JsonElement given)) return [.. scales.Select((scale, j) => new NumberedFeature(j + 1, 0, scale))];
        int[] numbers = [.. given.EnumerateArray().Select(n => n.GetInt32())];
        double[] means = Numbers(json.GetProperty("means"));
        double[] reaches = [.. json.GetProperty("reaches").EnumerateArray().Select(r => r.ValueKind == JsonValueKind.Null ? double.PositiveInfinity : Number(r))];
        if (means.Length != numbers.Length || scales.Length != numbers.Length || reaches.Length != numbers.Length)
            throw new FormatException("there are not as many means and scales as features");
        return [.. numbers.Select((number, j) => new NumberedFeature(number, means[j], scales[j], reaches[j]))];
    }

    private static NumberForm Form(JsonElement column) => !column.TryGetProperty("form", out JsonElement form) ? NumberForm.Plain
        : Array.Find(Enum.GetValues<NumberForm>(), known => known.ToString() == Text(form)) is var found and not NumberForm.Plain ? found
        : throw new FormatException("a form of numbers is not known");

    private static string Text(JsonElement json) => json.GetString() ?? throw new FormatException("a name is null");

    private static string[] Strings(JsonElement json) => [.. json.EnumerateArray().Select(Text)];

    private static double Number(JsonElement json)
    {
        double value = json.GetDouble();
        return double.IsFinite(value) ? value : throw new FormatException("a number is too large");
    }

    private static double[] Numbers(JsonElement json)
    {
        double[] numbers = new double[json.GetArrayLength()];
        int i = 0;
        foreach (JsonElement element in json.EnumerateArray()) numbers[i++] = Number(element);
        return numbers;
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(name);
        foreach (string text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<double> numbers)
    {
        json.WriteStartArray(name);
        foreach (double number in numbers)
        {
            json.WriteNumberValue(number);
            if (json.BytesPending > LargestPart) json.Flush();
        }

        json.WriteEndArray();
    }
}
