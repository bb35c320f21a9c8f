const LINE_PX = 18, LEVELS = { error: 'ERROR', warning: 'WARN', info: '', debug: 'DEBUG', skipped: 'CUT' };
function level_of(text) {
  if (/\b(ERROR|CRITICAL|FATAL|SEVERE)\b|^Traceback|^\w*(Error|Exception)\b:/.test(text)) return 'error';
  if (/\bWARN(ING)?\b/.test(text)) return 'warning';
  return /\bDEBUG\b/.test(text) ? 'debug' : 'info';
}
export function render({ model }) {
  const root = el('section', 'lv d-root'), bar = el('div', 'lv-bar'), body = el('div', 'lv-body'), box = el('div', 'lv-lines'), pad = el('div'), win = el('div', 'lv-window'), none = el('p', 'lv-none');
  const search = el('input'), follow_box = el('input'), follow_label = el('label', '', ''), count = el('span', 'lv-count');
  const button = (text, title, act) => { const b = el('button', '', text); b.type = 'button'; b.title = title; b.addEventListener('click', act); return b; };
  search.type = 'search'; search.placeholder = 'filter lines'; search.setAttribute('aria-label', 'Filter lines');
  follow_box.type = 'checkbox'; follow_box.checked = true; follow_label.append(follow_box, document.createTextNode('follow'));
  const previous = button('Previous error', 'jump to the error above', () => jump(-1)), next = button('Next error', 'jump to the error below', () => jump(1));
  const copy = button('Copy', 'copy the shown lines as plain text', copy_lines), fresh = button('', 'go to the newest line', () => { follow_box.checked = true; to_end(); });
  fresh.className = 'lv-new'; fresh.hidden = true;
  bar.append(search, follow_label, previous, next, copy, count);
  box.tabIndex = 0; box.setAttribute('role', 'log'); box.setAttribute('aria-live', 'off'); box.setAttribute('aria-label', model.label);
  win.className = 'lv-window';
  box.append(pad, win); body.append(box, none, fresh); root.append(bar, body);

  let all = [], shown = all, needle = '', raf = 0, waiting = 0, dropped = 0, here = -1, errors = 0, last_top = 0;
  const later = () => { if (!raf) raf = requestAnimationFrame(draw); };
  const matches = line => line.text.toLowerCase().includes(needle);
  function draw() {
    raf = 0;
    pad.style.height = `${shown.length * LINE_PX}px`;
    const from = Math.max(0, Math.floor(box.scrollTop / LINE_PX) - 20), to = Math.min(shown.length, from + Math.ceil(box.clientHeight / LINE_PX) + 40);
    win.style.top = `${from * LINE_PX}px`;
    const lines = [];
    for (let i = from; i < to; i++) {
      const { text, level } = shown[i], line = el('div', `lv-line lv-${level}${i === here ? ' here' : ''}`);
      line.append(el('span', 'lv-level', LEVELS[level]), el('span', '', text || ' '));
      lines.push(line);
    }
    win.replaceChildren(...lines);
    const parts = [`${shown.length.toLocaleString('en')} line${shown.length === 1 ? '' : 's'}`];
    if (needle) parts.push(`of ${all.length.toLocaleString('en')}`);
    if (errors) parts.push(`${errors.toLocaleString('en')} with errors`);
    if (dropped) parts.push(`${dropped.toLocaleString('en')} older ones dropped`);
    count.textContent = parts.join(', ');
    none.hidden = !needle || shown.length > 0;
    none.textContent = none.hidden ? '' : `No line contains '${search.value}'`;
    fresh.hidden = waiting === 0;
    fresh.textContent = `+${waiting.toLocaleString('en')} new`;
    previous.disabled = next.disabled = errors === 0;
  }
  function to_end() { waiting = 0; pad.style.height = `${shown.length * LINE_PX}px`; box.scrollTop = shown.length * LINE_PX; later(); }
  function refilter() {
    needle = search.value.toLowerCase();
    shown = needle ? all.filter(matches) : all;
    here = -1;
    if (follow_box.checked) to_end(); else later();
  }
  function add(lines, reset) {
    if (reset) { all = []; shown = all; dropped = 0; waiting = 0; here = -1; errors = 0; }
    for (const line of lines) if (line.level === 'error') errors++;
    for (const line of lines) all.push(line);
    if (all.length > model.max_lines) {
      const cut = all.splice(0, all.length - model.max_lines);
      dropped += cut.length;
      for (const line of cut) if (line.level === 'error') errors--;
      here = -1;
    }
    let added = lines.length;
    if (needle) { const fit = lines.filter(matches); added = fit.length; shown = shown === all ? all.filter(matches) : shown.concat(fit); } else shown = all;
    if (follow_box.checked) to_end(); else { waiting += reset ? 0 : added; later(); }
  }
  function jump(step) {
    const start = here >= 0 ? here : step > 0 ? Math.floor(box.scrollTop / LINE_PX) - 1 : Math.ceil((box.scrollTop + box.clientHeight) / LINE_PX);
    for (let i = start + step; i >= 0 && i < shown.length; i += step) if (shown[i].level === 'error') {
      here = i;
      follow_box.checked = false;
      box.scrollTop = Math.max(0, i * LINE_PX - box.clientHeight / 2);
      later();
      return;
    }
  }
  function to_first_error() {
    const i = shown.findIndex(line => line.level === 'error');
    if (i < 0) return;
    here = i;
    follow_box.checked = false;
    box.scrollTop = last_top = Math.max(0, i * LINE_PX - box.clientHeight / 3);
    later();
  }
  async function copy_lines() {
    const text = shown.map(line => line.text).join('\n');
    try { await navigator.clipboard.writeText(text); } catch {   /* plain http: no clipboard interface */
      const area = el('textarea'); area.value = text; root.append(area); area.select(); document.execCommand('copy'); area.remove();
    }
    copy.textContent = 'Copied';
    setTimeout(() => { copy.textContent = 'Copy'; }, 1500);
  }
  search.addEventListener('input', refilter);
  follow_box.addEventListener('change', () => { if (follow_box.checked) to_end(); });
  box.addEventListener('scroll', () => {
    const end = box.scrollTop + box.clientHeight >= shown.length * LINE_PX - 2 * LINE_PX;
    if (box.scrollTop < last_top && !end) follow_box.checked = false;
    if (end && box.scrollTop > last_top) { follow_box.checked = true; waiting = 0; }
    last_top = box.scrollTop;
    later();
  });
  const watch = new ResizeObserver(() => { if (follow_box.checked) to_end(); else later(); });
  watch.observe(box);
  model.on('remove', () => watch.disconnect());
  model.on('msg:custom', message => {
    if (message.skipped) add([{ text: `--- ${message.skipped} ---`, level: 'skipped' }], Boolean(message.reset));
    if (message.text !== undefined) {
      const parts = message.text.split('\n');
      if (parts.at(-1) === '') parts.pop();
      add(parts.map(text => ({ text, level: level_of(text) })), Boolean(message.reset) && !message.skipped);
    }
    if (message.to_first_error) { pad.style.height = `${shown.length * LINE_PX}px`; to_first_error(); }
  });
  model.send_msg({ type: 'ready' });
  return root;
}
