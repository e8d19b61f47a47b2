namespace Bilevel;

/// <summary>What to change where a run broke down: settings that the method that ran has, with their values.</summary>
internal static class Remedies
{
    private static readonly string[] Steps = ["step-x", "step-upper", "step-y", "step-z", "step-lower", "step-lower-max", "step", "step-joint", "step-inner", "step-centre", "eta", "first-move"];
    private static readonly string[] Factors = ["lambda-growth", "lambda-factor", "rho-factor"];
    private static readonly string[] Increments = ["lambda-increment", "penalty-power"];
    private static readonly string[] Penalties = ["lambda", "lambda-limit", "rho"];

    /// <summary>The advice, in a sentence or two.</summary>
    /// <param name="method">The method that ran.</param>
    public static string Of(IMethod method)
    {
        if (method.Remedy is { } own) return own;
        var schema = MethodCatalog.All.FirstOrDefault(e => e.Defaults.GetType() == method.GetType())?.Schema;
        string steps = Above(0, Steps), automatic = Automatic(Steps), growth = Above(1, Factors) is { Length: > 0 } factors ? factors : Above(0, Increments), penalty = Above(0, Penalties);
        List<string> advice = [];
        if (steps.Length > 0) advice.Add($"Take smaller steps: lower {steps}.");
        else if (automatic.Length > 0) advice.Add($"Take smaller steps: set {automatic}, which the method chooses itself now, to a small number.");
        if (growth.Length > 0) advice.Add($"Let the penalty parameter grow more slowly: lower {growth}.");
        else if (penalty.Length > 0) advice.Add($"Take a smaller penalty parameter: lower {penalty}.");
        return advice.Count > 0 ? string.Join(" ", advice) : "Start elsewhere, scale the variables to sizes near 1, or take another method.";

        string Above(double least, string[] names) => Listed(names, s => s.ReadValue(method) is double value && value > least, s => $"{s.Name} (now {s.Read(method)})");

        string Automatic(string[] names) => Listed(names, s => s.ReadValue(method) is null, s => s.Name);

        string Listed(string[] names, Func<Setting, bool> wanted, Func<Setting, string> words) =>
            string.Join(" or ", names.Select(n => schema?.Settings.FirstOrDefault(s => s.Name == n)).OfType<Setting>().Where(wanted).Select(words));
    }
}
