#include "obverse/report/page.h"

namespace obverse {

const std::string& page_mark() {
  static const std::string svg =
      R"svg(<svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true"><circle class="rim" cx="16" cy="16" r="14.5"/><path class="face" d="M16 5.5a10.5 10.5 0 0 0 0 21z"/><path class="back" d="M16 5.5a10.5 10.5 0 0 1 0 21"/></svg>)svg";
  return svg;
}

const std::string& page_style() {
  static const std::string css = R"css(
:root { --paper: #faf8f4; --card: #ffffff; --sunk: #f2eee6; --ink: #1f1d1a; --muted: #6c675f; --line: #e4ded2; --grid: #ece7dd;
  --g: #b4561a; --d: #2766ad; --e: #7a4bb0; --real: #0f7d6c; --c0: #b4561a; --c1: #2766ad; --c2: #0f7d6c; --c3: #7a4bb0; --c4: #a8891a; --c5: #a33b57;
  --alarm: #b3261e; --warning: #9a6700; --info: #2766ad; --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "Noto Serif", Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif; --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
@media (prefers-color-scheme: dark) { :root { --paper: #141416; --card: #1c1c1f; --sunk: #222226; --ink: #ecebe8; --muted: #a19d96; --line: #323136; --grid: #2a2a2e;
  --g: #f0a264; --d: #74b0f4; --e: #c39bf0; --real: #4fcdb4; --c0: #f0a264; --c1: #74b0f4; --c2: #4fcdb4; --c3: #c39bf0; --c4: #dfc255; --c5: #f2889f;
  --alarm: #ff8a80; --warning: #f2c14e; --info: #74b0f4; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; scroll-padding-top: 3.5rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans); overflow-wrap: anywhere; }
header, main, footer { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
h1, h2 { font-family: var(--serif); font-weight: 600; line-height: 1.15; letter-spacing: -0.01em; }
h1 { font-size: clamp(2rem, 6vw, 3.2rem); margin: .1em 0 .25em; }
h2 { font-size: clamp(1.5rem, 4vw, 2rem); margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 0; font-weight: 600; }
h4 { margin: 1.2rem 0 .4rem; }
a { color: inherit; text-decoration-color: var(--g); text-underline-offset: .2em; }
code, pre, .run { font-family: var(--mono); font-size: .86em; }
code { background: var(--sunk); border-radius: 4px; padding: .1em .35em; }
small { color: var(--muted); font-size: .82rem; font-weight: 400; }
figure { margin: 0; }
section { padding: 3.2rem 0 0; }
.lead { max-width: 44rem; margin: 0 0 1.4rem; color: var(--muted); }
.note { color: var(--muted); font-size: .82rem; line-height: 1.45; margin: .5rem 0 0; }
.quiet, .missing { color: var(--muted); }
.missing { border: 1px dashed var(--line); border-radius: 10px; padding: 1rem 1.2rem; }
header { padding-top: 1.6rem; }
.brand { display: flex; align-items: center; gap: .55rem; font-family: var(--serif); font-size: 1.15rem; font-weight: 600; }
.brand .rim { fill: none; stroke: var(--g); stroke-width: 2; } .brand .face { fill: var(--g); } .brand .back { fill: none; stroke: var(--g); stroke-width: 2; stroke-dasharray: 2.2 2.6; }
.run { margin: 2.4rem 0 0; color: var(--muted); }
.about { font-size: 1.15rem; max-width: 46rem; margin: 0 0 1.4rem; }
.state { border-left: 3px solid var(--warning); padding-left: .8rem; margin: 0 0 1rem; } .state.alarm { border-color: var(--alarm); }
.tiles { list-style: none; margin: 1.8rem 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 150px), 1fr)); gap: 1px; background: var(--line); border: 1px solid var(--line); border-radius: 14px; overflow: hidden; }
.tiles li { background: var(--card); padding: 1.1rem 1.2rem 1rem; display: flex; flex-direction: column; flex: 1; }
.tiles b { font: 600 2rem/1.1 var(--serif); font-variant-numeric: lining-nums tabular-nums; letter-spacing: -0.02em; }
.tiles span { font-size: .92rem; margin-top: .35rem; } .tiles small { margin-top: auto; padding-top: .1rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 255px), 1fr)); gap: .9rem 2rem; margin: 0; font-size: .93rem; }
.facts dt { color: var(--muted); font-size: .78rem; } .facts dd { margin: 0; }
nav { position: sticky; top: 0; z-index: 2; margin-top: 2rem; background: var(--paper); background: color-mix(in srgb, var(--paper) 88%, transparent); backdrop-filter: blur(10px); border-bottom: 1px solid var(--line); display: flex; gap: 0 1.4rem; overflow-x: auto; scrollbar-width: none; padding: 0 max(24px, calc((100% - 1132px) / 2)); }
nav a { text-decoration: none; white-space: nowrap; padding: .7rem 0; font-size: .9rem; color: var(--muted); } nav a:hover { color: var(--ink); }
img { display: block; max-width: 100%; height: auto; border-radius: 6px; }
img.coarse { image-rendering: pixelated; }
.picture figcaption { color: var(--muted); font-size: .88rem; margin-top: .5rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 1.8rem 2rem; align-items: start; } .pair img, .pair figure { width: 100% !important; }
.multiples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(45%, 230px), 1fr)); gap: 1rem; margin-bottom: 1rem; } .multiples img { width: 100%; }
.triple { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr)); gap: 1rem; }
.strips { list-style: none; margin: 0 0 1.4rem; padding: 0; display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 1rem; }
.strips li { display: contents; } .strips span { align-self: center; text-align: right; color: var(--muted); font-size: .85rem; font-variant-numeric: tabular-nums; } .strips img { width: 100%; border-radius: 3px; }
.strips li:last-child span { color: var(--ink); }
.compare li.error img { opacity: .92; } .compare li.made span { color: var(--g); } .compare li.original span { color: var(--real); } .compare li.error span { font-size: .78rem; }
.film { margin-top: 1rem; display: flex; gap: 1rem; overflow-x: auto; scroll-snap-type: x mandatory; padding-bottom: .6rem; } .film .picture { flex: none; max-width: 100%; scroll-snap-align: center; }
.film.live { display: grid; overflow: visible; justify-items: start; } .film.live .picture { grid-area: 1 / 1; visibility: hidden; } .film.live .picture.shown { visibility: visible; }
.film.live .picture img { max-width: 100%; } .film.live .picture figcaption { font-size: 1rem; color: var(--ink); font-variant-numeric: tabular-nums; }
.player { margin-top: .8rem; display: flex; align-items: center; gap: .8rem; width: 100%; max-width: 672px; } .player input { flex: 1; min-width: 0; accent-color: var(--g); }
.player button { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .35rem .9rem; cursor: pointer; min-width: 5rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 1.2rem; }
.chart { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .95rem 1rem .8rem; display: flex; flex-direction: column; min-width: 0; }
.chart figcaption { display: flex; align-items: baseline; gap: .6rem; justify-content: space-between; } .chart .unit { white-space: nowrap; color: var(--muted); font-size: .8rem; text-align: right; }
.chart svg { display: block; width: 100%; height: auto; touch-action: pan-y; } .chart > svg { margin-top: .35rem; }
.chart .note { margin-top: .3rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 .9rem; margin: .15rem 0 0; padding: 0; font-size: .82rem; color: var(--muted); min-height: 1.55em; }
.legend i { display: inline-block; width: .95em; height: 3px; border-radius: 2px; background: var(--c); vertical-align: .25em; margin-right: .35em; } .legend .dashed i { background: repeating-linear-gradient(90deg, var(--c) 0 3px, transparent 3px 5px); }
.legend b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; } .legend .at { margin-left: auto; font-variant-numeric: tabular-nums; }
.g { --c: var(--g); } .d { --c: var(--d); } .e { --c: var(--e); } .real { --c: var(--real); } .c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); } .c4 { --c: var(--c4); } .c5 { --c: var(--c5); }
svg .grid { stroke: var(--grid); stroke-width: 1; } svg .zero { stroke: var(--line); stroke-width: 1.5; } svg .tick { fill: var(--muted); font: 11px var(--sans); font-variant-numeric: tabular-nums; }
svg polyline { fill: none; stroke: var(--c); stroke-linejoin: round; stroke-linecap: round; } svg .raw { stroke-width: .8; opacity: .32; } svg .line { stroke-width: 1.9; } svg .band { fill: var(--c); opacity: .16; } svg .dot { fill: var(--c); }
svg .reference { stroke: var(--c); stroke-width: 1.4; stroke-dasharray: 4 3; } svg .marker line { stroke: var(--c); stroke-width: 1; stroke-dasharray: 2 2; } svg .marker polygon { fill: var(--c); }
.alarm { --c: var(--alarm); } .warning { --c: var(--warning); } .info { --c: var(--info); }
svg .cursor { stroke: var(--muted); stroke-width: 1; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; margin-bottom: 1.8rem; }
th, td { text-align: left; padding: .6rem 1.2rem .6rem 0; vertical-align: baseline; border-top: 1px solid var(--line); } thead th { border: 0; color: var(--muted); font-weight: 400; font-size: .8rem; padding-bottom: .3rem; } tbody th { font-weight: 600; }
.number { font-variant-numeric: tabular-nums; } .metrics tbody th small { display: block; } .metrics .number { white-space: nowrap; } .metrics .number b { font-size: 1.1rem; } .metrics .number small { white-space: nowrap; margin-left: .4rem; }
.metrics .scale { width: 290px; padding-right: 0; vertical-align: middle; } .gauge { display: block; width: 100%; height: auto; max-width: 320px; }
.gauge .track { stroke: var(--line); stroke-width: 2; stroke-linecap: round; } .gauge .interval { stroke: var(--g); stroke-width: 6; opacity: .35; stroke-linecap: round; } .gauge .value { fill: var(--g); } .gauge .floor { stroke: var(--real); stroke-width: 2.5; }
.bars { list-style: none; margin: .4rem 0 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr)); gap: .1rem 2rem; font-size: .82rem; } .bars li { display: grid; grid-template-columns: 6.5rem 1fr 3rem; gap: .6rem; align-items: center; } .bars span { color: var(--muted); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .bars b { font-weight: 400; font-variant-numeric: tabular-nums; }
.bars i { position: relative; height: 8px; border-radius: 2px; background: linear-gradient(90deg, var(--g) var(--share), var(--sunk) 0); } .bars i::after { content: ""; position: absolute; left: var(--even); top: -2px; bottom: -2px; width: 2px; background: var(--real); }
.floor-key { display: inline-block; width: 3px; height: 1em; background: var(--real); vertical-align: -.12em; border-radius: 1px; }
tr.same th, tr.same td { border: 0; padding-top: 0; } .protocol td { border: 0; padding-top: 0; color: var(--muted); font-size: .8rem; }
.findings { list-style: none; margin: 1.1rem 0 0; padding: 0; display: grid; gap: .9rem; } .findings li { border-left: 4px solid var(--c); background: var(--card); border-radius: 0 10px 10px 0; padding: .8rem 1.1rem; } .findings p { margin: .15rem 0; max-width: 60rem; }
.findings .where { color: var(--muted); font-size: .82rem; } .badge { color: var(--c); font-weight: 600; } .findings .action { color: var(--muted); } .findings .action::before { content: "→ "; color: var(--c); }
pre { background: var(--sunk); border-radius: 10px; padding: 1rem 1.1rem; overflow-x: auto; max-height: 30rem; overflow-wrap: normal; line-height: 1.5; margin: .6rem 0; } pre code { background: none; padding: 0; font-size: 1em; } .commands { white-space: pre-wrap; } .commands i { color: var(--muted); font-style: normal; }
.more { margin: .9rem 0 0; } summary { cursor: pointer; font-weight: 600; padding: .3rem 0; } .notes { color: var(--muted); } #reproduce h3 { margin-top: 1.4rem; }
.glossary { margin: 1.1rem 0 0; columns: 340px; column-gap: 2.5rem; } .glossary dt { font-weight: 600; break-after: avoid; } .glossary dd { margin: 0 0 1rem; color: var(--muted); font-size: .93rem; break-inside: avoid; }
footer { color: var(--muted); font-size: .82rem; padding-top: 3rem; padding-bottom: 3rem; }
@media (max-width: 640px) {
  header, main, footer { padding-left: 16px; padding-right: 16px; } nav { padding: 0 16px; } section { padding-top: 2.4rem; }
  .tiles { grid-template-columns: 1fr 1fr; } .tiles li { padding: .9rem 1rem; } .tiles b { font-size: 1.6rem; }
  .strips { grid-template-columns: 1fr; gap: 1px; } .strips img { aspect-ratio: var(--half); object-fit: cover; object-position: left; } .strips span { text-align: left; font-size: .78rem; margin-top: .35rem; }
  table, tbody, tr, th, td { display: block; } thead { display: none; } th, td { border: 0; padding: .12rem 0; } tr { border-top: 1px solid var(--line); padding: .7rem 0; } tr.same { border: 0; padding-top: 0; } tr.protocol { border: 0; padding: 0 0 .7rem; margin-top: -.5rem; }
  td[data-label]::before { content: attr(data-label); color: var(--muted); display: inline-block; width: 10.5rem; font-size: .85rem; } .metrics td[data-label]::before { width: 6.5rem; } .metrics .number { white-space: normal; } .metrics .scale { width: 100%; } .gauge { max-width: 100%; }
}
@media print { nav, .player { display: none; } .chart, tr, .findings li { break-inside: avoid; } }
)css";
  return css;
}

