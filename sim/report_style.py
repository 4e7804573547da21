# SPDX-License-Identifier: Apache-2.0
"""How the report looks: its style sheet, and the one line of script that opens an episode when its bar is clicked.

Neighbours: report.py sets both into the page; report_drawing.py names the classes.
Rules of the file: system fonts, dark on light, one accent and one warning colour; nothing is loaded.
"""

STYLE = """
:root{--ink:#1d2a33;--soft:#5d6b76;--line:#dfe5e9;--pale:#f4f7f8;--accent:#1f7a8c;--tint:#cfe6ea;--bad:#b8432f}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:#fff;font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1280px;margin:0 auto;padding:36px 32px 60px}
h1{font-size:30px;margin:0 0 14px;letter-spacing:-.01em}h1 span{font-weight:400;color:var(--soft)}
h2{font-size:19px;margin:40px 0 8px}
code{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.hidden{position:absolute}
.about{display:flex;flex-wrap:wrap;gap:6px 28px;margin:0 0 22px}
.about dt{font-size:12px;color:var(--soft)}.about dd{margin:0}
.note{border-left:3px solid var(--accent);background:var(--pale);padding:10px 14px;margin:0 0 22px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:14px;margin-bottom:22px}
.tile{border:1px solid var(--line);border-radius:8px;padding:14px 16px}
.tile .what,.tile p{font-size:13px;color:var(--soft);margin:0}
.figure{font-size:34px;font-weight:600;line-height:1.25;font-variant-numeric:tabular-nums}
.whisker{display:block;width:100%;height:12px;margin:2px 0 4px}.rail{fill:var(--line)}
.spread{stroke:var(--ink);stroke-width:1.5;fill:none;vector-effect:non-scaling-stroke}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th{font-weight:500;font-size:12px;color:var(--soft);text-align:left}
td,th{padding:5px 14px 5px 0;vertical-align:top;border-bottom:1px solid var(--line)}
.figures{min-width:640px}.figures td:not(:first-child),.figures th:not(:first-child){text-align:right;padding-left:18px}
.figures tr:last-child td{font-weight:600}
.rate{display:inline-block;width:90px;height:7px;background:var(--line);border-radius:4px;margin-right:10px}
.rate i{display:block;height:100%;background:var(--accent);border-radius:4px}
.beside{overflow-x:auto;display:flex;flex-wrap:wrap;gap:8px 64px;align-items:flex-start}
.share{display:inline-block;min-width:44px}
.ends td:first-child{text-align:right}.ends small{display:block;color:var(--soft);font-size:12.5px}
.said{color:var(--soft);margin:4px 0 12px}.said code{color:var(--ink)}
b.ok,.ok{color:var(--accent)}b.bad,.bad{color:var(--bad)}.none{color:var(--soft)}
.solved{fill:var(--accent)}.unsolved{fill:var(--bad)}
.days{width:100%;display:block}.days .base{stroke:var(--line)}
.days .mean{stroke:var(--ink);stroke-dasharray:4 3}
.days text{paint-order:stroke;stroke:#fff;stroke-width:3px;font-size:12px;fill:var(--soft)}
.days .count{stroke-width:6px;text-anchor:middle;font-size:11px}
.days .day{font-size:15px;font-weight:600;fill:var(--ink)}.days .mean-name{fill:var(--ink)}
.days a:hover rect{opacity:.75}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:13px;color:var(--soft);margin:0 0 12px}
.legend span{display:inline-flex;align-items:center;gap:6px}.legend svg{width:14px;height:14px}
.ramp{width:54px;height:5px;border-radius:3px}
.box{width:14px;height:11px;background:var(--tint);border:1px solid #86b6c0}
details{border:1px solid var(--line);border-radius:8px;margin-bottom:10px;padding:0 18px}
details[open]{padding-bottom:16px}
summary{cursor:pointer;padding:11px 0;display:flex;gap:12px;align-items:baseline;flex-wrap:wrap}
summary b,.row b{font-weight:600}
summary small,.row small{color:var(--soft);font-size:13px}.row small{display:block}
.badge{font-size:11px;font-weight:600;letter-spacing:.02em;border:1px solid;border-radius:10px;padding:0 8px}
.badge.bad{background:#fbf1ef}.badge.ok{background:#eef6f7}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:24px;margin-bottom:18px}
figure{margin:0}figcaption{font-size:13px;color:var(--soft);margin-top:6px}figcaption b{color:var(--ink)}
.home{width:100%;display:block;background:#f8fafb;border-radius:4px}
.room{fill:#f1f3f4}.free{fill:#fff}.wall{fill:#56646e}
.thing{fill:#e8ecef;fill-opacity:.9;stroke:#bcc6cc;stroke-width:.7}
.known{fill:var(--tint);fill-opacity:.75;stroke:#86b6c0;stroke-width:.7}
.name{font-size:13px;letter-spacing:.06em;fill:#9aa6ae;text-anchor:middle;dominant-baseline:middle}
.label{fill:#52606a;text-anchor:middle;dominant-baseline:central}
.walk{fill:none;stroke-width:2.6;stroke-linecap:round;stroke-linejoin:round}
.ended{stroke:#fff;stroke-width:1.2}.ended.failed{stroke:var(--bad);stroke-width:2}
.number{font-size:9.5px;font-weight:600;fill:var(--ink);paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}
.start circle{fill:#fff;stroke:var(--ink);stroke-width:1.3}.end circle{fill:var(--ink);stroke:#fff}
.start text,.end text{font-size:9px;font-weight:700;text-anchor:middle;dominant-baseline:central}
.end text{fill:#fff}
.true{fill:none;stroke:#a8b3ba;stroke-width:1.4}.known-true{stroke:var(--ink)}
.right{fill:var(--accent);fill-opacity:.35;stroke:var(--accent);stroke-width:1.2}
.wrong{fill:var(--bad);fill-opacity:.45;stroke:var(--bad);stroke-width:1.4}
.gone{fill:#fff;fill-opacity:.7;stroke:var(--soft);stroke-width:1.4;stroke-dasharray:2 1.5}
.link{fill:none;stroke-width:1.1}.right-link{stroke:var(--accent)}.wrong-link{stroke:var(--bad);stroke-dasharray:4 3}
.wrong-name,.gone-name{font-size:9.5px;paint-order:stroke;stroke:#fff;stroke-width:3px}
.wrong-name{fill:var(--bad);font-weight:600}.gone-name{fill:var(--soft)}
.wide{overflow-x:auto}
.steps{width:100%;font-size:13px}
.steps th:nth-child(2){width:40%}.steps th:nth-child(3){width:18%}.steps th:nth-child(4){width:10%}
.steps td:first-child{color:var(--soft);text-align:right;width:34px}
.steps small{color:#93a0a8;margin-left:8px;font-size:11px}.steps .plan{font-weight:500;color:var(--ink)}
.rest{width:100%;font-size:14px}
footer{margin-top:44px;padding-top:14px;border-top:1px solid var(--line);font-size:13px;color:var(--soft)}
footer p{margin:2px 0}
@media print{details{break-inside:avoid}}
"""

SCRIPT = (
    "function show(){const e=location.hash&&document.getElementById(location.hash.slice(1));"
    "if(e){e.open=true;e.scrollIntoView()}}addEventListener('hashchange',show);show()"
)
