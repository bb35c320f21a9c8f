const LARGEST_FILE = 1000000;
export function render({ model }) {
  const root = el('section', 'rp d-root'), modes = el('div', 'rp-modes'), hint = el('span', 'rp-hint'), table = el('div', 'rp-scroll');
  const note = el('p', 'rp-note'), errors = el('ul', 'rp-errors'), add = el('details', 'rp-add'), text = el('textarea'), file = el('input'), foot = el('div', 'rp-foot');
  const send = (type, more = {}) => model.send_msg({ type, ...more });
  const button = (label, title, act, key) => {
    const made = el('button', '', label);
    made.type = 'button'; made.title = title; made.dataset.key = key || label;
    made.addEventListener('click', act);
    return made;
  };
  root.setAttribute('aria-label', 'Regions');
  modes.setAttribute('role', 'group'); modes.setAttribute('aria-label', 'What a click on the picture does');
  hint.setAttribute('role', 'status'); errors.setAttribute('role', 'alert');
  text.rows = 3; text.spellcheck = false; text.setAttribute('aria-label', 'Regions as text');
  file.type = 'file'; file.accept = '.reg,.crtf,.txt,text/plain'; file.setAttribute('aria-label', 'Region file');
  const say = message => errors.replaceChildren(el('li', '', message));
  const add_text = () => { if (text.value.trim()) send('add', { text: text.value }); };
  text.addEventListener('keydown', event => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); add_text(); } });
  file.addEventListener('change', () => {
    const chosen = file.files[0];
    if (!chosen) return;
    if (chosen.size > LARGEST_FILE) { say(`${chosen.name} has ${chosen.size.toLocaleString('en')} bytes; region files of up to ${LARGEST_FILE.toLocaleString('en')} are read`); file.value = ''; return; }
    chosen.text().then(found => send('add', { text: found, name: chosen.name }), () => say(`${chosen.name} cannot be read`)).finally(() => { file.value = ''; });
  });
  const add_row = el('div', 'rp-row'), file_label = el('label', 'rp-file', 'or a file (DS9 .reg, CRTF): ');
  file_label.append(file);
  add_row.append(button('Add', 'add the regions of the text (Ctrl+Enter)', add_text), file_label);
  add.append(el('summary', '', 'Type, paste or load regions'), text, add_row, errors);
  root.append(modes, table, note, add, foot);

  function draw_modes({ mode, modes: offered, hint: words, actions }) {
    const group = el('span', 'sw-group');
    group.append(el('span', 'sw-label', 'A click on the picture'));
    for (const [value, label, title] of offered) {
      const made = button(label, title, () => send('mode', { value }), `mode=${value}`);
      made.className = 'sw-option';
      if (value === mode) made.setAttribute('aria-pressed', 'true');
      group.append(made);
    }
    if (hint.textContent !== words) hint.textContent = words;
    modes.replaceChildren(group, ...actions.map(([type, label, title]) => button(label, title, () => send(type))), hint);
  }
  function draw_table({ columns, rows, total }) {
    if (!rows.length) { table.replaceChildren(); return; }
    const made = el('table'), head = el('tr'), body = el('tbody');
    made.append(el('caption', '', total));
    for (const column of columns) {
      const cell = el('th', column.align || '', column.label);
      if (column.unit) cell.append(el('span', 'unit', ` ${column.unit}`));
      if (column.title) cell.title = column.title;
      cell.scope = 'col';
      head.append(cell);
    }
    head.append(el('th', '', ''));
    for (const row of rows) {
      const line = el('tr', row.selected ? 'selected' : ''), name = el('th');
      name.scope = 'row';
      const choose = button(row.name, 'show the figures of this region', () => send('select', { key: row.key }), `select=${row.key}`);
      if (row.selected) choose.setAttribute('aria-pressed', 'true');
      name.append(choose);
      line.append(name);
      row.cells.forEach((cell, i) => { const box = el('td', columns[i + 1]?.align || ''); box.append(draw_cell(cell)); line.append(box); });
      const last = el('td');
      const gone = button('×', `remove region ${row.key}`, () => send('remove', { key: row.key }), `remove=${row.key}`);
      gone.setAttribute('aria-label', `remove region ${row.key}`);
      last.append(gone);
      line.append(last);
      body.append(line);
    }
    const thead = el('thead');
    thead.append(head);
    made.append(thead, body);
    table.replaceChildren(made);
  }
  function draw_foot({ rows, formats, frames, frame }) {
    const parts = [];
    if (rows.length && formats.length) {
      const label = el('label', '', 'Save in '), select = el('select');
      for (const [value, name] of frames) { const option = el('option', '', name); option.value = value; select.append(option); }
      select.value = frame; select.dataset.key = 'frame';
      select.addEventListener('change', () => send('frame', { value: select.value }));
      label.append(select);
      parts.push(label, ...formats.map(([value, name, title]) => button(name, title, () => send('save', { value }), `save=${value}`)));
    }
    if (rows.length > 1) parts.push(button('Remove all', 'remove every region', () => send('clear')));
    foot.replaceChildren(...parts);
  }
  let drawn = {}, saved = 0, cleared = 0;
  const changed = (name, value) => { const key = JSON.stringify(value), news = drawn[name] !== key; drawn[name] = key; return news; };
  follow(model, state => {
    const focused = root.getRootNode().activeElement?.dataset?.key;
    if (changed('modes', [state.mode, state.modes, state.hint, state.actions])) draw_modes(state);
    if (changed('table', [state.columns, state.rows, state.total])) draw_table(state);
    if (changed('foot', [state.rows.length > 1, state.rows.length > 0, state.formats, state.frames, state.frame])) draw_foot(state);
    note.textContent = state.note; note.hidden = !state.note;
    text.placeholder = state.placeholder;
    if (changed('errors', state.errors)) { errors.replaceChildren(...state.errors.map(error => el('li', '', error))); if (state.errors.length) add.open = true; }
    if (state.added !== cleared) { cleared = state.added; text.value = state.text; }
    if (state.file.serial && state.file.serial !== saved) { if (saved || state.file.serial === 1) save(state.file); saved = state.file.serial; }
    if (focused && root.getRootNode().activeElement?.dataset?.key !== focused) root.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  });
  function save({ name, text: content }) {
    const link = el('a'), url = URL.createObjectURL(new Blob([content], { type: 'text/plain' }));
    link.href = url; link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }
  return root;
}
