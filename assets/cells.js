/* Shared by all components: everything is drawn with textContent, nothing is ever parsed as markup. */
const SVG = 'http://www.w3.org/2000/svg';
const GLYPHS = {
  ok: 'M3 8.500 6.500 12 13 4.500', warn: 'M8 2 15 14H1ZM8 6.500v3.500M8 12v.6', bad: 'M4 4l8 8M12 4l-8 8M1 1h14v14H1Z',
  stale: 'M8 1.500a6.500 6.500 0 1 0 .01 0ZM8 4.500V8l2.500 2', off: 'M8 2.500a5.500 5.500 0 1 0 .01 0ZM4 12 12 4',
  info: 'M8 1.500a6.500 6.500 0 1 0 .01 0ZM8 7v5M8 4v.8', truncated: 'M2 4h12M2 8h8M2 12h4M12 10v5M9.500 12.500 12 15l2.500-2.500', loading: 'M8 1.500a6.500 6.500 0 1 0 .01 0ZM8 4.500V8l2.500 2',
};
const WORDS = { ok: 'ok', warn: 'warning', bad: 'error', stale: 'stale', off: 'off', info: 'note', truncated: 'cut short', loading: 'loading' };

function el(tag, cls, text) {
  const made = document.createElement(tag);
  if (cls) made.className = cls;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}
