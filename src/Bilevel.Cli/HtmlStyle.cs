namespace Bilevel.Cli;

/// <summary>How the page looks.</summary>
internal static class HtmlStyle
{
    public const string Sheet = """
        :root { --ink: #1c2430; --quiet: #566173; --line: #e3e7ed; --curve: #1f5fa8; }
        * { box-sizing: border-box; }
        body { margin: 0; background: #fff; color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }
        main { max-width: 1040px; margin: 0 auto; padding: 36px 28px 48px; }
        h1 { font-size: 30px; line-height: 1.2; margin: 0; font-weight: 650; overflow-wrap: anywhere; }
        h1 .by { font-weight: 400; color: var(--quiet); }
        h2 { font-size: 19px; margin: 40px 0 10px; padding-bottom: 6px; border-bottom: 1px solid var(--line); font-weight: 600; }
        h3 { font-size: 15px; margin: 20px 0 6px; font-weight: 600; overflow-wrap: anywhere; }
        h3 .quiet { font-weight: 400; margin-left: 6px; }
        p { margin: 6px 0; overflow-wrap: anywhere; }
        .what { color: var(--quiet); font-size: 16px; margin-top: 6px; }
        .quiet { color: var(--quiet); font-size: 13.5px; }
        .verdict { margin: 22px 0 0; padding: 12px 18px; border-left: 5px solid; border-radius: 4px; }
        .verdict .word { font-weight: 650; margin-right: 6px; }
        .good { border-color: #2e7d4f; background: #f1f8f4; } .good .word { color: #226340; }
        .open { border-color: #b07d1a; background: #fbf7ed; } .open .word { color: #80590c; }
        .bad { border-color: #b3372f; background: #fcf2f1; } .bad .word { color: #97291f; }
        table { border-collapse: collapse; width: 100%; margin: 8px 0; font-size: 14px; }
        th { text-align: left; font-weight: 500; color: var(--quiet); font-size: 12.5px; }
        th, td { padding: 5px 18px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
        td:first-child { width: 210px; }
        td { font-variant-numeric: tabular-nums; }
        .settings { table-layout: fixed; } .settings th:nth-child(1) { width: 210px; } .settings th:nth-child(2), .settings th:nth-child(3) { width: 125px; } .settings td { overflow-wrap: anywhere; }
        td.words { color: var(--quiet); overflow-wrap: anywhere; }
        .number { text-align: right; white-space: nowrap; width: 150px; padding-right: 28px; }
        mark { background: #fdf0c8; color: inherit; padding: 1px 5px; border-radius: 3px; }
        a { color: var(--curve); }
        ul { margin: 8px 0; padding-left: 20px; }
        .sign li { color: #80590c; }
        .curves { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px; }
        svg { width: 100%; height: auto; display: block; font-family: inherit; }
        svg text { font-size: 11px; fill: #46505f; }
        svg .name { font-size: 11.5px; }
        svg .power { font-size: 8.5px; }
        svg .grid { stroke: #e9ecf1; } svg .tick, svg .axis { stroke: #9aa4b2; }
        svg .goal { stroke: #7b8798; stroke-dasharray: 4 4; }
        svg .curve { fill: none; stroke: var(--curve); stroke-width: 1.8; stroke-linejoin: round; }
        svg .end { fill: var(--curve); }
        pre { background: #f5f7f9; border: 1px solid var(--line); border-radius: 4px; padding: 12px 14px; white-space: pre-wrap; overflow-wrap: anywhere; font: 13.5px/1.5 ui-monospace, "SF Mono", Consolas, "Liberation Mono", monospace; }
        footer { margin-top: 44px; color: var(--quiet); font-size: 12.5px; }
        @media (max-width: 720px) { .curves { grid-template-columns: 1fr; } main { padding: 20px 16px; } }
        @media print { main { padding: 0; } section { break-inside: avoid; } }
        """;
}
