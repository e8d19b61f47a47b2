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

/// <summary>Rows in the three roles, with their groups. Every group has rows in training and in validation.</summary>
internal sealed class GroupData
{
    /// <summary>Puts the roles together.</summary>
    /// <exception cref="InputException">There are fewer than two groups or classes, or a group or class is missing where it is needed.</exception>
    public GroupData(GroupPart training, GroupPart validation, GroupPart? test, IReadOnlyList<string> groupNames)
    {
        (Training, Validation, Test, GroupNames) = (training, validation, test, groupNames);
        string source = training.Data.Source.Source;
        if (ClassNames.Count < 2) throw new InputException($"{source}: every row has the label {ClassNames[0]}, so there is nothing to tell apart. Give a file with at least two classes, or name another label column.");
        if (groupNames.Count < 2) throw new InputException($"{source}: every row is in the group {groupNames[0]}, so there is no group to protect from the others. Name another group column.");
        foreach (var (part, role) in new[] { (training, "training"), (validation, "validation") })
        {
            int empty = Array.IndexOf(part.Sizes(groupNames.Count), 0);
            if (empty >= 0)
                throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{part.Data.Source.Source}: no {role} row is in the group \"{groupNames[empty]}\", so its loss cannot be measured. Give more rows, another --seed or group column, or leave the group out of all files."));
        }

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

    /// <summary>The names of the groups.</summary>
    public IReadOnlyList<string> GroupNames { get; }

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> ClassNames => Training.Data.Source.ClassNames;
}