function glyph(state) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16'); svg.setAttribute('class', `glyph ${state}`); svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', GLYPHS[state] || GLYPHS.info);
  svg.append(path);
  return svg;
}
const now_s = () => window.dsa110 ? window.dsa110.now() : Date.now() / 1000;
function age_text(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${String(Math.floor(s % 3600 / 60)).padStart(2, '0')} min`;
  return `${Math.floor(s / 86400).toLocaleString('en')} d`;
}
function utc_text(unix) {
  const d = new Date(unix * 1000);
  return Number.isNaN(d.getTime()) ? 'not a date' : `${d.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
const age_words = unix => { const s = now_s() - unix; return s < -5 ? `in ${age_text(-s)}` : `${age_text(s)} ago`; };
/* All ages below `root` tick once a second until `stop` is called. */
function tick_ages(root) {
  const id = setInterval(() => {
    for (const node of root.querySelectorAll('[data-unix]')) { const fresh = age_words(Number(node.dataset.unix)); if (node.textContent !== fresh) node.textContent = fresh; }
  }, 1000);
  return () => clearInterval(id);
}
function safe_link(href) {
  try { return ['http:', 'https:'].includes(new URL(href, location.href).protocol); } catch { return false; }
}
/* Points of a light curve in a line of text: {x, y from 0 to 100, k: 0 detection, 1 forced, 2 flagged, label}. */
function draw_curve(curve) {
  const svg = document.createElementNS(SVG, 'svg'), title = document.createElementNS(SVG, 'title');
  svg.setAttribute('viewBox', '-3 -3 126 22'); svg.setAttribute('class', 'curve'); svg.setAttribute('role', 'img'); svg.setAttribute('aria-label', curve.label);
  title.textContent = curve.label;
  svg.append(title);
  curve.x.forEach((x, i) => {
    const cx = x * 1.2, cy = 16 - curve.y[i] * 0.16, kind = curve.k[i];
    const mark = document.createElementNS(SVG, kind === 2 ? 'path' : 'circle');
    if (kind === 2) mark.setAttribute('d', `M${cx - 2} ${cy - 2}l4 4m0-4-4 4`);
    else { mark.setAttribute('cx', cx); mark.setAttribute('cy', cy); mark.setAttribute('r', kind ? 2.2 : 1.7); }
    mark.setAttribute('class', ['detection', 'forced', 'flagged'][kind] || 'detection');
    svg.append(mark);
  });
  return svg;
}
const y_of = y => y * 0.24;
async function copy_text(text) {
  if (navigator.clipboard) { await navigator.clipboard.writeText(text); return; }
  const area = el('textarea');   /* without https a browser has no clipboard for pages */
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (!done) throw new Error('refused');
}
function copy_button(text) {
  const button = el('button', 'copy'), icon = document.createElementNS(SVG, 'svg'), path = document.createElementNS(SVG, 'path'), said = el('span');
  icon.setAttribute('viewBox', '0 0 16 16'); icon.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', 'M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3');
  icon.append(path);
  button.append(icon, said);
  button.type = 'button';
  button.title = `Copy ${text}`;
  button.setAttribute('aria-label', `Copy ${text}`);
  button.addEventListener('click', async () => {
    let mark = '✓';
    try { await copy_text(text); } catch { mark = '✗'; button.title = `The browser refused to copy: ${text}`; }
    said.textContent = mark;
    button.focus();
    setTimeout(() => { said.textContent = ''; }, 1200);
  });
  return button;
}
/* Names of files break after a dot or an underscore, if they must; numbers do not. */
const longest_part = 24, parts_of = name => name.split(/(?<=_)|(?<=\.)(?=\D)/);
const name_parts = name => parts_of(name).flatMap((part, i) => i ? [el('wbr'), document.createTextNode(part)] : [document.createTextNode(part)]);
const breaks_as_name = text => !/\s/.test(text) && parts_of(text).every(part => part.length <= longest_part);
/* One cell: {t text, u unit, h href, s state, title, x unix, m mono, n note, missing, c copied text, k curve}. */
function draw_cell(cell, href) {
  const box = el('span', 'cell');
  const link = cell.h || href;
  const value = link && safe_link(link) ? el('a', 'value') : el('span', 'value');
  if (value.tagName === 'A') value.href = link;
  if (value.tagName === 'A' && value.origin !== location.origin) { value.rel = 'noopener noreferrer'; value.target = '_blank'; }
  const is_wordy = cell.s && !cell.n && (cell.t ?? '').length >= 12 && /[ _]/.test(cell.t);
  if (cell.s) { box.classList.add('state', cell.s); box.append(glyph(cell.s)); }
  if (is_wordy) box.classList.add('wordy');
  if (cell.m) value.classList.add('mono');
  const is_name = breaks_as_name(cell.t ?? ''), is_long = (cell.t ?? '').length > longest_part;
  if (!is_long) value.classList.add('short');   /* dates, angles and words stay in one line */
  if (cell.missing) value.classList.add('missing');
  if (is_name) value.classList.add('name');
  if (cell.m || is_wordy || is_name && is_long) value.append(...name_parts(`${cell.t ?? ''}`)); else value.append(document.createTextNode(cell.t ?? ''));
  if (cell.u) value.append(el('span', 'unit', `\u00a0${cell.u}`));
  box.append(value);
  if (cell.x !== undefined) {
    const age = el('time', 'age', age_words(cell.x));
    age.dataset.unix = cell.x;
    age.dateTime = utc_text(cell.x);
    if (cell.t) { age.classList.add('after'); box.append(age); } else value.append(age);
    if (!cell.title) box.title = utc_text(cell.x);
  }
  if (cell.title) box.title = cell.title;
  if (cell.k) box.replaceChildren(draw_curve(cell.k));
  if (cell.c) { box.classList.add('copies'); box.append(copy_button(cell.c)); }
  if (cell.n) box.append(el('span', 'cellnote', cell.n));
  return box;
}
/* Read the payload now and after every change; `remove` ends everything that `draw` started. */
function follow(model, draw, stops = []) {
  const update = () => draw(JSON.parse(model.payload));
  model.on('payload', update);
  model.on('remove', () => stops.forEach(stop => stop()));
  update();
}
/* The buttons of a list in pages. The page that they ask for is read from its top: that comes into view with its rows. */
function make_pager(model, root) {
  const pager = el('div', 'rt-pager'), buttons = {}, patience_ms = 15000;
  let left = null, shown = '';
  for (const [name, text] of [['first', 'First'], ['previous', 'Previous'], ['next', 'Next']]) {
    const button = buttons[name] = el('button', '', text);
    button.type = 'button';
    button.addEventListener('click', () => { left = { keys: shown, button, at: performance.now() }; model.send_msg({ type: name }); });
    pager.append(button);
  }
  function to_top() {
    const bars = [...document.querySelectorAll('.bar, .sections-bar')].reduce((sum, bar) => sum + bar.offsetHeight, 0);
    const above = root.getBoundingClientRect().top - bars - 8;
    if (above < 0) window.scrollBy({ top: above, behavior: 'instant' });
    root.querySelector('.rt-scroll')?.scrollTo({ top: 0, behavior: 'instant' });
  }
  /* `keys` are those of the rows on the screen, `target` has the focus when the button that was pressed has no more to do. */
  function draw(state, keys, target) {
    buttons.first.disabled = buttons.previous.disabled = !state.has_previous;
    buttons.next.disabled = !state.has_next;
    pager.hidden = !state.has_next && !state.has_previous;
    shown = JSON.stringify(keys);
    if (!left || shown === left.keys) return;
    if (performance.now() - left.at < patience_ms) {
      to_top();
      if (left.button.disabled) target()?.focus({ preventScroll: true });
    }
    left = null;
  }
  return { pager, draw };
}
