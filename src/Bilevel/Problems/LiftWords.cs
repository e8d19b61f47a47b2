using System.Text.RegularExpressions;

namespace Bilevel;

/// <summary>What the user of a lift calls the blocks and constants that sentences about the lifted problem name.</summary>
internal sealed class LiftWords
{
    private readonly (string Block, string Word)[] words;

    /// <param name="words">A text of sentences about the lifted problem, and the user's text for it.</param>
    public LiftWords(params (string Block, string Word)[] words) => this.words = words;

    /// <summary>A problem that was written as a bilevel minimax problem.</summary>
    public static LiftWords None { get; } = new();

    /// <summary>A sentence in the words of the problem that was lifted.</summary>
    public string In(string sentence) => words.Aggregate(sentence, (text, word) => Regex.Replace(text, $@"\b{word.Block}\b", word.Word));

    /// <summary>The same where there is a sentence.</summary>
    public string? InOptional(string? sentence) => sentence is null ? null : In(sentence);
}
