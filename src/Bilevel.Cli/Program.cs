using Bilevel.Cli;
using Bilevel.Tasks;

return CommandLine.RunOnConsole(args, TaskCatalog.All);
