namespace Bilevel.Cli;

/// <summary>How the page looks.</summary>
internal static class HtmlStyle
{
    public const string Sheet = """
        :root { color-scheme: light dark; --paper: #fff; --ink: #1c2430; --quiet: #566173; --line: #e3e7ed; --curve: #1f5fa8; --grid: #e9ecf1; --tick: #9aa4b2; --goal: #7b8798; --mark: #fdf0c8; --code: #f5f7f9;
          --agree: 31 95 168; --apart: 217 108 13; --good: #226340; --good-paper: #f1f8f4; --open: #80590c; --open-paper: #fbf7ed; --bad: #97291f; --bad-paper: #fcf2f1; --group1: #d96c0d; --group2: #2e7d4f; --group3: #8a4fa3; }
        @media screen and (prefers-color-scheme: dark) {
          :root { --paper: #14181f; --ink: #e4e8ee; --quiet: #a3aebd; --line: #2c3440; --curve: #6aa9ee; --grid: #262d38; --tick: #5c6878; --goal: #8b97a8; --mark: #5a4a14; --code: #1c222b;
            --agree: 70 140 220; --apart: 225 120 30; --good: #7fd0a0; --good-paper: #16281f; --open: #e0b65c; --open-paper: #2a2415; --bad: #f08c83; --bad-paper: #2e1a19; --group1: #f0923e; --group2: #6cc491; --group3: #c490dc; }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }
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
        .good { border-color: #2e7d4f; background: var(--good-paper); } .good .word { color: var(--good); }
        .open { border-color: #b07d1a; background: var(--open-paper); } .open .word { color: var(--open); }
        .bad { border-color: #b3372f; background: var(--bad-paper); } .bad .word { color: var(--bad); }
        table { border-collapse: collapse; width: 100%; margin: 8px 0; font-size: 14px; }
        th { text-align: left; font-weight: 500; color: var(--quiet); font-size: 12.5px; }
        th, td { padding: 5px 18px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
        td:first-child { width: 210px; }
        td { font-variant-numeric: tabular-nums; }
        .settings { table-layout: fixed; } .settings th:nth-child(1) { width: 210px; } .settings th:nth-child(2), .settings th:nth-child(3) { width: 125px; } .settings td { overflow-wrap: anywhere; }
        td.words { color: var(--quiet); overflow-wrap: anywhere; }
        .number { text-align: right; white-space: nowrap; width: 150px; padding-right: 28px; }
        mark { background: var(--mark); color: inherit; padding: 1px 5px; border-radius: 3px; }
        a { color: var(--curve); }
        ul { margin: 8px 0; padding-left: 20px; }
        .sign li { color: var(--open); }
        .curves { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px; }
        svg { width: 100%; height: auto; display: block; font-family: inherit; }
        svg text { font-size: 11px; fill: var(--quiet); }
        svg .name { font-size: 11.5px; }
        svg .power { font-size: 8.5px; }
        svg .grid { stroke: var(--grid); } svg .tick, svg .axis { stroke: var(--tick); }
        svg .goal { stroke: var(--goal); stroke-dasharray: 4 4; }
        svg .reference { stroke: var(--group1); stroke-width: 1.3; stroke-dasharray: 6 3; } svg .letter { fill: var(--group1); font-weight: 600; }
        svg .curve { fill: none; stroke: var(--curve); stroke-width: 1.8; stroke-linejoin: round; }
        svg .end { fill: var(--curve); }
        pre { background: var(--code); border: 1px solid var(--line); border-radius: 4px; padding: 12px 14px; white-space: pre-wrap; overflow-wrap: anywhere; font: 13.5px/1.5 ui-monospace, "SF Mono", Consolas, "Liberation Mono", monospace; }
        .legend { font-size: 13.5px; color: var(--quiet); } .legend span { display: inline-block; margin-right: 16px; } .legend b { color: var(--group1); margin-left: 6px; }
        .key { display: inline-block; width: 11px; height: 11px; margin-right: 6px; border-radius: 2px; }
        .group0 { fill: var(--curve); background: var(--curve); } .group1 { fill: var(--group1); background: var(--group1); } .group2 { fill: var(--group2); background: var(--group2); } .group3 { fill: var(--group3); background: var(--group3); }
        svg rect { fill-opacity: 0.6; } .key { opacity: 0.75; }
        .histogram { max-width: 600px; }
        .images { display: grid; grid-template-columns: repeat(auto-fill, minmax(112px, 1fr)); gap: 16px 10px; margin: 12px 0; }
        figure { margin: 0; break-inside: avoid; }
        figure img { display: block; max-width: 100%; height: auto; image-rendering: pixelated; background: #fff; border: 1px solid var(--line); }
        figcaption { margin-top: 4px; font-size: 12.5px; line-height: 1.35; white-space: pre-line; overflow-wrap: anywhere; }
        .wide { overflow-x: auto; }
        .wide table { width: auto; } .wide td:first-child { width: auto; } .wide td { overflow-wrap: break-word; max-width: 30em; }
        .amount { text-align: right; white-space: nowrap; }
        .cross td, .cross th { padding: 4px 7px; text-align: right; border: 1px solid var(--line); }
        .cross thead th { text-align: center; } .cross .corner { text-align: right; vertical-align: bottom; } .cross tbody th { white-space: nowrap; } .turned thead th { vertical-align: bottom; } .turned thead span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
        .agree { background: rgb(var(--agree) / var(--shade, 0)); outline: 2px solid var(--curve); outline-offset: -2px; }
        .apart { background: rgb(var(--apart) / var(--shade, 0)); }
        .cross .none, .cross .sum { color: var(--quiet); }
        td, i, svg, img { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
        footer { margin-top: 44px; color: var(--quiet); font-size: 12.5px; }
        @media screen and (max-width: 720px) {
          .curves { grid-template-columns: 1fr; } main { padding: 20px 16px; } td:first-child, .number { width: auto; } .number { padding-right: 0; }
          tr:has(> td.words) { display: grid; grid-template-columns: minmax(0, 1fr) auto; border-bottom: 1px solid var(--line); padding: 4px 0; } tr:has(> td.words) td { border: 0; padding: 1px 8px 1px 0; overflow-wrap: anywhere; }
          td.words { grid-column: 1 / -1; } .settings tr:has(> td.words) { grid-template-columns: minmax(0, 1fr) auto 6em; } .settings th:nth-child(n+3) { display: none; }
        }
        @media print { main { padding: 0; } h2, h3 { break-after: avoid; } svg, tr { break-inside: avoid; } .wide { overflow: visible; } .wide table { font-size: 11px; } }
        """;
}
