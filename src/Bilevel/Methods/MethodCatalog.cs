using System.Diagnostics.CodeAnalysis;

namespace Bilevel;

/// <summary>A method as the tool offers it: its name, what it is for, its settings.</summary>
public sealed class MethodEntry
{
    private readonly Func<IMethod, IEnumerable<KeyValuePair<string, string>>, IMethod> change;

    private MethodEntry(string name, string summary, IMethod defaults, SettingsSchema schema, Func<IMethod, IEnumerable<KeyValuePair<string, string>>, IMethod> change) =>
        (Name, Summary, Defaults, Schema, this.change) = (name, summary, defaults, schema, change);

    /// <summary>The method's name.</summary>
    public string Name { get; }

    /// <summary>What it is, in a sentence.</summary>
    public string Summary { get; }

    /// <summary>The settings it has unless told otherwise.</summary>
    public IMethod Defaults { get; }

    /// <summary>The settings it takes.</summary>
    public SettingsSchema Schema { get; }

    /// <summary>Makes an entry.</summary>
    public static MethodEntry Of<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] T>(string summary, T defaults)
        where T : class, IMethod, new() =>
        new(defaults.Name, summary, defaults, SettingsSchema.Of(typeof(T)), (method, values) => SettingsSchema.With((T)method, values));

    /// <summary>A copy of a method's settings with some changed by name.</summary>
    /// <param name="method">Settings of this entry's type, for example a task's preset.</param>
    /// <param name="values">Pairs of name and text.</param>
    /// <exception cref="SettingException">A name is unknown or a value refused.</exception>
    public IMethod With(IMethod method, IEnumerable<KeyValuePair<string, string>> values) => change(method, values);
}

/// <summary>All methods.</summary>
public static class MethodCatalog
{
    /// <summary>The methods, each with its defaults.</summary>
    public static IReadOnlyList<MethodEntry> All { get; } =
    [
        MethodEntry.Of("Picks the method that suits the problem.", new Auto()),
        MethodEntry.Of("Bilevel: single loop or T inner steps with growing lambda; exact or sampled gradients.", new F2sa()),
        MethodEntry.Of("Bilevel: F2SA with recursive estimates of its gradients (momentum), less noise from the same minibatches at twice the calls.", new F3sa()),
        MethodEntry.Of("Bilevel: differences of order p over several followers; twice the order of F2SA's bias for the same two; exact or sampled gradients.", new F2saP()),
        MethodEntry.Of("Bilevel: two time scales at fixed or staged lambda; exact gradients.", new F2ba()),
        MethodEntry.Of("Bilevel: F2BA with accelerated inner loops, the first choice for exact gradients.", new F2ba { Accelerated = true }),
        MethodEntry.Of("Bilevel: limited-memory BFGS on the penalty function, the fastest for exact gradients and many upper variables.", new QuasiNewton()),
        MethodEntry.Of("Bilevel: F2BA with momentum for x and restarts, for many ill-conditioned steps of x.", new AccF2ba()),
        MethodEntry.Of("Bilevel: the same with accelerated inner loops.", new AccF2ba { Accelerated = true }),
        MethodEntry.Of("Bilevel: F2BA on minibatches at a given lambda and number of inner steps.", F2ba.Stochastic(batch: 64, lambda: 100, innerSteps: 10, stepX: 0.1)),
        MethodEntry.Of("Bilevel: F2BSA with recursive estimates of its gradients, twice the calls.", new F3bsa()),
        MethodEntry.Of("Bilevel minimax: optimistic gradients on the penalty function, the first choice.", new Ogda()),
        MethodEntry.Of("Bilevel minimax: extragradient on the penalty function, two evaluations an iteration.", new Extragradient()),
        MethodEntry.Of("Bilevel minimax: extragradient with a slow centre that damps cycles.", new SmoothedExtragradient()),
        MethodEntry.Of("Bilevel minimax: SAPD, minibatches of both levels in proximal subproblems, with a polish on exact gradients.", new Sapd()),
        MethodEntry.Of("Bilevel minimax: proximal-point loop on the penalty function, slower, with a guarantee.", new ProximalPoint()),
        MethodEntry.Of("Bilevel minimax: plain gradient descent ascent, for comparison; it cycles on bilinear games.", new GradientDescentAscent()),
        MethodEntry.Of("Bilevel minimax: single-timescale descent ascent on minibatches, for lower levels that are strongly convex and strongly concave.", new Ssgda()),
        MethodEntry.Of("Bilevel minimax: the same with K alternating steps of the lower level per step of x.", new Tsgda1()),
        MethodEntry.Of("Bilevel minimax: the same with K steps of the lower minimiser, then Q of the maximiser.", new Tsgda2()),
        MethodEntry.Of("Constrained lower level: limited-memory BFGS on the penalty function, lower solves by the method of multipliers; the first choice where f sees no multipliers.", new ConstrainedQuasiNewton()),
        MethodEntry.Of("Constrained lower level: the constraints as a quadratic penalty, proximal steps; for comparison.", new FirstOrderPenalty()),
        MethodEntry.Of("Constrained lower level: a single loop on the proximal Lagrangian value function, for comparison.", new LvHba()),
    ];

    /// <summary>The method of that name.</summary>
    /// <exception cref="SettingException">There is none; the message lists them.</exception>
    public static MethodEntry Find(string name) => All.FirstOrDefault(m => m.Name == name)
        ?? throw new SettingException($"There is no method '{name}'. There are: {string.Join(", ", All.Select(m => m.Name))}.");
}
