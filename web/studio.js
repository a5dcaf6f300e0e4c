'use strict';

// ---- asking, and building the page ---------------------------------------------------------------------------------

const view = document.getElementById('view'), problem = document.getElementById('problem'), busy = document.getElementById('busy');

function tell(text) {
  problem.textContent = text;
  problem.hidden = !text;
}
problem.onclick = () => tell('');

// Asks the server; a refusal is an Error with its one line.
async function ask(path, body) {
  const options = body === undefined ? {} : {method: 'POST', headers: {'X-Obverse': 'studio'}, body: body instanceof Blob ? body : JSON.stringify(body)};
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw new Error('The studio does not answer: is it still running?');
  }
  const json = await response.json().catch(() => ({problem: `${path}: status ${response.status}`}));
  if (!response.ok) throw new Error(json.problem || `${path}: status ${response.status}`);
  return json;
}

// Runs an action of the user's; what goes wrong is shown.
async function attempt(action) {
  try {
    tell('');
    return await action();
  } catch (error) {
    tell(error.message);
  }
}

// make('p.note', {title: '...'}, 'text', child, ...)
function make(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split('.'), element = document.createElement(tag);
  element.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes))
    if (key in element && typeof value != 'string') element[key] = value;
    else element.setAttribute(key, value);
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

const field = (name, control) => make('label.field', {}, name, control);
const choice = (values, chosen) => make('select', {}, ...values.map(v => {
  const [value, text] = Array.isArray(v) ? v : [v, v];
  return make('option', {value: String(value), selected: String(value) == String(chosen)}, text);
}));
const png = base64 => 'data:image/png;base64,' + base64;
const round = (value, digits = 3) => value === null || value === undefined ? '–' : Number(Number(value).toPrecision(digits)).toString();
const path = (...parts) => '/' + parts.map(encodeURIComponent).join('/');

// Calls `work` with the newest value only: while one call runs, further ones wait, and the last of them wins.
function newest(work) {
  let running = false, waiting = null;
  return async value => {
    waiting = {value};
    if (running) return;
    running = true;
    while (waiting) {
      const next = waiting.value;
      waiting = null;
      await attempt(() => work(next));
    }
    running = false;
  };
}

// Calls `work` now and every so many milliseconds, until the page is left.
async function keepDoing(page, work, milliseconds) {
  let failed = '';
  while (page.isConnected) {
    if (!document.hidden)
      try {
        await work();
        if (failed && problem.textContent == failed) tell('');  // it is well again
        failed = '';
      } catch (error) {
        failed = error.message;
        if (page.isConnected) tell(failed);
      }
    await new Promise(then => setTimeout(then, milliseconds));
  }
}

// ---- runs ----------------------------------------------------------------------------------------------------------

