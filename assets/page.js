/* What every page does without the server: clocks, age of the data, connection watchdog, theme, keys. */
'use strict';
(() => {
  const html = document.documentElement;
  const root = html.dataset.root;
  const OVRO_LONGITUDE_DEG = -118.2817;
  const $ = id => document.getElementById(id);

  /* Server time: the browser's own clock ticks, an offset is used only when that clock is plainly wrong. */
  let offset_s = 0;
  const learn = server_now => { const off = server_now - Date.now() / 1000; offset_s = Math.abs(off) > 2 ? off : 0; };
  if (html.dataset.serverNow) learn(Number(html.dataset.serverNow));
  const now = () => Date.now() / 1000 + offset_s;

  const two = n => String(n).padStart(2, '0');
  const age = seconds => {
    const s = Math.max(0, Math.round(seconds));
    if (s < 120) return `${s} s`;
    if (s < 7200) return `${Math.floor(s / 60)} min`;
    if (s < 172800) return `${Math.floor(s / 3600)} h ${two(Math.floor(s % 3600 / 60))} min`;
    return `${Math.floor(s / 86400)} d`;
  };
  /* Greenwich mean sidereal time, Meeus 1998 eq. 12.4 without the terms below 0.1 s per century. */
  const lst_hours = unix => {
    const days = unix / 86400 + 2440587.5 - 2451545.0;
    const deg = 280.46061837 + 360.98564736629 * days + OVRO_LONGITUDE_DEG;
    return (((deg % 360) + 360) % 360) / 15;
  };
  const hms = hours => { const s = Math.floor(hours * 3600) % 86400; return `${two(Math.floor(s / 3600))}:${two(Math.floor(s % 3600 / 60))}:${two(s % 60)}`; };

  const state = { last_write: html.dataset.lastWrite ? Number(html.dataset.lastWrite) : null, writes: {}, answered: performance.now(), lost: false, bokeh_ready: false };
  window.dsa110 = { now, age, lst_hours, set_last_write: unix => { state.last_write = unix; tick(); }, ready: () => { state.bokeh_ready = true; }, add_keys };

  const utc = unix => new Date(unix * 1000).toISOString().slice(0, 19).replace('T', ' ') + ' UTC';
  const stale_after = Number(html.dataset.staleAfter) || 3600;
  function tick() {
    const t = now();
    $('utc').textContent = new Date(t * 1000).toISOString().slice(11, 19);
    $('lst').textContent = hms(lst_hours(t));
    const box = $('freshness');
    if (state.last_write === null) { box.textContent = 'newest write: not known'; return; }
    const seconds = t - state.last_write, stale = seconds > stale_after;
    const written = Object.entries(state.writes).sort((a, b) => b[1] - a[1]), name = (written.find(([, at]) => at === state.last_write) || [''])[0];
    box.textContent = `${stale ? 'STALE: ' : ''}newest write ${age(seconds)} ago${name ? ` (${name})` : ''}`;
    const lines = written.map(([role, at]) => `${role}: ${age(t - at)} ago, ${utc(at)}`);
    box.title = ['When the pipeline last wrote:', ...(lines.length ? lines : [utc(state.last_write)])].join('\n');
    box.classList.toggle('stale', stale);
    if (html.hasAttribute('data-stale')) banner();
  }
  setInterval(tick, 1000);

  /* Watchdog: a page must never show old numbers that look alive. */
  const silent_s = () => (performance.now() - state.answered) / 1000;
  function banner(text) {
    const box = $('connection');
    const fresh = text || `Connection lost ${age(silent_s())} ago - the numbers below are old. Waiting for the server.`;
    if (box.textContent !== fresh) box.textContent = fresh;
    box.hidden = false;
  }
  const mark = () => { html.setAttribute('data-stale', ''); banner(); };
  function unmark() { html.removeAttribute('data-stale'); $('connection').hidden = true; $('connection').textContent = ''; }
  /* A proxy that refuses websockets would make the page reload for ever: after three reloads in a minute it waits.
     A server that has just started answers late: one reload is enough until then. */
  let reloading_since = -Infinity;
  function reload() {
    if (performance.now() - reloading_since < 20000) return true;
    const key = 'dsa110-reloads', recent = JSON.parse(sessionStorage.getItem(key) || '[]').filter(t => Date.now() - t < 60000);
    if (recent.length >= 3) return false;
    sessionStorage.setItem(key, JSON.stringify([...recent, Date.now()]));
    reloading_since = performance.now();
    location.reload();
    return true;
  }
  async function ask() {
    const abort = new AbortController(), limit = setTimeout(() => abort.abort(), 3000);
    try {
      const answer = await fetch(`${root}healthz`, { cache: 'no-store', signal: abort.signal });
      return answer.ok ? await answer.json() : null;
    } catch { return null; } finally { clearTimeout(limit); }
  }
  async function check() {
    const health = await ask();
    if (!health) { mark(); return; }
    const outage = silent_s(), restarted = health.boot !== html.dataset.boot;
    if ((state.lost || restarted || outage > 30 && html.hasAttribute('data-stale')) && html.dataset.kind === 'page') {
      if (reload()) return;
      mark();
      banner('The server answers, but the live connection does not stay open; trying again in a minute. The numbers below are old.');
      return;
    }
    state.answered = performance.now();
    learn(health.now);
    state.last_write = health.last_write;
    state.writes = health.writes || {};
    const remarks = health.remarks || [];
    $('remarks').textContent = remarks.join(' · ');
    $('remarks').hidden = !remarks.length;
    unmark();
    tick();
  }
  let timer = 0;
  async function poll() {
    clearTimeout(timer);
    if (!document.hidden) await check();
    clearTimeout(timer);
    timer = setTimeout(poll, state.lost || html.hasAttribute('data-stale') ? 1000 + 1000 * Math.random() : 3000);
  }
  document.addEventListener('visibilitychange', () => { if (!document.hidden) { state.answered = html.hasAttribute('data-stale') ? state.answered : performance.now(); poll(); } });
  window.addEventListener('dsa110:lost', () => { state.lost = true; mark(); poll(); });
  let leaving = false;
  window.addEventListener('pagehide', () => { leaving = true; });
  window.addEventListener('pageshow', event => { if (event.persisted && leaving) location.reload(); });
  timer = setTimeout(poll, state.last_write === null ? 1500 : 3000);
  /* What was not available (a locked database) is asked for again; nothing on an error page can be lost by that. */
  if (html.dataset.status === '503') setInterval(async () => { if (!document.hidden && await ask()) location.reload(); }, 10000);
  if (html.dataset.kind === 'page') setTimeout(() => {
    if (!state.bokeh_ready) { html.setAttribute('data-stale', ''); banner('The live connection could not be opened: a proxy may block websockets, or this address is not in the allowed origins.'); }
  }, 20000);

  /* Theme */
  $('theme').addEventListener('change', event => {
    const name = event.target.value;
    document.cookie = `dsa110_theme=${name}; path=${new URL(root, location.href).pathname}; max-age=31536000; samesite=lax`;
    html.dataset.theme = name;
    const url = new URL(location.href);
    url.searchParams.delete('theme');
    if (url.href === location.href) location.reload(); else location.replace(url.href);
  });

  /* Keys. A page adds its own to the help: pairs of key and words; what is returned takes them away again. */
  function add_keys(pairs) {
    const made = pairs.flatMap(([key, words]) => {
      const term = document.createElement('dt'), box = document.createElement('kbd'), meaning = document.createElement('dd');
      box.textContent = key; term.append(box); meaning.textContent = words;
      return [term, meaning];
    });
    $('keys').querySelector('dl').prepend(...made);
    return () => made.forEach(node => node.remove());
  }
  const dialog = $('keys');
  $('help').addEventListener('click', () => dialog.showModal());
  const again = $('again');
  if (again) again.addEventListener('click', event => { event.preventDefault(); location.reload(); });
  const typing = event => { const t = event.composedPath()[0]; return t instanceof Element && (t.matches('input, select, textarea') || t.isContentEditable); };
  function first_filter(node) {
    const hit = node.querySelector('[data-first-filter]');
    if (hit) return hit;
    for (const child of node.querySelectorAll('*')) if (child.shadowRoot) { const inner = first_filter(child.shadowRoot); if (inner) return inner; }
    return null;
  }
  /* The list that an image is opened from, in its order, for the keys that lead from image to image. */
  function leave_list(event) {
    const opened = event.composedPath().find(node => node instanceof Element && (node.matches('a[href]') || node.matches('tr.opens')));
    if (!opened || /\/images\/\d+$/.test(location.pathname) || event.type === 'keydown' && event.key !== 'Enter') return;
    const link = opened.matches('a') ? opened : opened.querySelector('a[href]'), is_image = a => /\/images\/\d+$/.test(a.pathname);
    if (!link || !is_image(link)) return;
    const paths = [...new Set([...opened.getRootNode().querySelectorAll('a[href]')].filter(is_image).map(a => a.pathname))];
    try {
      sessionStorage.setItem('dsa110-images', JSON.stringify(paths.length > 1 ? paths : []));
      sessionStorage.setItem('dsa110-images-from', location.pathname + location.search);
      const paged = /\/images$/.test(location.pathname) && opened.getRootNode().querySelector('.rt-pager:not([hidden])');
      sessionStorage.setItem('dsa110-images-goes-on', paged ? 'yes' : '');
    } catch { /* a full or forbidden storage: the order of registration remains */ }
  }
  for (const kind of ['click', 'keydown']) document.addEventListener(kind, leave_list, true);
  let going = 0;
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
    if (event.key === '?') { event.preventDefault(); dialog.open ? dialog.close() : dialog.showModal(); return; }
    if (event.key === '/') { const field = first_filter(document); if (field) { event.preventDefault(); field.focus(); } return; }
    if (going && Date.now() - going < 1500) {
      going = 0;
      const link = [...document.querySelectorAll('nav [data-key]')].find(a => a.dataset.key === event.key);
      if (link) { event.preventDefault(); location.assign(link.href); }
      return;
    }
    going = event.key === 'g' ? Date.now() : 0;
  });
  tick();
})();
