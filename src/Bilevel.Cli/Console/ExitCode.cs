namespace Bilevel.Cli;

/// <summary>What the tool's exit code means; the help of <c>run</c> lists them.</summary>
internal static class ExitCode
{
    public const int Finished = 0;
    public const int Defect = 1;
    public const int WrongInput = 2;
    public const int BrokeDown = 3;
    public const int NotCertified = 4;
    public const int Interrupted = 130;
    public const int Terminated = 143;
}