const seconds = s => s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${round(s / 3600)} h`;
const ago = time => time ? seconds(Math.max(0, Date.now() / 1000 - time)) + ' ago' : '';

function progress(run) {
  const share = run.total_kimg ? Math.min(1, (run.kimg || 0) / run.total_kimg) : 0;
  const bar = make('i');
  bar.style.width = 100 * share + '%';
  return make('div.progress', {title: `${round(run.kimg || 0)} of ${round(run.total_kimg || 0)} kimg`}, bar);
}

function card(run) {
  const face = make('div.face', {}, run.picture ? '' : 'no picture yet');
  if (run.picture) face.style.backgroundImage = `url("${path('runs', run.name, run.picture)}")`;
  const first = f => f.name == 'fid' ? 0 : 1;
  const figures = run.figures.slice().sort((a, b) => first(a) - first(b)).slice(0, 3).map(f => make('span', {}, f.name + ' ', make('b', {}, round(f.value))));
  return make('a.card', {href: '#/runs/' + encodeURIComponent(run.name)}, face, make('div.text', {},
    make('b', {}, run.name), make('p', {}, run.about || run.problem || ''), progress(run),
    make('small', {}, run.running ? make('span.live', {}, `training, ${Math.round(run.images_per_second || 0)} images/s`)
      : `${round(run.kimg || 0)} of ${round(run.total_kimg || 0)} kimg, ${ago(run.changed)}`),
    make('div.figures', {}, ...figures)));
}

async function showRuns(page) {
  const cards = make('div.runs'), lead = make('p.lead');
  page.append(make('h1', {}, 'Runs'), lead, cards);
  let before = '';
  keepDoing(page, async () => {
    const {folder, runs} = await ask('/api/runs'), text = JSON.stringify(runs.map(r => ({...r, changed: 0})));
    if (text == before) return;
    before = text;
    lead.textContent = runs.length ? `${runs.length} in ${folder}/, the last changed first.` : '';
    cards.replaceChildren(...runs.map(card));
    if (!runs.length) cards.append(make('p.missing', {}, `${folder}/ holds no runs yet: `, make('a', {href: '#/new'}, 'begin one'), '.'));
  }, 3000);
}

// ---- one run -------------------------------------------------------------------------------------------------------

async function showRun(page, name, tab) {
  const {runs} = await ask('/api/runs'), run = runs.find(r => r.name == name);
  if (!run) throw new Error(`${name}: no such run`);
  const state = make('span'), buttons = make('div.row'), body = make('div');
  const tabs = ['play', 'report'], at = tabs.includes(tab) ? tab : run.model && !run.running ? 'play' : 'report';
  page.append(make('h1', {}, name), make('p.lead', {}, run.about || '', make('br'), state), buttons,
    make('nav.tabs', {}, ...tabs.map(t => make('a' + (t == at ? '.here' : ''), {href: `#/runs/${encodeURIComponent(name)}/${t}`}, t == 'play' ? 'Play with the model' : 'Report'))), body);
  const reload = at == 'report' ? showReport(body, name) : null;
  let last = run;
  keepDoing(page, async () => {
    const now = (await ask('/api/runs')).runs.find(r => r.name == name);
    if (!now) return;
    if ((now.model && !last.model) || (last.running && !now.running)) return show();
    state.replaceChildren(now.running ? make('span.live', {}, `${round(now.kimg || 0, 4)} of ${round(now.total_kimg)} kimg, ${Math.round(now.images_per_second || 0)} images/s`)
      : `${round(now.kimg || 0, 4)} of ${round(now.total_kimg || 0)} kimg.`);
    if (reload && now.kimg != last.kimg) reload();
    last = now;
  }, 4000);
  if (!run.model) {
    if (at == 'play') body.append(make('p.missing', {}, 'There is no model yet: it comes with the first snapshot.'));
    return;
  }
  if (at == 'play') await showModel(body, name);
  const {actions} = await ask(path('api', 'models', name, 'actions'));
  const act = (action, text) => make('button', {onclick: () => attempt(async () => {
    await ask('/api/jobs', {action, run: name});
    location.hash = '#/jobs';
  })}, text);
  for (const {name: action, help} of actions)
    if (action != 'resume' || (!run.running && run.resumable && run.kimg < run.total_kimg)) buttons.append(act(action, help));
}

// The report as it is now; the function returned makes it anew and keeps the reader's place.
function showReport(body, name) {
  const address = path('runs', name, 'report'), frame = make('iframe.report', {src: address, title: 'Report of ' + name});
  view.classList.add('wide');
  body.append(frame);
  return () => {
    const place = frame.contentWindow ? frame.contentWindow.scrollY : 0;
    frame.onload = () => frame.contentWindow.scrollTo({top: place, behavior: 'instant'});
    frame.contentWindow.location.reload();
  };
}

// ---- play with a model ---------------------------------------------------------------------------------------------

async function showModel(body, run, space = 'z') {
  const about = await ask(`${path('api', 'models', run)}?space=${encodeURIComponent(space)}`);
  if (about.kind == 'points') return showPoints(body, run, about);
  if (about.translates) return showTranslator(body, run, about);
  const model = {run, space, about, address: path('api', 'models', run), trunc: 1, base: null, label: -1, strengths: [], ways: null,
    range: about.prior == 'normal' ? 3 : 1, untruncated: () => {}};
  const picture = codePanel(model), left = make('div'), right = make('div');
  left.append(samplePanel(model, picture), ...(about.inverts ? [invertPanel(model, picture)] : []));
  right.append(picture.panel, wayPanel(model, picture), endsPanel(model, picture));
  const play = make('div.play', {}, left, right);
  if (about.spaces.length > 1) {
    const spaces = choice(about.spaces, space);
    spaces.onchange = () => attempt(async () => { body.replaceChildren(); await showModel(body, run, spaces.value); });
    body.append(make('div.row', {}, field('space of codes', spaces)));
  }
  body.append(play);
}

