using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Bilevel.Cli;

/// <summary>A run as one JSON document.</summary>
internal static class JsonReport
{
    /// <summary>Raised when a field changes its meaning or goes away; new fields do not raise it.</summary>
    public const int FormatVersion = 1;

    // Longer solutions are in the files alone.
    private const int LongestVector = 100;

    public static string Of(RunReport report) => Document(json =>
    {
        json.WriteNumber("format", FormatVersion);
        json.WriteString("task", report.Task);
        json.WriteString("method", report.Method);
        json.WriteString("method_used", report.MethodUsed);
        json.WriteNumber("seed", report.Seed);
        json.WriteString("status", report.StatusWord);
        json.WriteString("status_message", report.StatusMessage);
        WriteTruth(json, "certified", report.Certified);
        WriteFinite(json, "tolerance", report.Tolerance);
        WriteFinite(json, "upper_value", report.UpperValue);
        WriteFinite(json, "lower_value", report.LowerValue);
        json.WriteString("values_read_at", report.ValuesReadAt);
        WriteFinite(json, report.IsMinimax ? "rho" : "lambda", report.Penalty);
        if (report.MultiplierBounds.Count > 0)
        {
            json.WriteNumber("bound_doublings", report.BoundDoublings);
            json.WriteStartObject("multiplier_bounds");
            foreach (var (level, bound) in report.MultiplierBounds) WriteFinite(json, level, bound);
            json.WriteEndObject();
        }

        WriteVector(json, "x", report.X);
        WriteVector(json, "y", report.Y);
        json.WriteNumber("x_length", report.X.Length);
        json.WriteNumber("y_length", report.Y.Length);
        if (report.IsMinimax)
        {
            WriteBlocks(json, "blocks", report.Blocks);
        }

        json.WriteStartObject("residuals");
        WriteFinite(json, "method_residual", report.Residual);
        foreach (var number in report.Certificate?.Residuals ?? []) WriteFinite(json, number.Name, number.Value);
        json.WriteEndObject();
        WriteCertificate(json, report);
        WriteCalls(json, report);
        json.WriteNumber("iterations", report.Iterations);
        WriteFinite(json, "seconds", report.Seconds);
        WriteFinite(json, "cpu_seconds", report.CpuSeconds);
        WriteFinite(json, "peak_memory_mb", report.PeakMemoryMegabytes);
        json.WriteStartObject("metrics");
        foreach (var metric in report.TaskNumbers) WriteFinite(json, metric.Name, metric.Value);
        json.WriteEndObject();
        json.WriteString("summary", report.Outcome.Summary);
        WriteStrings(json, "notes", report.AnswerNotes.Concat(report.Notes));
        if (report.Better is { } better) WriteBlocks(json, "better_point", better);
        if (report.Starts.Count > 0) WriteStarts(json, report.Starts);
        WriteFindings(json, report.Findings);
        json.WriteStartObject("settings");
        WriteSettings(json, "task", report.TaskSettings);
        WriteSettings(json, "method", report.MethodSettings);
        json.WriteStartObject("run");
        foreach (var (name, value) in report.RunSettings) json.WriteString(name, value);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartObject("environment");
        var environment = report.Environment;
        json.WriteString("tool", environment.Tool);
        json.WriteString("library", environment.Library);
        json.WriteString("runtime", environment.Runtime);
        json.WriteString("operating_system", environment.System);
        json.WriteString("instruction_set", environment.InstructionSet);
        json.WriteNumber("processors", environment.Processors);
        json.WriteNumber("threads", environment.Threads);
        json.WriteString("started", environment.Started);
        json.WriteEndObject();
        json.WriteString("command", report.Command);
    });

    /// <summary>A document, indented, without a line feed at its end.</summary>
    public static string Document(Action<Utf8JsonWriter> body)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            body(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    /// <summary>A number, null where it is not finite.</summary>
    public static void WriteFinite(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, value);
        else json.WriteNull(name);
    }

    /// <summary>Settings by name, each as the JSON type that it has.</summary>
    public static void WriteSettings(Utf8JsonWriter json, string name, IReadOnlyList<SettingValue> settings)
    {
        json.WriteStartObject(name);
        foreach (var setting in settings)
        {
            json.WritePropertyName(setting.Setting.Name);
            WriteTyped(json, setting.Setting, setting.Value);
        }

        json.WriteEndObject();
    }

