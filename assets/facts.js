export function render({ model }) {
  const root = el('div', 'd-facts d-root');
  let drawn = '';
  follow(model, state => {
    const key = JSON.stringify(state);
    if (key === drawn) return;
    drawn = key;
    root.style.setProperty('--least', `${state.min_width}px`);
    root.replaceChildren(...state.groups.map(group => {
      const box = el('section', 'facts-group');
      if (group.title) box.append(el('h3', '', group.title));
      const list = el('dl');
      for (const item of group.items) {
        const value = el('dd');
        value.append(draw_cell(item.cell));
        if (item.note) value.append(el('span', 'cellnote', item.note));
        list.append(el('dt', '', item.label), value);
      }
      box.append(list);
      return box;
    }));
  }, [tick_ages(root)]);
  return root;
}