const query = (model, more) => new URLSearchParams({space: model.space, trunc: model.trunc, ...more}).toString();
const classChoices = (about, none) => [[-1, none], ...about.classes.map((name, i) => [i, name])];

// Samples of seeds; a click takes one of them up.
function samplePanel(model, picture) {
  const {about} = model, image = make('img.sheet', {alt: 'samples; click one to take it up'}), note = make('p.note');
  const seed = make('input', {type: 'number', min: '0', value: '0'}), trunc = make('input', {type: 'range', min: '0', max: '1.5', step: '0.05', value: '1'});
  const label = choice(classChoices(about, 'in turn'), -1), count = choice([16, 36, 64, 144], 64);
  let sheet = null;
  const draw = newest(async () => {
    model.trunc = Number(trunc.value);
    sheet = await ask(`${model.address}/samples?${query(model, {seed: seed.value || 0, count: count.value, class: label.value})}`);
    image.src = png(sheet.png);
    note.textContent = `${sheet.count} samples in ${round(sheet.milliseconds)} ms: ${round(1000 * sheet.count / sheet.milliseconds)} a second. Click one to take it up.`;
    if (!model.base) take(0);
  });
  const take = i => {
    if (sheet && i >= 0 && i < sheet.count) picture.take(sheet.codes[i], sheet.labels ? sheet.labels[i] : -1);
  };
  image.onclick = event => {
    const rows = Math.ceil(sheet.count / sheet.columns);
    take(Math.floor(event.offsetY / image.clientHeight * rows) * sheet.columns + Math.floor(event.offsetX / image.clientWidth * sheet.columns));
  };
  for (const control of [seed, trunc, label, count]) control.oninput = draw;
  model.untruncated = () => { trunc.value = model.trunc = 1; draw(); };
  draw();
  return make('div.panel', {}, make('h3', {}, 'From code to data'), make('div.row', {}, field('first seed', seed), field('samples', count),
    about.conditional ? field('class', label) : null, field('truncation', trunc),
    make('button', {onclick: () => { seed.value = Number(seed.value || 0) + Number(count.value); draw(); }}, 'Next')), image, note);
}

// The code at hand: its picture, its numbers.
function codePanel(model) {
  const {about} = model, image = make('img.big', {alt: 'the picture of the code'}), note = make('p.note'), bars = make('canvas', {height: '110'});
  const label = choice(about.classes.map((name, i) => [i, name]), 0);
  const code = () => {
    const z = model.base.slice();
    if (model.ways) model.strengths.forEach((s, k) => { if (s) model.ways.ways[k].forEach((w, i) => { z[i] += s * model.ways.spread[k] * w; }); });
    return z;
  };
  const decode = newest(async () => {
    const z = code(), answer = await ask(`${model.address}/decode?${query(model)}`, {codes: [z], labels: [model.label]});
    image.src = png(answer.png);
    note.textContent = `${z.length} numbers; drawn in ${round(answer.milliseconds)} ms. Drag the bars to change them.`;
    drawBars(bars, answer.codes[0], model.range);  // where its prior has bounds, within them
  });
  const self = {
    image, code, decode,
    take(z, y) {
      model.base = z.slice();
      if (y >= 0) { model.label = y; label.value = y; }
      self.settle();
    },
    settle: () => decode(),
  };
  label.onchange = () => { model.label = Number(label.value); decode(); };
  const drag = event => {
    if (!event.buttons || !model.base) return;
    const box = bars.getBoundingClientRect(), i = Math.floor((event.clientX - box.left) / box.width * model.base.length);
    if (i < 0 || i >= model.base.length) return;
    model.base[i] += model.range * (1 - 2 * (event.clientY - box.top) / box.height) - code()[i];
    decode();
  };
  bars.onpointerdown = event => { bars.setPointerCapture(event.pointerId); drag(event); };
  bars.onpointermove = drag;
  self.panel = make('div.panel', {}, image, note, bars, about.conditional && model.space == 'z' ? make('div.row', {}, field('class', label)) : null);
  return self;
}

