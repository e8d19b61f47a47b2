using System.Runtime.InteropServices;

namespace Bilevel.Cli;

/// <summary>Turns Ctrl-C and SIGTERM into a request to stop soon with what there is; a second one ends the process at once.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly TextWriter error;
    private readonly string announcement;
    private readonly PosixSignalRegistration interrupt, terminate;
    private int received;

    public Interruption(TextWriter error, string announcement = "Stopping: what takes long is left out")
    {
        (this.error, this.announcement) = (error, announcement);
        interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, Cli.ExitCode.Interrupted));
        terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, Cli.ExitCode.Terminated));
    }

    public CancellationToken Token => source.Token;

    /// <summary>The exit code that the signal asks for; null where there was none.</summary>
    public int? ExitCode => received == 0 ? null : received;

    public void Dispose()
    {
        interrupt.Dispose();
        terminate.Dispose();
        source.Dispose();
    }

    private void Stop(PosixSignalContext context, int code)
    {
        if (Interlocked.CompareExchange(ref received, code, 0) != 0) return;
        context.Cancel = true;
        error.WriteLine($"bilevel: {announcement} (once more: at once).");
        source.Cancel();
    }
}
