using System.Text.RegularExpressions;

namespace Bilevel;

/// <summary>
/// How a run is said to have ended: the one place where the rule that ended it and the certificate of its answer become
/// a status and a sentence. Certified implies converged, and an objection forbids it.
/// </summary>
/// <param name="Status">The status.</param>
/// <param name="Message">The status in words, the outcome first; it ends with the certificate's summary unless that is part of it.</param>
internal readonly partial record struct Outcome(SolveStatus Status, string Message)
{
    /// <summary>The outcome of a run.</summary>
    /// <param name="ended">The status of the rule that ended it.</param>
    /// <param name="reason">Why that rule ended it, in a sentence.</param>
    /// <param name="certificate">The certificate of the answer; null where none was asked for.</param>
    public static Outcome Of(SolveStatus ended, string reason, Certificate? certificate)
    {
        if (ended is SolveStatus.Cancelled or SolveStatus.Diverged or SolveStatus.Unbounded) return new(ended, reason);
        bool met = ended == SolveStatus.Converged;
        string stopped = ended == SolveStatus.NotWithinTolerance ? $"Not within the tolerance. {reason}" : $"Stopped before it converged. {reason}";
        if (certificate is null) return new(ended, met ? $"Converged by the method's own measure; not checked. {reason}" : stopped);

        string summary = certificate.Summary;
        if (certificate.Verdict == Verdict.Certified && certificate.TouchedBound is null && certificate.Objection is null)
            return new(SolveStatus.Converged, met ? $"Converged. {reason} {summary}" : $"Converged: the answer is certified, although the method's own rule was not met. {FirstSentence(reason)} {summary}");
        if (certificate.Objection is { } objection)
        {
            return met
                ? new(SolveStatus.NotWithinTolerance, $"Not within the tolerance, although the method's own rule was met: {Clause(objection)}. {reason}")
                : new(ended, ended == SolveStatus.NotWithinTolerance ? $"{stopped} The check agrees: {Clause(objection)}." : $"{stopped} Not within the tolerance: {Clause(objection)}.");
        }

        return (met, certificate.Verdict) switch
        {
            (true, Verdict.NotCheckable) => new(ended, $"Converged by the method's measure; not checked: {Clause(summary)}. {reason}"),
            (true, _) => new(ended, $"Converged by the method's measure; not proved: {Clause(summary)}. {reason}"),
            _ => new(ended, $"{stopped} {summary}"),
        };
    }

    // What to do about a run that failed is no news to one whose answer is certified.
    private static string FirstSentence(string text) => SentenceEnd().Match(text) is { Success: true } end ? text[..(end.Index + 1)] : text;

    // The sentence as a clause after a colon: without its verdict, its full stop and its capital.
    private static string Clause(string sentence)
    {
        string clause = VerdictWords().Replace(sentence, "").TrimEnd().TrimEnd('.');
        string first = clause.Split(' ', 2)[0];
        bool isWord = first.Length > 0 && char.IsUpper(first[0]) && !first.Skip(1).Any(char.IsUpper);
        return isWord ? char.ToLowerInvariant(clause[0]) + clause[1..] : clause;
    }

    [GeneratedRegex("\\. (?=[A-Z])")]
    private static partial Regex SentenceEnd();

    [GeneratedRegex("^(Not (certified|checkable|checked|within the tolerance)( at [^:]+)?: )+", RegexOptions.IgnoreCase)]
    private static partial Regex VerdictWords();
}