// range: of the numbers, a bar's height.
function drawBars(canvas, z, range) {
  const width = canvas.width = canvas.clientWidth * devicePixelRatio, height = canvas.height, g = canvas.getContext('2d');
  const style = getComputedStyle(document.documentElement), step = width / z.length;
  g.fillStyle = style.getPropertyValue('--grid');
  g.fillRect(0, height / 2 - 1, width, 2);
  g.fillStyle = style.getPropertyValue('--g');
  z.forEach((value, i) => {
    const bar = Math.max(-1, Math.min(1, value / range)) * height / 2;
    g.fillRect(i * step, height / 2 - Math.max(0, bar), Math.max(1, step - (step > 4 ? 1.5 : 0)), Math.abs(bar));
  });
}

// Sliders along directions.
function wayPanel(model, picture) {
  const {about} = model, sliders = make('div.ways'), kinds = [...about.directions, ...about.found];
  if (!kinds.length) return make('div');
  const first = kinds.find(k => k != 'pca') || '';  // components take their time
  const kind = choice([...(first ? [] : [['', 'choose …']]), ...kinds.map(k => [k, {sefa: 'from weights (SeFa)', pca: 'from components (GANSpace)'}[k] || k])], first);
  const load = () => attempt(async () => {
    if (!kind.value) return;
    const ways = await ask(`${model.address}/directions?${query(model, {kind: kind.value})}`);
    if (model.base) model.base = picture.code();  // keeps what was reached
    model.ways = ways;
    model.strengths = model.ways.names.map(() => 0);
    sliders.replaceChildren(...model.ways.names.flatMap((name, k) => {
      const shown = make('output', {}, '0'), slider = make('input', {type: 'range', min: '-4', max: '4', step: '0.1', value: '0', 'aria-label': name});
      slider.oninput = () => { model.strengths[k] = Number(slider.value); shown.textContent = round(slider.value); if (model.base) picture.decode(); };
      return [make('span', {title: name}, name), slider, shown];
    }));
  });
  picture.settle = () => {  // another code: all sliders in the middle
    model.strengths.fill(0);
    sliders.querySelectorAll('input').forEach(s => { s.value = 0; });
    sliders.querySelectorAll('output').forEach(o => { o.textContent = '0'; });
    picture.decode();
  };
  kind.onchange = load;
  load();
  return make('div.panel', {}, make('h3', {}, 'Move along directions'), make('div.row', {}, field('found', kind)), sliders,
    make('p.note', {}, 'In standard deviations of codes along each. Directions that labels give come by “find directions by labels” above.'));
}

const lengthOf = z => Math.sqrt(z.reduce((sum, v) => sum + v * v, 0));

// From a to b, straight or on the arc, lengths going evenly from one to the other.
function between(a, b, t, onArc) {
  const straight = () => a.map((v, i) => (1 - t) * v + t * b[i]);
  const la = lengthOf(a), lb = lengthOf(b), cosine = a.reduce((sum, v, i) => sum + v * b[i], 0) / (la * lb || 1);
  const angle = Math.acos(Math.max(-1, Math.min(1, cosine)));
  if (!onArc || la < 1e-9 || lb < 1e-9 || angle < 1e-4 || Math.PI - angle < 1e-4) return straight();
  const length = (1 - t) * la + t * lb, wa = Math.sin((1 - t) * angle) / Math.sin(angle) / la, wb = Math.sin(t * angle) / Math.sin(angle) / lb;
  return a.map((v, i) => length * (wa * v + wb * b[i]));
}

// Two codes kept, and what lies between them.
function endsPanel(model, picture) {
  const {about} = model, kept = [null, null], places = [make('div', {role: 'button', tabindex: '0', title: 'keep the code here'}, 'keep'), make('div', {role: 'button', tabindex: '0', title: 'keep the code here'}, 'keep')];
  const slider = make('input', {type: 'range', min: '0', max: '1', step: '0.01', value: '0', disabled: true, 'aria-label': 'between the two'});
  const ends = make('div.ends', {}, places[0], slider, places[1]);
  places.forEach((place, i) => {
    place.onclick = () => attempt(async () => {
      if (!model.base) return;
      const z = picture.code(), label = model.label;
      const {png: shown} = await ask(`${model.address}/decode?${query(model)}`, {codes: [z], labels: [label]});
      kept[i] = {z, label};
      place.replaceChildren(make('img', {src: png(shown), alt: 'kept code'}));
      slider.disabled = !(kept[0] && kept[1]);
    });
    place.onkeydown = event => { if (event.key == 'Enter' || event.key == ' ') place.onclick(); };
  });
  slider.oninput = () => {  // the class changes in the middle
    const t = Number(slider.value);
    picture.take(between(kept[0].z, kept[1].z, t, about.prior == 'normal'), kept[t < 0.5 ? 0 : 1].label);
  };
  return make('div.panel', {}, make('h3', {}, 'Between two codes'), ends,
    make('p.note', {}, 'Click a place to keep the code at hand there; with two kept, slide from one to the other.'));
}

