/* One line of labelled values that changes while the pointer moves; `hint` while there are none. */
export function render({ model }) {
  const root = el('div', 'ro d-root'), items = el('dl', 'hd-items');
  root.append(items);
  let drawn = '';
  follow(model, state => {
    const key = JSON.stringify(state);
    if (key === drawn) return;
    drawn = key;
    root.setAttribute('aria-label', state.label);
    if (!state.items.length) { items.replaceChildren(el('dt', 'ro-hint', state.hint)); return; }
    items.replaceChildren(...state.items.map(item => {
      const box = el('div', 'hd-item'), value = el('dd');
      value.append(draw_cell(item.cell));
      box.append(el('dt', '', item.label), value);
      return box;
    }));
  });
  return root;
}
