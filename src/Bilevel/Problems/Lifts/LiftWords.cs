using System.Text.RegularExpressions;

namespace Bilevel;

/// <summary>What the user of a lift calls the blocks and constants that sentences about the lifted problem name.</summary>
internal sealed class LiftWords
{
    private readonly (string Block, string Word)[] words;

    private LiftWords(params (string Block, string Word)[] words) => this.words = words;

    /// <summary>A problem that was written as a bilevel minimax problem.</summary>
    public static LiftWords None { get; } = new();

    /// <summary>A bilevel problem in x and y.</summary>
    public static LiftWords Bilevel { get; } = new(("y1 and y2 leave", "y leaves"), ("x1", "x"), ("y1", "y"), ("z1", "y"));

    /// <summary>A lower level in y with constraints.</summary>
    public static LiftWords Constrained { get; } = new(
        ("y1", "y"), ("z1", "y"), ("y2", "the multipliers"), ("z2", "the multipliers"), (nameof(MinimaxConstants.LowerStrongConvexity), nameof(ConstrainedLowerLevel<double>.StrongConvexity)));

    /// <summary>A sentence in the words of the problem that was lifted.</summary>
    public string In(string sentence) => words.Aggregate(sentence, (text, word) => Regex.Replace(text, $@"\b{word.Block}\b", word.Word));

    /// <summary>The same where there is a sentence.</summary>
    public string? InOptional(string? sentence) => sentence is null ? null : In(sentence);
}
