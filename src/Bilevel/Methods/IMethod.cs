namespace Bilevel;

/// <summary>
/// A method, implemented by the record of its settings. Methods of a problem class implement the interface of that
/// class (<see cref="IBilevelMethod"/>, <see cref="IBilevelMinimaxMethod"/>), typed by its problem.
/// </summary>
public interface IMethod
{
    /// <summary>The method's short name, as on the command line.</summary>
    string Name { get; }

    /// <summary>The method whose settings count, where this one only watches another; otherwise itself.</summary>
    IMethod Core => this;

    /// <summary>What to change where a run with these settings breaks down, in a sentence; null: lower what it declares of steps and penalty parameters.</summary>
    string? Remedy => null;

    /// <summary>How many numbers a run keeps, within a factor of three, without what the problem itself keeps.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The start, block by block.</param>
    double NumbersKept<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V> => MethodClass.Copies * start.Sum(b => (double)b.Length);

    /// <summary>Starts a run on a problem of any class that the method can solve. The vectors given are copied, never changed.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The start, block by block, feasible.</param>
    /// <param name="seed">Seed of all random draws of the run.</param>
    /// <exception cref="InvalidProblemException">The method is not for this class.</exception>
    IRun<V> Start<V>(IProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V>;

    /// <summary>What is wrong with these settings on this problem, before anything is computed; an error where the problem is of another class.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The start, block by block, feasible.</param>
    IEnumerable<Finding> Validate<V>(IProblem<V> problem, IReadOnlyList<V> start)
        where V : class, IVector<V>;
}

/// <summary>A method for bilevel problems.</summary>
public interface IBilevelMethod : IMethod
{
    /// <summary>Starts a run. The vectors given are copied, never changed.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="x">Start of the upper variable.</param>
    /// <param name="y">Start of the lower variable.</param>
    /// <param name="seed">Seed of all random draws of the run.</param>
    IRun<V> Start<V>(BilevelProblem<V> problem, V x, V y, ulong seed)
        where V : class, IVector<V>;

    /// <summary>What is wrong with these settings on this problem, before anything is computed.</summary>
    IEnumerable<Finding> Validate<V>(BilevelProblem<V> problem)
        where V : class, IVector<V>;

    /// <inheritdoc/>
    IRun<V> IMethod.Start<V>(IProblem<V> problem, IReadOnlyList<V> start, ulong seed) =>
        problem is BilevelProblem<V> bilevel ? Start(bilevel, start[BilevelProblem.X], start[BilevelProblem.Y], seed) : throw new InvalidProblemException([MethodClass.Wrong(Name, "bilevel problems")]);

    /// <inheritdoc/>
    IEnumerable<Finding> IMethod.Validate<V>(IProblem<V> problem, IReadOnlyList<V> start) =>
        problem is BilevelProblem<V> bilevel ? Validate(bilevel) : [MethodClass.Wrong(Name, "bilevel problems without maximising blocks")];
}

/// <summary>A method for bilevel minimax problems; it solves bilevel problems through their lift.</summary>
public interface IBilevelMinimaxMethod : IMethod
{
    /// <summary>Starts a run. The vectors given are copied, never changed.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="start">The six blocks of the start, in the order of <see cref="BilevelMinimaxProblem"/>.</param>
    /// <param name="seed">Seed of all random draws of the run.</param>
    IRun<V> Start<V>(BilevelMinimaxProblem<V> problem, IReadOnlyList<V> start, ulong seed)
        where V : class, IVector<V>;

    /// <summary>What is wrong with these settings on this problem, before anything is computed.</summary>
    IEnumerable<Finding> Validate<V>(BilevelMinimaxProblem<V> problem)
        where V : class, IVector<V>;

    /// <inheritdoc/>
    IRun<V> IMethod.Start<V>(IProblem<V> problem, IReadOnlyList<V> start, ulong seed) => problem switch
    {
        BilevelMinimaxProblem<V> minimax => Start(minimax, start, seed),
        BilevelProblem<V> bilevel => LiftedRun<V>.Start(this, bilevel, start, seed),
        _ => throw new InvalidProblemException([MethodClass.Wrong(Name, "bilevel and bilevel minimax problems")]),
    };

    /// <inheritdoc/>
    IEnumerable<Finding> IMethod.Validate<V>(IProblem<V> problem, IReadOnlyList<V> start) => problem switch
    {
        BilevelMinimaxProblem<V> minimax => Validate(minimax),
        BilevelProblem<V> bilevel => LiftedRun<V>.Validate(this, bilevel, start),
        _ => [MethodClass.Wrong(Name, "bilevel and bilevel minimax problems")],
    };
}

internal static class MethodClass
{
    /// <summary>So many copies of the variables a method keeps as a rule.</summary>
    public const double Copies = 22;

    public static Finding Wrong(string method, string classes) =>
        new(Severity.Error, $"The method {method} is for {classes}; this problem is of another class.", "'bilevel list' and the documentation say which methods suit which problems; 'auto' always picks one that does.");
}
