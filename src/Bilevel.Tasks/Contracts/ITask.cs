namespace Bilevel.Tasks;

/// <summary>A ready bilevel problem that people run by name.</summary>
public interface ITask
{
    /// <summary>The name, as on the command line.</summary>
    string Name { get; }

    /// <summary>What it is, in a sentence.</summary>
    string Summary { get; }

    /// <summary>The settings it takes.</summary>
    SettingsSchema Schema { get; }

    /// <summary>Its settings, with some changed by name, as pairs of name and value in text.</summary>
    /// <exception cref="SettingException">A name is unknown or a value refused.</exception>
    IReadOnlyList<KeyValuePair<string, string>> Settings(IEnumerable<KeyValuePair<string, string>> changes);

    /// <summary>Builds the problem.</summary>
    /// <param name="changes">Settings changed by name.</param>
    /// <param name="context">Seed, data, threads.</param>
    /// <exception cref="SettingException">A name is unknown or a value refused.</exception>
    /// <exception cref="InputException">The data cannot be used; the message says which file and what to do.</exception>
    TaskInstance Create(IEnumerable<KeyValuePair<string, string>> changes, TaskContext context);
}

/// <summary>Code that runs on a task's problem whatever its vector type.</summary>
/// <typeparam name="TResult">What it returns.</typeparam>
public interface ITaskVisitor<out TResult>
{
    /// <summary>Runs on a problem over vectors of type <typeparamref name="V"/>.</summary>
    TResult Visit<V>(TaskInstance<V> instance)
        where V : class, IVector<V>;
}