// A place for picture files, to drop or to choose.
function dropPlace(text, use) {
  const chooser = make('input', {type: 'file', accept: 'image/png,image/jpeg', hidden: true}), drop = make('div.drop', {role: 'button', tabindex: '0'}, text, chooser);
  drop.onclick = event => { if (event.target != chooser) chooser.click(); };
  drop.onkeydown = event => { if (event.key == 'Enter' || event.key == ' ') chooser.click(); };
  drop.ondragover = event => { event.preventDefault(); drop.classList.add('over'); };
  drop.ondragleave = () => drop.classList.remove('over');
  drop.ondrop = event => {
    event.preventDefault();
    drop.classList.remove('over');
    if (event.dataTransfer.files[0]) use(event.dataTransfer.files[0]);
  };
  chooser.onchange = () => { if (chooser.files[0]) use(chooser.files[0]); chooser.value = ''; };
  return drop;
}

const shownPicture = (image, text) => make('div', {}, make('img', {src: png(image), alt: text}), text);

// From data to code.
function invertPanel(model, picture) {
  const {about} = model, found = make('div'), label = choice(classChoices(about, 'to be found'), -1);
  const use = file => attempt(async () => {
    found.replaceChildren(make('p.note', {}, 'Looking for its code …'));
    try {
      const answer = await ask(`${model.address}/invert?${query(model, {class: label.value})}`, file);
      found.replaceChildren(
        make('div.found', {}, shownPicture(answer.original, 'the picture, as the model sees it'), shownPicture(answer.png, 'what its code gives'), shownPicture(answer.error, 'difference')),
        make('p.note', {}, `${answer.method}: mean squared error ${round(answer.mse)}, ${round(answer.psnr)} dB, ${round(1000 * answer.seconds)} ms, ${answer.steps} steps` +
          (answer.labels ? `, as ${about.classes[answer.labels[0]]}` : '') + '.'));
      if (answer.outside) found.append(make('p.state', {}, 'It lies outside what the model can make: the error is larger than between the model’s own samples.'));
      if (about.spaces.length > 1 && model.trunc != 1) model.untruncated();  // the code was found without
      picture.take(answer.codes[0], answer.labels ? answer.labels[0] : -1);
    } catch (error) {
      found.replaceChildren();
      throw error;
    }
  });
  return make('div.panel', {}, make('h3', {}, 'From data to code'), about.conditional ? make('div.row', {}, field('class of the picture', label)) : null,
    dropPlace('Drop a picture here, or click to choose one: its code is found and taken up.', use), found);
}

function showTranslator(body, run, about) {
  const found = make('div');
  const use = file => attempt(async () => {
    const answer = await ask(`${path('api', 'models', run)}/invert`, file);
    found.replaceChildren(make('div.found', {}, shownPicture(answer.original, 'the picture'), shownPicture(answer.png, 'translated, to each of: ' + about.classes.join(', '))));
  });
  body.append(make('div.panel', {}, make('h3', {}, 'Translate'), dropPlace('Drop a picture here, or click to choose one.', use), found));
}

// ---- points --------------------------------------------------------------------------------------------------------

async function showPoints(body, run, about) {
  const canvas = make('canvas'), note = make('p.note'), seed = make('input', {type: 'number', min: '0', value: '0'}), address = path('api', 'models', run);
  canvas.style.maxWidth = '640px';
  const real = await ask(`${address}/data?count=2000`).then(a => a.points).catch(() => []);  // where the data are at hand
  const draw = newest(async () => {
    const made = await ask(`${address}/samples?seed=${seed.value || 0}&count=2000`);
    scatter(canvas, real, made.points);
    note.textContent = `${made.count} samples (orange) in ${round(made.milliseconds)} ms, over ${real.length} of the data (blue)` + (about.shape[0] > 2 ? `: the first two of ${about.shape[0]} numbers.` : '.');
  });
  seed.oninput = draw;
  body.append(make('div.row', {}, field('first seed', seed), make('button', {onclick: () => { seed.value = Number(seed.value || 0) + 2000; draw(); }}, 'Next')), canvas, note);
  draw();
}

