namespace Bilevel;

/// <summary>A run that can say more of its end than its residual does.</summary>
internal interface IExplainedRun
{
    /// <summary>The norm of the method's own estimate of the hypergradient, before any error bound.</summary>
    double Estimate { get; }

    /// <summary>What keeps the residual above a tolerance, for a run that ends by its limit; null where there is nothing to add.</summary>
    string? Remark { get; }

    /// <summary>What to change after a breakdown, by names of settings that the method has.</summary>
    string Advice { get; }
}
