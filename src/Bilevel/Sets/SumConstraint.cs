namespace Bilevel;

/// <summary>How a budget constrains the sum of the components.</summary>
public enum SumConstraint
{
    /// <summary>sum x &lt;= budget.</summary>
    AtMost,

    /// <summary>sum x = budget.</summary>
    Equal,
}
