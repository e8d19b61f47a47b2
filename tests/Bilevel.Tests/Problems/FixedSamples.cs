using CsCheck;

namespace Bilevel.Tests;

/// <summary>Samples of a generator that are the same in every run: a seed given to the library fixes its first sample only.</summary>
internal static class FixedSamples
{
    public static void Each<T>(this Gen<T> generator, int count, Action<T> check)
    {
        var random = new PCG(1, 20240501);
        for (int i = 0; i < count; i++)
        {
            var sample = generator.Generate(random, null, out _);
            try
            {
                check(sample);
            }
            catch (Exception e)
            {
                throw new Xunit.Sdk.XunitException($"sample {i}, {sample}: {e.Message}", e);
            }
        }

        Note(count);
    }

    public static void Each<T>(this Gen<T> generator, int count, Func<T, bool> check) => generator.Each(count, sample => { Assert.True(check(sample)); });

    /// <summary>Says how many problems a test looked at, for the table of a study.</summary>
    public static void Note(int problems) => TestContext.Current.TestOutputHelper?.WriteLine(FormattableString.Invariant($"problems: {problems}"));
}
