export function render({ model }) {
  const root = el('section', 'rt d-root');
  const head = el('div', 'rt-head'), caption = el('h2', 'rt-caption'), total = el('span', 'muted'), busy = el('span', 'rt-busy', 'loading'), files = el('span', 'rt-files');
  busy.setAttribute('role', 'status');
  head.append(caption, total, busy, files);
  const note = el('p', 'rt-note'), scroll = el('div', 'rt-scroll'), table = el('table'), label = el('caption', 'visually-hidden');
  const thead = el('thead'), tr = el('tr'), tbody = el('tbody'), empty = el('p', 'rt-empty');
  thead.append(tr); table.append(label, thead, tbody); scroll.append(table);
  const { pager, draw: draw_pager } = make_pager(model, root);
  root.append(head, note, scroll, empty, pager);

  let drawn_columns = '', columns = [], rows = new Map(), state = {};
  function draw_columns() {
    const key = JSON.stringify([state.columns, state.sort, state.descending]);
    if (key === drawn_columns) return;
    const focused = root.getRootNode().activeElement?.dataset?.column;
    if (JSON.stringify(columns) !== JSON.stringify(state.columns)) { rows.clear(); tbody.replaceChildren(); }
    drawn_columns = key;
    columns = state.columns;
    tr.replaceChildren(...columns.map(column => {
      const th = el('th', column.align || 'left');
      th.scope = 'col';
      if (column.width) th.style.width = column.width;
      if (column.least) th.style.minWidth = column.least;
      if (column.title) th.title = column.title;
      const text = el('span', 'rt-label', column.label);
      if (column.unit) text.append(el('span', 'unit', ` (${column.unit})`));
      if (!column.sortable) { th.append(text); return th; }
      const active = column.name === state.sort, button = el('button', 'rt-sort');
      button.type = 'button'; button.dataset.column = column.name;
      const arrow = el('span', `rt-arrow ${active ? '' : 'idle'}`, active ? (state.descending ? '▼' : '▲') : '↕');
      arrow.setAttribute('aria-hidden', 'true');
      button.append(text, arrow);
      button.addEventListener('click', () => model.send_msg({ type: 'sort', name: column.name, descending: active ? !state.descending : !column.lowest_first }));
      th.setAttribute('aria-sort', active ? (state.descending ? 'descending' : 'ascending') : 'none');
      th.append(button);
      return th;
    }));
    if (focused) tr.querySelector(`[data-column="${CSS.escape(focused)}"]`)?.focus();
  }
  /* The box is drawn once per row; what is selected is set on it, so that nothing flickers. */
  function pick_box(row) {
    const box = el('input', 'rt-pick');
    box.type = 'checkbox'; box.tabIndex = -1; box.title = 'select (or x on the row)';
    box.setAttribute('aria-label', `Select ${row.cells[0].t ?? ''}`);
    box.addEventListener('change', () => model.send_msg({ type: 'select', key: row.key }));
    return box;
  }
  function draw_selection() {
    if (!state.selectable) return;
    const chosen = new Set(state.selected);
    for (const [key, entry] of rows) {
      const on = chosen.has(key), box = entry.tr.querySelector('.rt-pick');
      entry.tr.classList.toggle('selected', on);
      entry.tr.setAttribute('aria-selected', String(on));
      if (box) box.checked = on;
    }
  }
  function draw_row(entry, row) {
    row.cells.forEach((cell, i) => {
      const href = i === 0 ? row.href : undefined, text = JSON.stringify([cell, href]);
      if (entry.cells[i] === text) return;
      entry.cells[i] = text;
      const align = columns[i]?.align || 'left', fresh = i === 0 ? el('th', align) : el('td', align);
      if (i === 0) fresh.scope = 'row';
      if (i === 0 && columns[0]?.least) fresh.style.minWidth = columns[0].least;
      fresh.append(draw_cell(cell, href));
      if (i === 0 && state.selectable) fresh.prepend(pick_box(row));
      if (entry.tr.children[i]) entry.tr.children[i].replaceWith(fresh); else entry.tr.append(fresh);
    });
    while (entry.tr.children.length > row.cells.length) { entry.tr.lastChild.remove(); entry.cells.pop(); }
    entry.tr.classList.toggle('opens', Boolean(row.href));
  }
  function draw_rows() {
    const active = root.getRootNode().activeElement, focus_key = active?.closest?.('tr')?.dataset.key, on_link = active?.tagName === 'A';
    const before = rows, kept = state.rows.filter(r => before.has(r.key)).length;
    const flash = before.size > 0 && kept * 2 >= state.rows.length;
    rows = new Map();
    let place = tbody.firstChild;
    for (const row of state.rows) {
      let entry = before.get(row.key);
      if (!entry) {
        entry = { tr: el('tr'), cells: [] };
        entry.tr.dataset.key = row.key; entry.tr.tabIndex = -1;
        if (flash) { entry.tr.classList.add('fresh'); setTimeout(() => entry.tr.classList.remove('fresh'), 2000); }
      }
      before.delete(row.key);
      rows.set(row.key, entry);
      draw_row(entry, row);
      while (place && before.has(place.dataset.key)) { const gone = place; place = place.nextSibling; before.delete(gone.dataset.key); gone.remove(); }
      if (place === entry.tr) place = place.nextSibling; else tbody.insertBefore(entry.tr, place);
    }
    for (const entry of before.values()) entry.tr.remove();
    if (focus_key !== undefined && rows.has(focus_key)) {
      const now = root.getRootNode().activeElement, target = rows.get(focus_key).tr;
      if (!now || !target.contains(now)) (on_link ? target.querySelector('a') || target : target).focus({ preventScroll: true });
    }
    rove(focus_key !== undefined && rows.has(focus_key) ? rows.get(focus_key).tr : tbody.firstChild);
  }
  /* One row is in the tab order, with what it holds; the arrow keys move it. */
  function rove(row) {
    for (const r of tbody.children) {
      r.tabIndex = r === row ? 0 : -1;
      for (const inner of r.querySelectorAll('a, button')) inner.tabIndex = r.tabIndex;
    }
  }
  tbody.addEventListener('focusin', event => rove(event.target.closest('tr')));
  tbody.addEventListener('keydown', event => {
    const row = event.target.closest('tr');
    const target = { ArrowDown: row?.nextSibling, ArrowUp: row?.previousSibling, Home: tbody.firstChild, End: tbody.lastChild }[event.key];
    if (target) { event.preventDefault(); rove(target); target.focus(); return; }
    if (event.key === 'x' && row && state.selectable && !event.ctrlKey && !event.metaKey) { event.preventDefault(); event.stopPropagation(); model.send_msg({ type: 'select', key: row.dataset.key }); return; }
    if (event.key === 'Enter' && event.target === row) open_row(row, event.ctrlKey || event.metaKey);
  });
  let drawn_files = '';
  function draw_files() {
    const key = JSON.stringify(state.files);
    if (key === drawn_files) return;
    drawn_files = key;
    files.hidden = !state.files.length;
    files.replaceChildren(el('span', 'st-label', 'All of it as'), ...state.files.map(([text, href]) => {
      const link = el('a', '', text);
      if (safe_link(href)) link.href = href;
      link.setAttribute('download', '');
      return link;
    }));
  }
  const link_of = row => row.querySelector('th a');
  function open_row(row, elsewhere) {
    const link = link_of(row);
    if (!link) return;
    if (elsewhere) window.open(link.href, '_blank', 'noopener'); else location.assign(link.href);
  }
  function on_click(event) {
    const row = event.target.closest('tr');
    if (!row || event.target.closest('a, button, input') || String(getSelection() || '')) return;
    if (event.button === 1 || event.button === 0) open_row(row, event.button === 1 || event.ctrlKey || event.metaKey);
  }
  tbody.addEventListener('click', on_click);
  tbody.addEventListener('auxclick', on_click);

  let forget = null;
  follow(model, payload => {
    state = payload;
    if (state.selectable) forget ??= window.dsa110?.add_keys?.([['x', 'select the row']]) ?? null;
    label.textContent = caption.textContent = state.caption;
    total.textContent = state.total;
    busy.hidden = !state.loading_rows;
    root.setAttribute('aria-busy', String(state.loading_rows));
    note.replaceChildren();
    if (state.note) note.append(glyph(state.truncated ? 'truncated' : 'info'), el('span', '', state.truncated ? `Cut short: ${state.note}` : state.note));
    note.classList.toggle('truncated', state.truncated);
    note.hidden = !state.note;
    head.hidden = !(state.caption || state.total || state.loading_rows);
    scroll.style.maxHeight = state.max_height ? `min(${state.max_height}px, 80vh)` : '';
    draw_files();
    draw_columns();
    draw_rows();
    draw_selection();
    empty.textContent = state.empty;
    empty.hidden = state.rows.length > 0 || state.loading_rows;
    draw_pager(state, state.rows.map(row => row.key), () => tbody.firstChild);
  }, [tick_ages(root), () => forget?.()]);
  return root;
}
