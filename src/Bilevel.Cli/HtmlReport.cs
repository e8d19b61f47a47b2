namespace Bilevel.Cli;
internal static class HtmlReport { public static string Of(RunReport report) => ""; }
