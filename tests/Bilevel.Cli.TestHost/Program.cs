using Bilevel.Cli;
using Bilevel.Cli.TestHost;

return CommandLine.RunOnConsole(args, TestTasks.All);
