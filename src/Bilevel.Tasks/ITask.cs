using System.Globalization;

namespace Bilevel.Tasks;

/// <summary>What a task is given besides its settings.</summary>
/// <param name="Seed">Seed of all random choices of the task (split, corruption, generated data).</param>
/// <param name="DataFolder">Folder of the user's data; null for the task's own.</param>
/// <param name="Threads">Number of threads that its objectives may use; results do not depend on it.</param>
public sealed record TaskContext(ulong Seed = 0, string? DataFolder = null, int Threads = 1)
{
    /// <summary>Asks to leave out what of the measuring of an answer is not finished; the task says what that was (<see cref="TaskOutcome.LeftOut"/>).</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Is told what the measuring of an answer is at, such as "baselines 3 of 6"; null where nobody listens.</summary>
    public Action<string>? Stage { get; init; }

    /// <summary>The same objective, in whose solves the wish to end is heard.</summary>
    internal IObjective<V> Interruptible<V>(IObjective<V> objective)
        where V : class, IVector<V> => Cancellation.CanBeCanceled ? new InterruptibleObjective<V>(objective, Cancellation.ThrowIfCancellationRequested) : objective;

    /// <summary>What is computed, or null where that was asked to end.</summary>
    internal T? Unless<T>(Func<T> work)
        where T : class
    {
        try
        {
            return Cancellation.IsCancellationRequested ? null : work();
        }
        catch (OperationCanceledException) when (Cancellation.IsCancellationRequested)
        {
            return null;
        }
    }

    internal void Baseline(int number, int count) => Stage?.Invoke(FormattableString.Invariant($"baselines {number} of {count}"));
}

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

/// <summary>The base class of tasks, typed by the record of their settings.</summary>
/// <typeparam name="TSettings">The record of settings.</typeparam>
public abstract class TaskOf<TSettings> : ITask
    where TSettings : class, new()
{
    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public abstract string Summary { get; }

    /// <inheritdoc/>
    public SettingsSchema Schema { get; } = SettingsSchema.Of(typeof(TSettings));

    /// <inheritdoc/>
    public IReadOnlyList<KeyValuePair<string, string>> Settings(IEnumerable<KeyValuePair<string, string>> changes)
    {
        var settings = SettingsSchema.With(new TSettings(), changes);
        return [.. Schema.Settings.Select(s => KeyValuePair.Create(s.Name, s.Read(settings)))];
    }

    /// <inheritdoc/>
    public TaskInstance Create(IEnumerable<KeyValuePair<string, string>> changes, TaskContext context) =>
        Create(SettingsSchema.With(new TSettings(), changes), context);

    /// <summary>Builds the problem from typed settings.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="context">Seed, data, threads.</param>
    public abstract TaskInstance Create(TSettings settings, TaskContext context);
}

/// <summary>Code that runs on a task's problem whatever its vector type.</summary>
/// <typeparam name="TResult">What it returns.</typeparam>
public interface ITaskVisitor<out TResult>
{
    /// <summary>Runs on a problem over vectors of type <typeparamref name="V"/>.</summary>
    TResult Visit<V>(TaskInstance<V> instance)
        where V : class, IVector<V>;
}

/// <summary>A task with its data: a problem, a start, how to run it by default and what to report.</summary>
public abstract class TaskInstance
{
    /// <summary>Settings of the methods that suit the task better than the methods' own defaults; the first is the task's default method.</summary>
    public IReadOnlyList<IMethod> Presets { get; init; } = [new Auto()];

    /// <summary>Methods that the task refuses, by name, each with the reason and a remedy; those of a wrong problem class refuse themselves.</summary>
    public IReadOnlyDictionary<string, string> Unsuited { get; init; } = new Dictionary<string, string>();

    /// <summary>Iteration limit of a run without one.</summary>
    public long Iterations { get; init; } = 10_000;

    /// <summary>Tolerance of a run without one.</summary>
    public double Tolerance { get; init; } = 1e-4;

    /// <summary>Whether a run stops by asking the certificate, which is cheap for the problem's class, rather than by the method's residual.</summary>
    public virtual bool StopsByCertificate => false;

