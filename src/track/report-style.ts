// The look of the HTML report: one column, quiet colours that hold in light, dark and print (checked for contrast).

export const REPORT_STYLE = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1c2330;--muted:#667085;--rule:#d9dee7;--soft:#f4f6f9;
--c1:#1769c2;--c2:#c2410c;--c3:#15803d;--c4:#7e22ce;--c5:#a16207;--c6:#be185d;--bad:#b91c1c;--good:#15803d}
@media(prefers-color-scheme:dark){:root{--paper:#12161d;--ink:#e6eaf1;--muted:#98a2b3;--rule:#303845;--soft:#1b212b;
--c1:#6cb0ff;--c2:#ff9e64;--c3:#5bd18b;--c4:#c79bff;--c5:#e6c04d;--c6:#ff8cc0;--bad:#ff8a80;--good:#5bd18b}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:920px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:30px;line-height:1.2;margin:0 0 4px}
h2{font-size:20px;margin:40px 0 10px;padding-top:14px;border-top:1px solid var(--rule)}
p{margin:8px 0}.lead{color:var(--muted);font-size:17px;margin:0 0 8px}
.note,figcaption{color:var(--muted);font-size:14px}
.warning{color:var(--bad);font-weight:600}
svg[role=img]{width:100%;min-width:560px;height:auto;display:block}
.winner td:last-child{white-space:normal;min-width:11em}
figure{margin:8px 0 16px}figcaption{text-align:center}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top;white-space:nowrap}
th{color:var(--muted);font-weight:600}
th:first-child,td:first-child{padding-left:0}
.right{text-align:right}
.better{color:var(--good);font-weight:600}.worse{color:var(--bad);font-weight:600}.equal{color:var(--muted)}
.bar{display:block;height:3px;margin:2px 0 0 auto;background:var(--c1);border-radius:2px;min-width:1px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;margin:12px 0;font-size:15px}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 20px;margin:4px 0 0;padding:0;font-size:14px;color:var(--muted)}
.legend svg{vertical-align:-1px;margin-right:4px}
details{margin:10px 0}summary{cursor:pointer;color:var(--c1)}
pre{background:var(--soft);padding:12px 14px;border-radius:6px;overflow-x:auto;font:14px/1.45 ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media(max-width:560px){main{padding:20px 14px 48px}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:8px}}
@media print{:root{--paper:#fff;--ink:#000;--muted:#444;--rule:#bbb;--c1:#1769c2;--c2:#c2410c;--c3:#15803d;--c4:#7e22ce;--c5:#a16207;--c6:#be185d;--bad:#b91c1c;--good:#15803d}
main{max-width:none;padding:0}h2{break-after:avoid}figure,tr{break-inside:avoid}details>*{display:block}}
`;
