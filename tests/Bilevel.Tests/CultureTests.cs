using System.Globalization;

namespace Bilevel.Tests;

/// <summary>The suite is run once under a culture with decimal commas; this test tells whether it really was.</summary>
public class CultureTests
{
    [Fact]
    public void The_culture_is_the_one_asked_for()
    {
        string? asked = Environment.GetEnvironmentVariable("LC_ALL");
        if (asked?.StartsWith("de_DE", StringComparison.Ordinal) != true) Assert.Skip("LC_ALL does not ask for de_DE.");
        Assert.Equal("de-DE", CultureInfo.CurrentCulture.Name);
        Assert.Equal("0,5", 0.5.ToString(CultureInfo.CurrentCulture));
        Assert.Equal("[0.5]", Vectors.Of(0.5).ToString());
    }
}