    /// <summary>The check of an answer, where it is not that of the problem's class; null where it is.</summary>
    public ICertifier? Certifier { get; init; }

    /// <summary>What the user should know of the data, a sentence each (sizes, what was generated or corrupted).</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Names of the files that <see cref="TaskOutcome.Files"/> may hold, so that files of others under these names are seen before a run.</summary>
    public IReadOnlyList<string> FileNames { get; init; } = [];

    // A method that stops by its own residual has this share of the tolerance; the rest is left for what the certificate
    // cannot know exactly. One that stops by the certificate has all of it.
    private const double ResidualShare = 0.5;

    // The certificate of a minimax problem is cheap (two evaluations), so it may be asked often.
    private const long CertifyEvery = 100;

    /// <summary>Hands the problem to code that is generic over vectors.</summary>
    public abstract TResult Accept<TResult>(ITaskVisitor<TResult> visitor);

    /// <summary>Solves the task as the tool does: by its default method until that is done, with the best point that was met as the answer, certified and measured.</summary>
    /// <param name="method">The method, used as it is; null for the task's own, with its settings for the tolerance.</param>
    /// <param name="tolerance">The tolerance; null for the task's own.</param>
    /// <param name="limit">Ends the run sooner than <see cref="Iterations"/> does; null for that limit alone.</param>
    /// <param name="seed">Seed of all random draws of the method.</param>
    /// <param name="cancellation">Ends the run after the current iteration.</param>
    /// <returns>The answer with its status, what the task says of it, and the files to write; no exception where a limit is reached.</returns>
    /// <exception cref="ArgumentException">The task refuses the method; the message says why and what to take.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not positive and finite.</exception>
    /// <exception cref="InvalidProblemException">The validator refused the problem, or the method is not for its class.</exception>
    /// <example>
    /// <code>
    /// var task = new RidgeTask().Create(new RidgeSettings(), new TaskContext());
    /// var answer = task.Solve(limit: Stop.Time(TimeSpan.FromSeconds(10)));
    /// Console.WriteLine($"{answer.Status}: F = {answer.UpperValue}");
    /// </code>
    /// </example>
    public abstract TaskAnswer Solve(IMethod? method = null, double? tolerance = null, StoppingRule? limit = null, ulong seed = 0, CancellationToken cancellation = default);

    /// <summary>The preset of that method, or its defaults.</summary>
    /// <exception cref="SettingException">There is no such method; the message lists them.</exception>
    public IMethod Preset(string method) => Presets.FirstOrDefault(p => p.Name == method) ?? MethodCatalog.Find(method).Defaults;

    /// <summary>A method with the settings that suit the task. One that has a tolerance follows the run's, unless it is among the changes, or the task set it and no other is asked for.</summary>
    /// <param name="method">Its name, one of <see cref="MethodCatalog"/>.</param>
    /// <param name="tolerance">The tolerance of the run; null for the task's own.</param>
    /// <param name="changes">Settings changed by name; null for none.</param>
    /// <exception cref="SettingException">There is no such method or setting, or a value is refused.</exception>
    public IMethod MethodFor(string method, double? tolerance = null, IReadOnlyList<KeyValuePair<string, string>>? changes = null)
    {
        const string Name = "tolerance";
        var (entry, preset) = (MethodCatalog.Find(method), Preset(method));
        var own = entry.Schema.Settings.FirstOrDefault(s => s.Name == Name);
        bool isTasks = own is not null && own.Read(preset) != own.Read(entry.Defaults) && tolerance is null;
        if (own is null || isTasks || changes?.Any(c => c.Key == Name) == true) return entry.With(preset, changes ?? []);
        return entry.With(preset, [KeyValuePair.Create(Name, StopsAt(tolerance ?? Tolerance).ToString("R", CultureInfo.InvariantCulture)), .. changes ?? []]);
    }

    /// <summary>The residual at which a method is done.</summary>
    /// <param name="tolerance">The tolerance of the run.</param>
    public double StopsAt(double tolerance) => (StopsByCertificate ? 1 : ResidualShare) * tolerance;

