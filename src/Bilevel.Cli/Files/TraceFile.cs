using System.Globalization;
using System.Text;

namespace Bilevel.Cli;

/// <summary>The trace as a file of comma-separated values, written row by row while the run goes on.</summary>
/// <param name="path">Path of the file.</param>
/// <param name="beginning">Told when a run begins or goes on, just before the file changes; true where it begins anew.</param>
/// <param name="cut">Told what is wrong where the file lacks rows of the run that goes on.</param>
/// <param name="failed">Told when a row cannot be written; the run is not stopped for it, and no more rows are.</param>
internal sealed class TraceFile(string path, Action<bool> beginning, Action<string> cut, Action<Exception> failed) : ITraceSink, IDisposable
{
    public const string Header = "iteration,oracle_calls,seconds,upper_value,lower_value,residual,penalty";

    private FileStream? stream;

    public IReadOnlyList<TraceRow> CutTo(int rows)
    {
        try
        {
            beginning(rows == 0);
            bool isThere = File.Exists(path);
            List<TraceRow> kept = rows > 0 && isThere ? [.. Read(path).Take(rows)] : [];
            if (kept.Count < rows)
                cut($"{path} {(isThere ? $"is damaged: {Numbers.Count(kept.Count)} of {Numbers.Count(rows)} rows before the checkpoint can be read" : $"is missing: it had {Numbers.Plural(rows, "row")} before the checkpoint")}. The run goes on as it would have; its trace and curves lack the rest.");
            WholeFile.Replace(path, writer => writer.Write(string.Concat(kept.Select(Line).Prepend(Header + "\n"))));
            stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
            return kept;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WholeFile.Unwritable(path, e);
        }
    }

    public void Append(in TraceRow row)
    {
        if (stream is null) return;
        long whole = stream.Length;
        try
        {
            stream.Write(Encoding.ASCII.GetBytes(Line(row)));
        }
        catch (IOException e)
        {
            // No part of a row is left behind.
            try
            {
                stream.SetLength(whole);
            }
            catch (IOException)
            {
                // A row that is not whole is left out where the file is read.
            }

            Dispose();
            failed(e);
        }
    }

    public void Dispose()
    {
        stream?.Dispose();
        stream = null;
    }

    /// <summary>The rows of a file, up to the first that is not whole.</summary>
    public static IEnumerable<TraceRow> Read(string path)
    {
        foreach (string line in File.ReadLines(path).Skip(1))
        {
            string[] cells = line.Split(',');
            if (cells.Length != 7
                || !long.TryParse(cells[0], NumberStyles.None, CultureInfo.InvariantCulture, out long iteration)
                || !long.TryParse(cells[1], NumberStyles.None, CultureInfo.InvariantCulture, out long calls)
                || !Numbers.TryExact(cells[2], out double seconds) || !Numbers.TryExact(cells[3], out double upper) || !Numbers.TryExact(cells[4], out double lower)
                || !Numbers.TryExact(cells[5], out double residual) || !Numbers.TryExact(cells[6], out double penalty)) yield break;
            yield return new TraceRow(iteration, calls, seconds, upper, lower, residual, penalty);
        }
    }

    private static string Line(TraceRow row) => string.Join(',', [
        Numbers.Plain(row.Iteration), Numbers.Plain(row.OracleCalls), row.Seconds.ToString("F6", CultureInfo.InvariantCulture),
        Numbers.Exact(row.UpperValue), Numbers.Exact(row.LowerValue), Numbers.Exact(row.Residual), Numbers.Exact(row.Penalty)]) + "\n";
}
