using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Bilevel.Tests;

/// <summary>
/// A process that is killed outright, again and again, and resumed from the file it left gives the bits of a run
/// that was never disturbed. The process is this assembly, started with an environment variable.
/// </summary>
public sealed class KillTests
{
    private const string Variable = "BILEVEL_TESTS_RUN_IN";
    private const long Iterations = 400_000;
    private const int Kills = 20;

    [ModuleInitializer]
    internal static void RunInstead()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } folder) return;
        Run(new FileCheckpointStore(Path.Combine(folder, "checkpoint")));
        Environment.Exit(0);
    }

    private static Solution<DenseVector<double>> Run(ICheckpointStore store)
    {
        var problem = CurvedLevels.Problem<double>();
        problem = problem with { Upper = new GaussianNoise<double>(problem.Upper, 0.1), Lower = new GaussianNoise<double>(problem.Lower, 0.1) };
        var driver = new Driver { Stop = Stop.Iterations(Iterations), Checkpoints = store, CheckpointEvery = 200, Resume = true };
        return driver.Run(new F2sa { Batch = 2, StepX = 1e-3, Upper = new UpperStep { StepRule = StepRule.Momentum } }, problem, CurvedLevels.Vector<double>(3), CurvedLevels.Vector<double>(4), seed: 11);
    }

    [Fact]
    public void Killed_twenty_times_and_resumed()
    {
        string folder = Directory.CreateTempSubdirectory("killed").FullName;
        try
        {
            var store = new FileCheckpointStore(Path.Combine(folder, "checkpoint"));
            long last = 0;
            for (int kill = 0; kill < Kills; kill++)
            {
                using var process = Start(folder);

                // Once it has got further than the one before, a random moment later.
                while (!process.HasExited && IterationOf(store) <= last) Thread.Sleep(1);
                Thread.Sleep((int)(RandomBits.At(1, (ulong)kill) % 10));
                process.Kill();
                process.WaitForExit();
                Assert.NotEqual(0, process.ExitCode);
                long reached = IterationOf(store);
                Assert.InRange(reached, last + 1, Iterations - 1);
                last = reached;
            }

            var whole = Run(new MemoryCheckpoints());
            ResumeTests.AssertSame(whole, Run(store), string.Create(CultureInfo.InvariantCulture, $"killed {Kills} times, last after {last}"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Between its two moves the file is away for a moment; what is there is always whole.
    private static long IterationOf(FileCheckpointStore store)
    {
        for (; ; Thread.Yield())
        {
            try
            {
                return store.Load()?.Info.Iteration ?? 0;
            }
            catch (CheckpointException e) when (e.InnerException?.InnerException is FileNotFoundException)
            {
            }
        }
    }

    private static Process Start(string folder)
    {
        string host = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        var start = new ProcessStartInfo(host, ["exec", typeof(KillTests).Assembly.Location]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[Variable] = folder;
        return Process.Start(start)!;
    }
}