    /// <summary>When a run is done: by the certificate where the task stops by it, or by the method's residual.</summary>
    /// <param name="tolerance">The tolerance of the run.</param>
    /// <param name="certify">Whether the certificate may be asked.</param>
    public StoppingRule Done(double tolerance, bool certify = true) =>
        StopsByCertificate && certify ? Stop.Certified(tolerance, CertifyEvery) : Stop.Residual(StopsAt(tolerance));
}

/// <summary>A task with its data, over vectors of type <typeparamref name="V"/>.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public abstract class TaskInstance<V> : TaskInstance
    where V : class, IVector<V>
{
    /// <summary>The problem.</summary>
    public abstract IProblem<V> Problem { get; }

    /// <summary>The start, block by block.</summary>
    public abstract IReadOnlyList<V> Start { get; }

    /// <summary>The components of a vector, for output.</summary>
    public required Func<V, double[]> Components { get; init; }

    /// <summary>What is known of the answer; null for problems on real data.</summary>
    public KnownAnswer<V>? Answer { get; init; }

    /// <summary>Measures an answer and prepares what to write of it.</summary>
    public Func<Solution<V>, TaskOutcome> Evaluate { get; init; } = _ => new TaskOutcome();

    /// <summary>F at a point: the leader's objective with the lower level solved again, by a solver of the task's own; null where the library reads it.</summary>
    public Func<IReadOnlyList<V>, double>? Hyperobjective { get; init; }

    /// <summary>Whether the task reads F itself.</summary>
    internal bool ReadsUpperValue => Hyperobjective is not null;

    /// <summary>F at a point: by the task's own solver, in closed form, or as the library reads answers; NaN where that fails.</summary>
    /// <param name="point">The point, block by block; not changed.</param>
    public double UpperValueAt(IReadOnlyList<V> point) => UpperValueAt(point, new TaskContext());

    /// <summary>The same, which may be asked to end.</summary>
    /// <exception cref="OperationCanceledException">It was.</exception>
    internal double UpperValueAt(IReadOnlyList<V> point, TaskContext context)
    {
        ArgumentNullException.ThrowIfNull(point);
        context.Cancellation.ThrowIfCancellationRequested();
        if (Hyperobjective is { } own) return own(point);
        if (Answer?.Hyperobjective is { } known) return known(point[0]);
        if (Problem is BilevelProblem<V> bilevel)
        {
            double mu = Math.Min(1, bilevel.Constants.LowerStrongConvexity is { } declared && declared > 0 ? declared : 1);
            var lower = LowerLevelSolver.Solve(context.Interruptible(bilevel.Lower), point[BilevelProblem.X], point[BilevelProblem.Y], bilevel.LowerSet, 1e-4 * Tolerance * mu);
            var upper = new PreparedRequest<V>(bilevel.Upper, [[point[BilevelProblem.X], lower.Y]], [], values: true);
            upper.Evaluate();
            return upper.Values[0];
        }

        double value = Standing(point, null, null, context.Cancellation).UpperValue;
        context.Cancellation.ThrowIfCancellationRequested();
        return value;
    }

    /// <summary>The answer that a run would have which stays at a point.</summary>
    /// <param name="point">The point, block by block; not changed.</param>
    /// <param name="found">The run that found it, for its penalty parameter and its bounds; null for none.</param>
    /// <param name="certifyAt">The tolerance of its certificate; null for none.</param>
    /// <param name="cancellation">Asks to end.</param>
    internal Solution<V> Standing(IReadOnlyList<V> point, Solution<V>? found, double? certifyAt, CancellationToken cancellation)
    {
        var driver = new Driver { Stop = Stop.Iterations(1), Validate = false, CertifyAt = certifyAt, Certifier = Certifier };
        var problem = found is { Enlargement: > 0 } && Problem is IEnlargeable<V> bounded ? bounded.Enlarged(found.Enlargement) : Problem;
        return driver.Run(new StandingMethod("standing", problem is BilevelProblem<V> ? double.NaN : found?.Penalty ?? double.NaN), problem, point, cancellation: cancellation);
    }

    /// <inheritdoc/>
    public override TResult Accept<TResult>(ITaskVisitor<TResult> visitor) => visitor.Visit(this);

    /// <inheritdoc/>
    public override TaskAnswer Solve(IMethod? method = null, double? tolerance = null, StoppingRule? limit = null, ulong seed = 0, CancellationToken cancellation = default)
    {
        if (tolerance is { } asked && (!(asked > 0) || !double.IsFinite(asked))) throw new ArgumentOutOfRangeException(nameof(tolerance), asked, "The tolerance must be positive and finite.");
        if (method is not null && Unsuited.TryGetValue(method.Name, out string? reason)) throw new ArgumentException(reason, nameof(method));
        double aim = tolerance ?? Tolerance;
        var stop = Done(aim) | Stop.Iterations(Iterations);
        var driver = new Driver { Stop = limit is null ? stop : stop | limit, CertifyAt = aim, Certifier = Certifier };
        var best = new BestPoint<V>(this);

        // A task from outside may bring a method of its own, which has no settings by name.
        method ??= MethodCatalog.All.Any(m => m.Name == Presets[0].Name) ? MethodFor(Presets[0].Name, tolerance) : Presets[0];
        return best.Choose(driver.Run(best.Watching(method), Problem, Start, seed, cancellation), aim, certify: true);
    }
}