const std::string& page_script() {
  static const std::string script = R"js(
document.querySelectorAll('.film').forEach(film => {
  const frames = [...film.querySelectorAll('.picture')], player = document.createElement('div');
  if (frames.length < 2) return;
  player.className = 'player';
  player.innerHTML = '<button type="button">Play</button><input type="range" min="0" aria-label="snapshot"/>';
  const button = player.firstChild, slider = player.lastChild;
  let timer = 0;
  const show = () => frames.forEach((frame, i) => frame.classList.toggle('shown', i == slider.value));
  const stop = () => { clearInterval(timer); timer = 0; button.textContent = 'Play'; };
  slider.max = frames.length - 1;
  slider.value = frames.length - 1;
  slider.oninput = () => { stop(); show(); };
  button.onclick = () => {
    if (timer) return stop();
    if (slider.value == slider.max) slider.value = 0;
    show();
    button.textContent = 'Stop';
    timer = setInterval(() => { if (slider.value == slider.max) return stop(); slider.value++; show(); }, 450);
  };
  film.classList.add('live');
  film.before(player);
  show();
});

const shorten = v => {
  const a = Math.abs(v);
  return v == 0 ? '0' : a >= 1e7 || a < 1e-4 ? v.toExponential(2) : String(Number(v.toPrecision(a >= 1000 ? Math.ceil(Math.log10(a)) : 3)));
};
document.querySelectorAll('.chart > svg').forEach(svg => {
  const numbers = name => svg.dataset[name].split(' ').map(Number), [left, , width, height] = numbers('frame');
  const [x0, x1] = numbers('x'), [y0, y1] = numbers('y'), plot = svg.querySelector('svg'), legend = svg.parentNode.querySelector('.legend');
  const values = [...legend.querySelectorAll('b')], at = legend.querySelector('.at'), last = values.map(b => b.textContent);
  const lines = [...plot.querySelectorAll('.series')].map(g =>
      [...g.querySelectorAll('.line')].flatMap(l => l.getAttribute('points').split(' ').map(p => p.split(',').map(Number))));
  const cursor = document.createElementNS(svg.namespaceURI, 'line');
  cursor.setAttribute('class', 'cursor');
  cursor.setAttribute('y1', 0);
  cursor.setAttribute('y2', height);
  const leave = () => { cursor.remove(); at.textContent = ''; values.forEach((b, i) => b.textContent = last[i]); };
  svg.addEventListener('pointerleave', leave);
  svg.addEventListener('pointermove', event => {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width - left;
    if (x < 0 || x > width) return leave();
    let snapped = x;
    lines.forEach((points, i) => {
      const near = points.reduce((a, p) => Math.abs(p[0] - x) < Math.abs(a[0] - x) ? p : a, [1e9, 0]);
      if (near[0] == 1e9) return;
      snapped = near[0];
      const y = y1 - near[1] / height * (y1 - y0);
      values[i].textContent = shorten(svg.dataset.log == 1 ? 10 ** y : y);
    });
    cursor.setAttribute('x1', snapped);
    cursor.setAttribute('x2', snapped);
    plot.append(cursor);
    at.textContent = 'at ' + shorten(x0 + snapped / width * (x1 - x0));
  });
});
)js";
  return script;
}

}  // namespace obverse
