/* Images upon each other: one is visible. Keys work everywhere on the page but in fields. */
export function render({ model }) {
  const root = el('section', 'bk d-root');
  root.setAttribute('aria-label', 'Blink');
  const before = el('button', '', '◀'), play = el('button', 'bk-play'), after = el('button', '', '▶'), choices = el('span', 'bk-choices'), rate = el('select');
  for (const [button, text] of [[before, 'Previous image (p)'], [play, 'Blink or stop (b or space)'], [after, 'Next image (n)']]) { button.type = 'button'; button.title = text; button.setAttribute('aria-label', text); }
  rate.title = 'Images per second'; rate.setAttribute('aria-label', rate.title);
  const said = el('span', 'bk-said muted');
  said.setAttribute('aria-live', 'off');
  root.append(before, play, after, choices, rate, said);
  let state = { layers: [], mode: '' }, at = 0, timer = 0, told = 0, waiting = 0, speed = 2;
  function figure() { for (const doc of window.Bokeh?.documents ?? []) { const found = doc.get_model_by_name(state.figure); if (found) return found; } return null; }
  function show() {
    const layer = state.layers[at];
    if (state.mode !== 'blink' || !layer || !state.figure) return;
    const drawn = figure();
    clearTimeout(waiting);
    if (!drawn) { waiting = setTimeout(show, 200); return; }   /* it is still on its way */
    for (const made of drawn.renderers) {
      const number = /^layer_(\d)$/.exec(made.name ?? '');
      if (number && made.visible !== (Number(number[1]) === at)) made.visible = Number(number[1]) === at;
    }
    const words = [...drawn.above, ...drawn.below].find(one => one.name === 'subtitle');
    if (drawn.title) drawn.title.text = layer.title;
    if (words) words.text = layer.words;
    for (const button of choices.children) button.setAttribute('aria-pressed', String(Number(button.dataset.i) === at));
    root.dataset.shown = at;
    said.textContent = `${at + 1} of ${state.layers.length}`;
  }
  const tell = () => { clearTimeout(told); told = setTimeout(() => { if (!timer) model.send_msg({ type: 'show', value: at }); }, 300); };
  function go(i) { if (!state.layers.length) return; at = (i + state.layers.length) % state.layers.length; show(); tell(); }
  function draw_play() { play.textContent = timer ? '■ Stop' : '► Blink'; play.setAttribute('aria-pressed', String(Boolean(timer))); }
  function stop() { clearInterval(timer); timer = 0; draw_play(); }
  function start() { clearInterval(timer); timer = state.layers.length > 1 ? setInterval(() => { at = (at + 1) % state.layers.length; show(); }, 1000 / speed) : 0; draw_play(); }
  const tell_play = () => model.send_msg({ type: 'play', value: Boolean(timer), rate: rate.value });
  function toggle() { if (state.mode !== 'blink') { model.send_msg({ type: 'mode', value: 'blink' }); return; } if (timer) { stop(); tell(); } else start(); tell_play(); }
  const step = by => { if (timer) { stop(); tell_play(); } go(at + by); };
  before.addEventListener('click', () => step(-1));
  after.addEventListener('click', () => step(1));
  play.addEventListener('click', toggle);
  rate.addEventListener('change', () => { speed = Number(rate.value); if (timer) start(); tell_play(); });
  const move = (kind, x, y, size) => { const source = state.figure && figure()?.tags.find(tag => tag.name === 'move'); if (source) source.data = { kind: [kind], x: [x], y: [y], size: [size], n: [Date.now()] }; };
  const mode = value => model.send_msg({ type: 'mode', value });
  const keys = {
    b: toggle, ' ': toggle, n: () => step(1), p: () => step(-1), s: () => mode('side'), d: () => mode('difference'),
    '+': () => move('by', 0, 0, 0.5), '=': () => move('by', 0, 0, 0.5), '-': () => move('by', 0, 0, 2), '0': () => move('whole', 0, 0, 1),
    ArrowLeft: () => move('pan', -0.2, 0, 1), ArrowRight: () => move('pan', 0.2, 0, 1), ArrowUp: () => move('pan', 0, 0.2, 1), ArrowDown: () => move('pan', 0, -0.2, 1),
  };
  let after_g = 0;   /* g and a letter open a page */
  function on_key(event) {
    const target = event.composedPath()[0];
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target instanceof Element && target.matches('input, select, textarea') || document.getElementById('keys')?.open) return;
    if (Date.now() - after_g < 1500) { after_g = 0; return; }
    if (event.key === 'g') { after_g = Date.now(); return; }
    if (event.key === ' ' && target instanceof Element && target.matches('button, a')) return;
    if (event.key.startsWith('Arrow') && event.composedPath().some(node => node instanceof Element && node.matches('[role=row], tr'))) return;
    const number = Number(event.key), does = keys[event.key] || (number >= 1 && number <= state.layers.length && (() => { if (timer) { stop(); tell_play(); } go(number - 1); }));
    if (!does) return;
    event.preventDefault();
    does();
  }
  document.addEventListener('keydown', on_key);
  const forget = window.dsa110?.add_keys?.([
    ['b', 'blink or stop (space too)'], ['n', 'next image'], ['p', 'previous image'], ['1', 'to 4: show that image'], ['s', 'side by side'], ['d', 'difference'],
    ['+', 'zoom in; - out, 0 whole'], ['←', 'and the other arrows: pan'],
  ]);
  model.on('remove', () => { clearInterval(timer); clearTimeout(told); clearTimeout(waiting); document.removeEventListener('keydown', on_key); forget?.(); });
  follow(model, payload => {
    const moved = payload.shown !== state.shown, key = JSON.stringify(payload.layers);
    if (key !== JSON.stringify(state.layers)) {
      choices.replaceChildren(...payload.layers.map((layer, i) => { const made = el('button', 'bk-choice', `${i + 1}`); made.type = 'button'; made.dataset.i = i; made.title = layer.title; made.setAttribute('aria-label', `Image ${i + 1}: ${layer.title}`); made.addEventListener('click', () => { if (timer) { stop(); tell_play(); } go(i); }); return made; }));
    }
    const changed = payload.playing !== state.playing || payload.mode !== state.mode;
    state = payload;
    speed = Number(payload.rate);
    if (!rate.options.length) rate.replaceChildren(...payload.rates.map(r => { const o = el('option', '', `${r} / s`); o.value = r; return o; }));
    rate.value = payload.rate;
    root.hidden = payload.mode !== 'blink' || payload.layers.length < 2;
    if (moved || at >= payload.layers.length) at = Math.min(payload.shown, Math.max(0, payload.layers.length - 1));
    if (changed) { if (payload.playing && payload.mode === 'blink') start(); else stop(); }
    draw_play();
    show();
  });
  return root;
}
