using System.Globalization;

namespace Bilevel.Tasks;

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
    /// var task = TaskCatalog.Find("ridge").Create([new("features", "10")], new TaskContext());
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