function scatter(canvas, ...clouds) {
  const side = canvas.width = canvas.height = Math.max(320, canvas.clientWidth * devicePixelRatio), g = canvas.getContext('2d');
  const all = clouds.flat(), x = all.map(p => p[0]), y = all.map(p => p.length > 1 ? p[1] : 0);
  const quantile = (values, q) => values.slice().sort((a, b) => a - b)[Math.floor(q * (values.length - 1))];
  const [left, right, low, high] = [quantile(x, 0.002), quantile(x, 0.998), quantile(y, 0.002), quantile(y, 0.998)];
  const half = 0.55 * Math.max(right - left, high - low, 1e-9), style = getComputedStyle(document.documentElement);
  g.globalAlpha = 0.45;
  clouds.forEach((points, i) => {
    g.fillStyle = style.getPropertyValue(['--d', '--g'][i]);
    for (const p of points)
      g.fillRect(side * (0.5 + (p[0] - (left + right) / 2) / (2 * half)) - 1.5, side * (0.5 - ((p.length > 1 ? p[1] : 0) - (low + high) / 2) / (2 * half)) - 1.5, 3, 3);
  });
}

// ---- a new run -----------------------------------------------------------------------------------------------------

async function showNew(page) {
  const {folder, recipes} = await ask('/api/recipes');
  const chooser = choice([['', 'choose …'], ...recipes.map(r => [r.file, r.file.replace('.toml', '') + (r.problem ? ' (needs something)' : '')])], ''), about = make('p.lead'), form = make('div'), text = make('pre');
  const explain = make('button', {disabled: true}, 'Explain'), train = make('button.main', {disabled: true}, 'Train'), note = make('p.note');
  let source = '', changes = {};
  page.append(make('h1', {}, 'New run'), make('p.lead', {}, recipes.length ? `Begin from a recipe of ${folder}/, change what you like, and train.` : `${folder}/ holds no recipes: name their folder with --recipes.`),
    make('div.row', {}, field('recipe', chooser), explain, train), about, note, text, form);
  text.hidden = true;
  const asked = () => ({text: source, set: Object.entries(changes).map(([key, value]) => `${key}=${value}`)});
  let good = null, refused = 0;  // the last recipe that was right: its text, changes, keys; when one was not
  const check = newest(async () => {
    explain.disabled = train.disabled = true;
    const wanted = {source, changes: {...changes}};
    try {
      const recipe = await ask('/api/check', asked());
      about.textContent = recipe.about;
      good = {...wanted, keys: recipe.keys, text: recipe.text};
    } catch (error) {
      refused = Date.now();
      if (good) [source, changes] = [good.source, {...good.changes}];  // the change is taken back
      throw error;
    } finally {
      explain.disabled = train.disabled = !good;
      if (good) fill(good.keys);
    }
  });
  // Groups of keys by their table; those open stay open.
  const fill = keys => {
    const open = new Set([...form.querySelectorAll('details[open]')].map(d => d.dataset.group)), groups = new Map();
    for (const key of keys) {
      const dot = key.key.indexOf('.'), group = dot < 0 ? 'recipe' : key.key.slice(0, dot);
      groups.set(group, [...(groups.get(group) || []), key]);
    }
    const focused = document.activeElement && document.activeElement.dataset.key;
    form.replaceChildren(...[...groups].map(([group, rows]) => {
      const list = make('div.keys');
      for (const row of rows) list.append(...keyRow(row));
      return make('details.group', {'data-group': group, open: open.has(group) || (!open.size && ['game', 'train'].includes(group))}, make('summary', {}, `[${group}]`), list);
    }));
    if (focused) { const again = form.querySelector(`[data-key="${CSS.escape(focused)}"]`); if (again) again.focus(); }
  };
  // Another kind has other keys: those of the old one go.
  const setKind = (key, kind) => attempt(async () => {
    source = (await ask('/api/kind', {text: good.text, key, kind})).text;
    changes = {};
    note.textContent = `${key} = ${kind}: what belonged to the kind before it is left out.`;
    check();
  });
  const keyRow = ({key, type, value, doc, known}) => {
    const bare = value.replace(/^['"](.*)['"]$/s, '$1'), set = v => { changes[key] = v; check(); };
    let control;
    if (known.length && !value.startsWith('[')) {
      control = choice(known, bare);
      control.onchange = () => key.endsWith('.kind') && key.split('.').length == 2 ? setKind(key, control.value) : set(JSON.stringify(control.value));
    } else if (value == 'true' || value == 'false') {
      control = choice(['true', 'false'], value);
      control.onchange = () => set(control.value);
    } else {
      control = make('input', {type: 'text', value, spellcheck: false});
      control.onchange = () => set(control.value);
    }
    control.dataset.key = key;
    return [make('span' + (key in changes ? '.changed' : ''), {}, make('code', {}, key)), control, make('span.doc', {}, doc)];
  };
  chooser.onchange = () => attempt(async () => {
    if (!chooser.value) return;
    source = (await ask(path('api', 'recipes', chooser.value))).text;
    changes = {};
    good = null;
    note.textContent = '';
    text.hidden = true;
    form.replaceChildren();
    check();
  });
  explain.onclick = () => attempt(async () => {
    text.textContent = 'Building its networks …';
    text.hidden = false;
    try {
      text.textContent = (await ask('/api/explain', asked())).text;
    } catch (error) {
      text.hidden = true;
      throw error;
    }
  });
  train.onclick = () => attempt(async () => {
    if (Date.now() - refused < 1000) throw new Error('A value was just taken back: look at it, then train.');
    await ask('/api/jobs', {action: 'train', ...asked()});
    location.hash = '#/jobs';
  });
}

// ---- jobs ----------------------------------------------------------------------------------------------------------

async function showJobs(page) {
  const list = make('div');
  page.append(make('h1', {}, 'Jobs'), make('p.lead', {}, 'One after another; stopping a training keeps a checkpoint to go on from.'), list);
  let before = '';
  keepDoing(page, async () => {
    const {jobs} = await ask('/api/jobs'), text = JSON.stringify(jobs);
    if (text == before) return;
    before = text;
    list.replaceChildren(...jobs.map(job => {
      const end = ['running', 'waiting'].includes(job.state) ? make('button', {disabled: job.stopping, onclick: () => attempt(() => ask(`/api/jobs/${job.id}/stop`, {}))}, job.stopping ? 'Stopping' : 'Stop') : null;
      const took = job.begun ? `, ${seconds((job.ended || Date.now() / 1000) - job.begun)}` : '';
      const run = /^.*\/([0-9]{5}-[^\/\n]+)$/m.exec(job.printed), pre = make('pre', {}, job.printed || '');
      return make('div.job', {}, make('div.head', {}, make('b', {}, job.title), make('span.state-' + job.state, {}, job.state + took),
        run ? make('a', {href: '#/runs/' + encodeURIComponent(run[1])}, run[1]) : null, end), make('small', {}, make('code', {}, job.command)), job.printed ? pre : null);
    }));
    list.querySelectorAll('pre').forEach(pre => { pre.scrollTop = pre.scrollHeight; });
    if (!jobs.length) list.append(make('p.missing', {}, 'None yet.'));
  }, 1500);
}

// ---- which page ----------------------------------------------------------------------------------------------------

async function show() {
  tell('');
  const page = make('div');  // what a page left early still adds goes nowhere
  view.replaceChildren(page);
  view.classList.remove('wide');
  const [which, name, tab] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  document.title = (name || {new: 'New run', jobs: 'Jobs'}[which] || 'Runs') + ' · Obverse studio';
  document.querySelectorAll('header.bar a:not(.brand)').forEach(a => a.classList.toggle('here', a.getAttribute('href') == '#/' + (which == 'runs' ? '' : which)));
  try {
    await (which == 'new' ? showNew(page) : which == 'jobs' ? showJobs(page) : which == 'runs' && name ? showRun(page, name, tab) : showRuns(page));
  } catch (error) {
    if (page.isConnected) tell(error.message);
  }
}

addEventListener('hashchange', show);
show();

(async function count() {  // of jobs at work
  try {
    const {jobs} = await ask('/api/jobs'), at = jobs.filter(j => ['running', 'waiting'].includes(j.state)).length;
    busy.textContent = at || '';
  } catch (error) { /* the page itself tells */ }
  setTimeout(count, 4000);
})();
