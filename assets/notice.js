export function render({ model }) {
  const root = el('div', 'd-notice d-root');
  follow(model, state => {
    root.hidden = !state.text;
    root.className = `d-notice d-root ${state.kind}`;
    root.setAttribute('role', state.kind === 'bad' ? 'alert' : 'status');
    root.style.minHeight = state.height_px ? `${state.height_px}px` : '';
    const words = el('div', 'notice-words'), first = el('p', 'notice-text');
    if (state.kind !== 'loading') first.append(el('b', '', `${WORDS[state.kind][0].toUpperCase()}${WORDS[state.kind].slice(1)}: `));
    first.append(document.createTextNode(state.text));
    words.append(first);
    if (state.remedy) words.append(el('p', 'notice-remedy', state.remedy));
    if (state.small) words.append(el('p', 'notice-small mono', state.small));
    root.replaceChildren(glyph(state.kind), words);
  });
  return root;
}
