namespace Bilevel;

/// <summary>One phase of a solve: a method and the rule that ends it.</summary>
/// <param name="Method">The method.</param>
/// <param name="Stop">When the phase ends; when that means convergence, or the caller cancelled, the solve ends with it. Limits count from the start of the solve.</param>
public sealed record Phase(IMethod Method, StoppingRule Stop);
