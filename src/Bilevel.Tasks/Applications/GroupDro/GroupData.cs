using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>Rows in one role, each in a group.</summary>
/// <param name="Data">The rows.</param>
/// <param name="Groups">The group of every row, from 0.</param>
internal sealed record GroupPart(DataPart Data, int[] Groups)
{
    /// <summary>Number of rows of every group.</summary>
    /// <param name="groups">Number of groups.</param>
    public int[] Sizes(int groups)
    {
        int[] sizes = new int[groups];
        foreach (int g in Groups) sizes[g]++;
        return sizes;
    }
}

/// <summary>The rows of some groups.</summary>
/// <param name="Rows">The rows, their groups numbered anew.</param>
/// <param name="Groups">Which groups these are.</param>
internal sealed record SomeGroups(GroupPart Rows, int[] Groups);

/// <summary>Rows in the three roles, with their groups. Every group has rows in training, and in a validation file where there is one.</summary>
internal sealed class GroupData
{
    /// <summary>A loss or an accuracy of fewer rows is chance: no group with fewer is called the worst.</summary>
    public const int FewestRows = 5;

    /// <summary>Puts the roles together.</summary>
    /// <exception cref="InputException">There are fewer than two groups or classes, or a group or class is missing where it is needed.</exception>
    public GroupData(GroupPart training, GroupPart validation, GroupPart? test, IReadOnlyList<string> groupNames)
    {
        (Training, Validation, Test, GroupNames) = (training, validation, test, groupNames);
        string source = training.Data.Source.Source;
        if (ClassNames.Count < 2) throw new InputException($"{source}: every row has the label {ClassNames[0]}, so there is nothing to tell apart. Give a file with at least two classes, or name another label column.");
        if (groupNames.Count < 2) throw new InputException($"{source}: every row is in the group {groupNames[0]}, so there is no group to protect from the others. Name another group column.");
        if (validation.Groups.Length == 0) throw new InputException($"{source}: no group has two different rows, so none can be held out. Give a file of checked rows (--validation FILE).");

        // A group of a single row stays in training where rows were held out.
        bool isHeldOut = validation.Data.Source == training.Data.Source;
        foreach (var (part, role) in new[] { (training, "training"), (validation, "validation") }.Take(isHeldOut ? 1 : 2))
        {
            int empty = Array.IndexOf(part.Sizes(groupNames.Count), 0);
            if (empty >= 0)
                throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{part.Data.Source.Source}: no {role} row is in the group \"{groupNames[empty]}\", so its loss cannot be measured. Give more rows, another --seed or group column, or leave the group out of all files."));
        }

        HasEnough = Enough(validation);
        int[] sizes = validation.Sizes(groupNames.Count);
        (Checked, Opposed) = (Some(g => sizes[g] > 0), Some(g => HasEnough[g] || (!HasEnough.Contains(true) && sizes[g] > 0)));
        for (int c = 0; c < ClassNames.Count; c++)
        {
            if (!training.Data.Labels.Contains(c)) throw new InputException($"{source}: no training row has the label {ClassNames[c]}, so it cannot be learned. Give more rows, or remove this class.");
        }
    }

    /// <summary>The training rows.</summary>
    public GroupPart Training { get; }

    /// <summary>The validation rows.</summary>
    public GroupPart Validation { get; }

    /// <summary>The test rows; null for none. A group may be missing here.</summary>
    public GroupPart? Test { get; }

    /// <summary>Whether a group has enough validation rows to be called the worst.</summary>
    public bool[] HasEnough { get; }

    /// <summary>
    /// The groups over which the upper level takes its maximum: those with enough validation rows. The loss of one or two rows makes a
    /// maximum of what chance put there. All, as published, where none has enough.
    /// </summary>
    public SomeGroups Opposed { get; }

    /// <summary>The groups that have validation rows at all.</summary>
    public SomeGroups Checked { get; }

    /// <summary>Whether a group has enough rows in a part.</summary>
    public bool[] Enough(GroupPart part) => [.. part.Sizes(GroupNames.Count).Select(n => n >= FewestRows)];

    /// <summary>The names of the groups.</summary>
    public IReadOnlyList<string> GroupNames { get; }

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> ClassNames => Training.Data.Source.ClassNames;

    // Of the validation rows.
    private SomeGroups Some(Func<int, bool> has)
    {
        int[] groups = [.. Enumerable.Range(0, GroupNames.Count).Where(has)];
        if (groups.Length == GroupNames.Count) return new SomeGroups(Validation, groups);
        int[] rows = [.. Enumerable.Range(0, Validation.Groups.Length).Where(i => groups.Contains(Validation.Groups[i]))];
        var part = new DataPart(Validation.Data.Source, [.. rows.Select(i => Validation.Data.Rows[i])]);
        return new SomeGroups(new GroupPart(part, [.. rows.Select(i => Array.IndexOf(groups, Validation.Groups[i]))]), groups);
    }
}