    /// <summary>The text of a setting's value, as the JSON type that the setting has; "auto" stays a string.</summary>
    public static void WriteTyped(Utf8JsonWriter json, Setting setting, string text)
    {
        var type = Nullable.GetUnderlyingType(setting.Type) ?? setting.Type;
        bool isNumber = type == typeof(double) || type == typeof(int) || type == typeof(long);
        if (type == typeof(bool) && text is "true" or "false") json.WriteBooleanValue(text == "true");
        else if (isNumber && Numbers.TryExact(text, out double number) && double.IsFinite(number)) json.WriteNumberValue(number);
        else json.WriteStringValue(text);
    }

    private static void WriteTruth(Utf8JsonWriter json, string name, bool? value)
    {
        if (value is { } known) json.WriteBoolean(name, known);
        else json.WriteNull(name);
    }

    private static void WriteVector(Utf8JsonWriter json, string name, double[] values)
    {
        if (values.Length > LongestVector)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartArray(name);
        foreach (double value in values)
        {
            if (double.IsFinite(value)) json.WriteNumberValue(value);
            else json.WriteNullValue();
        }

        json.WriteEndArray();
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (string text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    /// <summary>The word of a verdict.</summary>
    public static string WordOf(Verdict? verdict) => verdict switch
    {
        Verdict.Certified => "certified",
        Verdict.NotCertified => "not_certified",
        Verdict.NotCheckable => "not_checkable",
        _ => "no_certificate",
    };

    private static void WriteBlocks(Utf8JsonWriter json, string name, IReadOnlyList<ReportBlock> blocks)
    {
        json.WriteStartObject(name);
        foreach (var block in blocks) WriteVector(json, block.Name, block.Components);
        json.WriteEndObject();
    }

    private static void WriteStarts(Utf8JsonWriter json, IReadOnlyList<StartRow> starts)
    {
        json.WriteStartArray("starts");
        foreach (var start in starts)
        {
            json.WriteStartObject();
            json.WriteNumber("start", start.Start);
            json.WriteString("status", start.Status);
            json.WriteString("verdict", start.Verdict);
            WriteFinite(json, "f", start.UpperValue);
            WriteFinite(json, "residual", start.Residual);
            json.WriteNumber("iterations", start.Iterations);
            json.WriteString("status_message", start.Message);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteCertificate(Utf8JsonWriter json, RunReport report)
    {
        if (report.Certificate is not { } certificate)
        {
            json.WriteNull("certificate");
            return;
        }

        json.WriteStartObject("certificate");
        json.WriteString("verdict", WordOf(certificate.Verdict));
        json.WriteString("summary", certificate.Summary);
        if (certificate.Objection is { } objection) json.WriteString("objection", objection);
        WriteStrings(json, "signs", certificate.Signs);
        WriteStrings(json, "evidence", certificate.Evidence);
        json.WriteNumber("oracle_calls", certificate.OracleCalls);
        json.WriteEndObject();
    }

    private static void WriteCalls(Utf8JsonWriter json, RunReport report)
    {
        json.WriteStartObject("oracle_calls");
        foreach (var (level, counts, names) in new[] { ("upper", report.UpperCalls, report.UpperNames), ("lower", report.LowerCalls, report.LowerBlockNames) })
        {
            json.WriteStartObject(level);
            for (int b = 0; b < names.Count; b++) json.WriteNumber(names[b], counts.Gradients[b]);
            json.WriteNumber("values", counts.Values);
            json.WriteEndObject();
        }

        json.WriteNumber("total", report.OracleCalls);
        if (report.IsMinimax) json.WriteNumber("penalty_calls", report.PenaltyCalls);
        json.WriteEndObject();
    }

    private static void WriteFindings(Utf8JsonWriter json, IReadOnlyList<Finding> findings)
    {
        json.WriteStartArray("findings");
        foreach (var finding in findings)
        {
            json.WriteStartObject();
            json.WriteString("severity", finding.Severity == Severity.Error ? "error" : "warning");
            json.WriteString("what", finding.What);
            json.WriteString("remedy", finding.Remedy);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
