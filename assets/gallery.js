export function render({ model }) {
  const root = el('section', 'rt gl d-root');
  const head = el('div', 'rt-head'), caption = el('h2', 'rt-caption'), total = el('span', 'muted'), busy = el('span', 'rt-busy', 'loading');
  busy.setAttribute('role', 'status');
  head.append(caption, total, busy);
  const note = el('p', 'rt-note'), grid = el('ul', 'gl-grid'), empty = el('p', 'rt-empty'), more = el('button', 'gl-more', 'Show more');
  grid.setAttribute('role', 'list');
  more.type = 'button';
  const { pager, draw: draw_pager } = make_pager(model, root);
  root.append(head, note, grid, empty, more, pager);

  let state = {}, tiles = new Map(), asked = 0;
  /* A server's words about a picture that it cannot make: the first line of its answer. */
  async function explain(frame, tile) {
    const src = tile.src;
    let words = 'The picture did not come.';
    try {
      const answer = await fetch(src, { headers: { Accept: 'text/plain' } });
      if (!answer.headers.get('Content-Type')?.startsWith('image/')) words = (await answer.text()).split('\n')[0].slice(0, 300) || words;
    } catch { words = 'The server does not answer.'; }
    if (frame.isConnected && frame.dataset.src === src) wrong(frame, words.replace(tile.title, tile.name));
  }
  function wrong(frame, words) {
    const box = el('span', 'gl-wrong');
    box.append(glyph('warn'), el('span', '', words));
    frame.replaceChildren(box);
  }
  function draw_picture(frame, tile) {
    if (frame.dataset.src === (tile.src ?? '') && (tile.src || frame.dataset.problem === tile.problem)) return;
    frame.dataset.src = tile.src ?? '';
    frame.dataset.problem = tile.problem ?? '';
    if (!tile.src || !safe_link(tile.src)) { wrong(frame, tile.problem || 'no picture'); return; }
    const image = el('img');
    image.loading = 'lazy'; image.decoding = 'async'; image.alt = '';
    image.width = image.height = 192;
    image.addEventListener('error', () => explain(frame, tile), { once: true });
    image.src = tile.src;
    frame.replaceChildren(image);
  }
  function make(key) {
    const item = el('li', 'gl-tile'), link = el('a', 'gl-link'), frame = el('span', 'gl-frame'), name = el('span', 'gl-name mono'), words = el('span', 'gl-words');
    const pick = el('input', 'gl-pick');
    pick.type = 'checkbox'; pick.tabIndex = -1;
    pick.addEventListener('change', () => model.send_msg({ type: 'select', key }));
    item.dataset.key = key;
    link.append(frame, name, words);
    item.append(link, pick);
    return { item, link, frame, name, words, pick, drawn: '' };
  }
  function draw_tile(entry, tile, is_selected) {
    entry.item.classList.toggle('selected', is_selected);
    entry.pick.checked = is_selected;
    const key = JSON.stringify(tile);
    if (key === entry.drawn) return;
    entry.drawn = key;
    if (tile.href && safe_link(tile.href)) entry.link.href = tile.href; else entry.link.removeAttribute('href');
    entry.link.title = tile.title;
    entry.name.replaceChildren(...name_parts(tile.name));
    entry.pick.setAttribute('aria-label', `Select ${tile.name}`);
    draw_picture(entry.frame, tile);
    entry.words.replaceChildren(...tile.cells.map(cell => draw_cell(cell)));
  }
  function draw_tiles() {
    const before = tiles, chosen = new Set(state.selected);
    tiles = new Map();
    let place = grid.firstChild;
    for (const tile of state.tiles) {
      const entry = before.get(tile.key) ?? make(tile.key);
      before.delete(tile.key);
      tiles.set(tile.key, entry);
      draw_tile(entry, tile, chosen.has(tile.key));
      while (place && before.has(place.dataset.key)) { const gone = place; place = place.nextSibling; before.delete(gone.dataset.key); gone.remove(); }
      if (place === entry.item) place = place.nextSibling; else grid.insertBefore(entry.item, place);
    }
    for (const entry of before.values()) entry.item.remove();
    const active = root.getRootNode().activeElement?.closest?.('li');
    rove(active && tiles.has(active.dataset.key) ? active : grid.firstChild);
  }
  /* One tile is in the tab order; the arrow keys move it, a blank selects. */
  function rove(item) { for (const entry of tiles.values()) entry.link.tabIndex = entry.item === item ? 0 : -1; }
  function below(item, way) {
    const box = item.getBoundingClientRect(), all = [...grid.children];
    const row = all.filter(other => (other.getBoundingClientRect().top - box.top) * way > box.height / 2);
    const next = way > 0 ? row[0] : row.at(-1);
    if (!next) return null;
    const top = next.getBoundingClientRect().top;
    return row.filter(other => Math.abs(other.getBoundingClientRect().top - top) < 2).reduce((a, b) => Math.abs(b.getBoundingClientRect().left - box.left) < Math.abs(a.getBoundingClientRect().left - box.left) ? b : a);
  }
  grid.addEventListener('focusin', event => rove(event.target.closest('li')));
  grid.addEventListener('keydown', event => {
    const item = event.target.closest('li');
    if (!item) return;
    if (event.key === ' ' && event.target.matches('a')) { event.preventDefault(); model.send_msg({ type: 'select', key: item.dataset.key }); return; }
    const target = { ArrowRight: () => item.nextSibling, ArrowLeft: () => item.previousSibling, ArrowDown: () => below(item, 1), ArrowUp: () => below(item, -1), Home: () => grid.firstChild, End: () => grid.lastChild }[event.key]?.();
    if (target) { event.preventDefault(); target.querySelector('a').focus(); }
  });
  const ask = () => { if (state.has_more && !state.loading_tiles && asked !== state.tiles.length) { asked = state.tiles.length; model.send_msg({ type: 'more' }); } };
  more.addEventListener('click', () => { asked = 0; ask(); });
  const watcher = new IntersectionObserver(seen => { if (seen.some(one => one.isIntersecting)) ask(); }, { rootMargin: '600px' });
  watcher.observe(more);

  const forget = window.dsa110?.add_keys?.([['← ↑ ↓ →', 'pictures of the sheet; Enter opens one, a blank selects it']]) ?? (() => {});
  follow(model, payload => {
    state = payload;
    caption.textContent = state.caption;
    total.textContent = state.total;
    busy.hidden = !state.loading_tiles;
    root.setAttribute('aria-busy', String(state.loading_tiles));
    grid.setAttribute('aria-label', state.caption);
    note.replaceChildren();
    if (state.note) note.append(glyph('info'), el('span', '', state.note));
    note.hidden = !state.note;
    draw_tiles();
    empty.textContent = state.empty;
    empty.hidden = state.tiles.length > 0 || state.loading_tiles;
    more.hidden = !state.has_more;
    draw_pager(state, state.tiles.map(tile => tile.key), () => grid.querySelector('a'));
    /* The end may be in view already: the observer tells of changes only. */
    if (state.has_more && !state.loading_tiles) { watcher.unobserve(more); watcher.observe(more); }
  }, [tick_ages(root), () => watcher.disconnect(), forget]);
  return root;
}
