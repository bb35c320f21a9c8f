/* Epochs of a source: one large frame that steps and plays, and all of them as tiles. */
const SIGNS = { detection: '●', forced: '□', flagged: '✕', limit: '▽' };
function tell_light_curve(ms) {
  /* The mark is moved here: a round trip for every frame would make ten frames a second stutter. */
  for (const doc of window.Bokeh?.documents ?? []) {
    const mark = doc.get_model_by_name('epoch_mark');
    if (!mark) continue;
    mark.location = ms; mark.visible = ms !== null;
  }
}
export function render({ model }) {
  const root = el('section', 'es d-root');
  root.setAttribute('aria-label', 'Epochs');
  const head = el('div', 'rt-head'), total = el('span', 'muted'), links = el('span', 'es-links');
  head.append(el('h2', 'rt-caption', 'Epochs'), total, links);
  const note = el('p', 'rt-note'), body = el('div', 'es-body'), player = el('div', 'es-player'), grid = el('div', 'es-grid');
  const screen = el('canvas', 'es-screen'), words = el('div', 'es-words'), controls = el('div', 'es-controls');
  screen.width = screen.height = 480;
  screen.setAttribute('role', 'img');
  const before = el('button', '', '◀'), play = el('button', 'es-play'), after = el('button', '', '▶'), rate = el('select');
  for (const [button, text] of [[before, 'Previous epoch (left arrow)'], [play, 'Play or stop (space)'], [after, 'Next epoch (right arrow)']]) { button.type = 'button'; button.title = text; button.setAttribute('aria-label', text); }
  rate.title = 'Frames per second'; rate.setAttribute('aria-label', rate.title);
  controls.append(before, play, after, rate);
  player.append(screen, words, controls);
  grid.setAttribute('role', 'group');
  grid.setAttribute('aria-label', 'Epochs in order of time: arrow keys step, space plays, Enter opens the image');
  body.append(player, grid);
  const pager = el('div', 'rt-pager'), older = el('button', '', 'Older'), newer = el('button', '', 'Newer');
  older.type = newer.type = 'button';
  pager.append(older, newer);
  root.append(head, note, body, pager);

  let state = { tiles: [] }, drawn = new Map(), at = -1, timer = 0, told = 0, sent = 0, forget = null;
  const tile_at = i => grid.children[i];
  const image_of = i => tile_at(i)?.querySelector('img');
  function draw_tile(tile) {
    const link = tile.href && safe_link(tile.href), box = el(link ? 'a' : 'div', `es-tile ${tile.src ? '' : 'gone'}`);
    if (link) box.href = tile.href;
    box.tabIndex = -1;
    box.dataset.id = tile.id;
    box.title = tile.title;
    if (tile.src) {
      const picture = el('img');
      picture.loading = 'lazy'; picture.width = picture.height = 126; picture.alt = `Image of ${tile.time}`; picture.src = tile.src;
      picture.addEventListener('load', () => { if (tile_at(at) === box) show(); });
      picture.addEventListener('error', () => { picture.replaceWith(el('span', 'es-why', 'the picture could not be made: reload, or look at the image')); });
      box.append(picture);
    } else box.append(el('span', 'es-why', tile.problem));
    box.append(el('span', 'es-time', tile.time), el('span', 'es-flux', tile.flux), el('span', 'es-snr', tile.snr), el('span', `es-kind ${tile.kind}`, `${SIGNS[tile.kind]} ${tile.kind}`));
    if (tile.above) box.append(el('span', 'es-above', '▲ above the scale'));
    return box;
  }
  function show() {
    const tile = state.tiles[at], picture = image_of(at), pen = screen.getContext('2d');
    for (const box of grid.children) { const on = Number(box.dataset.id) === tile?.id; box.classList.toggle('current', on); box.tabIndex = on ? 0 : -1; if (on) box.setAttribute('aria-current', 'true'); else box.removeAttribute('aria-current'); }
    pen.imageSmoothingEnabled = false;
    if (!tile || !tile.src) pen.clearRect(0, 0, 480, 480);
    else if (picture) { picture.loading = 'eager'; if (picture.complete && picture.naturalWidth) pen.drawImage(picture, 0, 0, 480, 480); }
    screen.setAttribute('aria-label', tile ? `${tile.time}: ${tile.src ? tile.flux : tile.problem}` : 'no epoch');
    screen.classList.toggle('gone', !tile?.src);
    words.replaceChildren(...(tile ? [el('strong', '', tile.ms === null ? tile.time : `${tile.time} UTC`), el('span', '', `${tile.flux}${tile.snr ? ` · ${tile.snr}` : ''}`), el('span', `es-kind ${tile.kind}`, `${SIGNS[tile.kind]} ${tile.kind} · ${at + 1} of ${state.tiles.length} here`), el('span', 'muted', tile.src ? '' : tile.problem)] : []));
    tell_light_curve(tile ? tile.ms : null);
  }
  function tell() {
    clearTimeout(told);
    told = setTimeout(() => { if (!timer && state.tiles[at]) { sent = state.tiles[at].id; model.send_msg({ type: 'frame', id: sent }); } }, 400);
  }
  function go(i, with_focus) {
    if (!state.tiles.length) return;
    const had_focus = grid.contains(root.getRootNode().activeElement);
    at = (i + state.tiles.length) % state.tiles.length;
    show();
    const box = tile_at(at);
    if (with_focus && had_focus) box.focus({ preventScroll: true });
    reveal();
    tell();
  }
  function reveal() {
    const box = tile_at(at);
    if (box && (box.offsetTop < grid.scrollTop || box.offsetTop + box.offsetHeight > grid.scrollTop + grid.clientHeight)) grid.scrollTop = box.offsetTop - 8;
  }
  const step_with_image = () => { for (let k = 1; k <= state.tiles.length; k++) { const i = (at + k) % state.tiles.length; if (state.tiles[i].src) return go(i, false); } };
  function draw_play() { play.textContent = timer ? '■ Stop' : '► Play'; play.setAttribute('aria-pressed', String(Boolean(timer))); }
  function stop() { clearInterval(timer); timer = 0; draw_play(); }
  function start() { stop(); if (state.tiles.filter(t => t.src).length < 2) return; timer = setInterval(step_with_image, 1000 / state.rate); draw_play(); for (const p of grid.querySelectorAll('img')) p.loading = 'eager'; }
  const toggle = () => { if (timer) { stop(); tell(); } else start(); };
  before.addEventListener('click', () => { stop(); go(at - 1, false); });
  after.addEventListener('click', () => { stop(); go(at + 1, false); });
  play.addEventListener('click', toggle);
  rate.addEventListener('change', () => model.send_msg({ type: 'rate', value: Number(rate.value) }));
  older.addEventListener('click', () => model.send_msg({ type: 'older' }));
  newer.addEventListener('click', () => model.send_msg({ type: 'newer' }));
  grid.addEventListener('focusin', event => { const box = event.target.closest('.es-tile'), i = [...grid.children].indexOf(box); if (i >= 0 && i !== at) go(i, false); });
  root.addEventListener('keydown', event => {
    if (event.target === rate || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: state.tiles.length - 1 }[event.key];
    if (target !== undefined) { event.preventDefault(); stop(); go(target, true); }
    else if (event.key === ' ' && event.target.tagName !== 'BUTTON') { event.preventDefault(); toggle(); }
  });

  follow(model, payload => {
    const current = state.tiles[at]?.id, asked = payload.frame !== state.frame && payload.frame !== sent;   /* the echo of our own step may be late */
    state = payload;
    total.textContent = state.total;
    note.textContent = state.note; note.hidden = !state.note;
    links.replaceChildren(...state.downloads.filter(d => safe_link(d.href)).map(d => { const a = el('a', '', d.text); a.href = d.href; a.title = d.title; a.download = ''; return a; }));
    const keys = state.tiles.map(tile => JSON.stringify(tile));
    if (keys.join() !== [...drawn.keys()].join()) {   /* tiles that stay keep their picture and their focus */
      const next = new Map(state.tiles.map((tile, i) => [keys[i], drawn.get(keys[i]) || draw_tile(tile)]));
      grid.replaceChildren(...next.values());
      drawn = next;
    }
    body.hidden = !state.tiles.length;
    if (state.tiles.length) forget ??= window.dsa110?.add_keys?.([['← →', 'among the epochs: the one before, the one after'], ['Home End', 'among the epochs: the first, the last'], ['space', 'among the epochs: play or stop']]) ?? null;
    else { forget?.(); forget = null; }
    rate.replaceChildren(...state.rates.map(r => { const o = el('option', '', `${r} / s`); o.value = r; o.selected = r === state.rate; return o; }));
    older.disabled = !state.has_older; newer.disabled = !state.has_newer; pager.hidden = !state.has_older && !state.has_newer;
    const wanted = asked && state.frame ? state.frame : current;
    at = state.tiles.findIndex(t => t.id === wanted);
    if (at < 0) at = state.tiles.findLastIndex(t => t.src);
    if (at < 0) at = state.tiles.length - 1;
    if (timer) start(); else draw_play();
    show();
    if (state.tiles[at]?.id !== current) requestAnimationFrame(reveal);
  }, [stop, () => clearTimeout(told), () => forget?.(), () => tell_light_curve(null)]);
  return root;
}
