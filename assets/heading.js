export function render({ model }) {
  const root = el('header', 'hd d-root'), title = el('h1', 'hd-title'), items = el('dl', 'hd-items');
  root.append(title, items);
  let drawn = '';
  follow(model, state => {
    const key = JSON.stringify(state);
    if (key === drawn) return;
    drawn = key;
    title.textContent = state.text;
    title.title = state.tooltip;
    items.hidden = !state.items.length;
    items.replaceChildren(...state.items.map(item => {
      const box = el('div', 'hd-item'), value = el('dd');
      value.append(draw_cell(item.cell));
      box.append(el('dt', '', item.label), value);
      return box;
    }));
  }, [tick_ages(root)]);
  return root;
}
