export function render({ model }) {
  const root = el('div', 'sw d-root');
  let drawn = '';
  function draw_option(group, option) {
    const current = option.value === group.value, made = el(option.href ? 'a' : 'button', 'sw-option', option.text);
    if (option.count !== null && option.count !== undefined) made.append(el('span', 'sw-count', option.count.toLocaleString('en')));
    if (option.href && safe_link(option.href)) made.href = option.href;
    if (current) made.setAttribute(option.href ? 'aria-current' : 'aria-pressed', 'true');
    if (option.href) return made;
    made.type = 'button';
    made.dataset.key = `${group.name}=${option.value}`;
    made.addEventListener('click', () => model.send_msg({ type: 'choose', name: group.name, value: option.value }));
    return made;
  }
  follow(model, ({ switches }) => {
    const key = JSON.stringify(switches);
    if (key === drawn) return;
    drawn = key;
    const focused = root.getRootNode().activeElement?.dataset?.key;
    root.replaceChildren(...switches.map(group => {
      const box = el('div', 'sw-group');
      box.setAttribute('role', 'group');
      box.setAttribute('aria-label', group.label);
      if (group.label) box.append(el('span', 'sw-label', group.label));
      box.append(...group.options.map(option => draw_option(group, option)));
      return box;
    }));
    if (focused) root.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  });
  return root;
}
