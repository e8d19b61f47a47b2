using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>Some rows of a data set, in one of the roles of a task: training, validation or test.</summary>
/// <param name="Source">The data set.</param>
/// <param name="Rows">Indices of its rows.</param>
internal sealed record DataPart(LabelledData Source, int[] Rows)
{
    /// <summary>The labels of the rows, as the source gives them.</summary>
    public int[] Labels { get; } = [.. Rows.Select(i => Source.Labels[i])];

    /// <summary>Number of rows of every class.</summary>
    public int[] ClassSizes
    {
        get
        {
            int[] sizes = new int[Source.ClassNames.Count];
            foreach (int label in Labels) sizes[label]++;
            return sizes;
        }
    }

    /// <summary>All rows of a data set.</summary>
    public static DataPart All(LabelledData source) => new(source, [.. Enumerable.Range(0, source.Table.Count)]);

    /// <summary>The first rows of a data set as it is.</summary>
    /// <param name="source">The data set.</param>
    /// <param name="count">How many; 0 for all.</param>
    /// <param name="setting">The setting that says how many.</param>
    /// <exception cref="InputException">There are not so many.</exception>
    public static DataPart First(LabelledData source, int count, string setting) => new(source, [.. Enumerable.Range(0, Checked(source, count, setting))]);

    /// <summary>Rows of a data set drawn by class and by their content.</summary>
    /// <param name="source">The data set.</param>
    /// <param name="count">How many; 0 for all, as they come.</param>
    /// <param name="setting">The setting that says how many.</param>
    /// <param name="key">Names the draw.</param>
    /// <exception cref="InputException">There are not so many.</exception>
    public static DataPart Drawn(LabelledData source, int count, string setting, ulong key)
    {
        int taken = Checked(source, count, setting);
        var all = All(source);
        return taken == all.Rows.Length ? all : new DataPart(source, new RowDraw(source, source.Labels, key).Take(all.Rows, taken));
    }

    /// <summary>Where row i of the part came from: its line in the file, or the index of its image.</summary>
    public int Place(int i) => Source.Places.Count > 0 ? Source.Places[Rows[i]] : Rows[i];

    private static int Checked(LabelledData source, int count, string setting)
    {
        int all = source.Table.Count, taken = count == 0 ? all : count;
        return taken <= all ? taken : throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{source.Source}: {taken} samples are asked for, but there are {all}. Lower {setting}."));
    }
}