/// <summary>A task that is a bilevel problem.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="problem">The problem.</param>
/// <param name="x">Start of the upper variable.</param>
/// <param name="y">Start of the lower variable.</param>
public sealed class BilevelInstance<V>(BilevelProblem<V> problem, V x, V y) : TaskInstance<V>
    where V : class, IVector<V>
{
    /// <inheritdoc/>
    public override BilevelProblem<V> Problem => problem;

    /// <summary>Start of the upper variable.</summary>
    public V X => x;

    /// <summary>Start of the lower variable.</summary>
    public V Y => y;

    /// <inheritdoc/>
    public override IReadOnlyList<V> Start { get; } = [x, y];
}

/// <summary>A task that is a bilevel minimax problem.</summary>
/// <typeparam name="V">Vector type.</typeparam>
/// <param name="problem">The problem.</param>
/// <param name="start">The six blocks of the start.</param>
public sealed class MinimaxInstance<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start) : TaskInstance<V>
    where V : class, IVector<V>
{
    /// <inheritdoc/>
    public override bool StopsByCertificate => true;

    /// <inheritdoc/>
    public override BilevelMinimaxProblem<V> Problem => problem;

    /// <inheritdoc/>
    public override IReadOnlyList<V> Start => start;
}

/// <summary>What is known of a problem, in closed form or to printed digits.</summary>
/// <typeparam name="V">Vector type.</typeparam>
public sealed record KnownAnswer<V>
    where V : class, IVector<V>
{
    /// <summary>F*, the optimal (or best local) upper value; null when unknown.</summary>
    public double? UpperValue { get; init; }

    /// <summary>x*, where it is unique; null otherwise.</summary>
    public V? X { get; init; }

    /// <summary>How exactly the numbers above are known.</summary>
    public double Accuracy { get; init; } = 1e-9;

    /// <summary>y*(x), when it has a closed form.</summary>
    public Func<V, V>? LowerSolution { get; init; }

    /// <summary>F(x), when it has a closed form.</summary>
    public Func<V, double>? Hyperobjective { get; init; }

    /// <summary>grad F(x), when it has a closed form.</summary>
    public Func<V, V>? Hypergradient { get; init; }

    /// <summary>grad L_lambda*(x), when it has a closed form.</summary>
    public Func<V, double, V>? PenaltyHypergradient { get; init; }

    /// <summary>A saddle point (z1, z2) of the lower level at x1, when it has a closed form.</summary>
    public Func<V, (V Z1, V Z2)>? Saddle { get; init; }

    /// <summary>The primal-dual gap of the lower level at (x1; y1, y2), when it has a closed form.</summary>
    public Func<V, V, V, double>? Gap { get; init; }
}
