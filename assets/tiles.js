export function render({ model }) {
  const root = el('div', 'd-tiles d-root');
  const drawn = [];
  follow(model, state => {
    root.className = state.large ? 'd-tiles d-root large' : 'd-tiles d-root';
    root.classList.toggle('nine', !state.large && state.tiles.length === 9);
    root.style.setProperty('--least', `${state.min_width}px`);
    state.tiles.forEach((tile, i) => {
      const key = JSON.stringify(tile);
      if (drawn[i] === key) return;
      drawn[i] = key;
      const link = tile.href && safe_link(tile.href), box = el(link ? 'a' : 'div', `d-tile s-${tile.state || 'none'}`);
      if (link) box.href = tile.href;
      const value = el('div', 'tile-value');
      value.append(draw_cell(tile.value));
      value.style.setProperty('--chars', value.textContent.length + 1);
      value.title = tile.value.title || tile.value.t;   /* long ones are cut after three lines */
      box.append(el('div', 'tile-title', tile.title), value);
      if (tile.state) {
        const words = el('div', `tile-state ${tile.state}`);
        words.append(glyph(tile.state), document.createTextNode(tile.word || WORDS[tile.state]));
        words.style.setProperty('--chars', words.textContent.length + 3);
        box.append(words);
      }
      const foot = el('div', 'tile-foot');
      if (tile.unix !== undefined && tile.unix !== null) {
        const age = el('time', '', age_words(tile.unix));
        age.dataset.unix = tile.unix;
        foot.append(age);
        foot.title = utc_text(tile.unix);
        if (tile.note) foot.append(document.createTextNode(' · '));
        box.dataset.staleAfter = tile.stale_after ?? '';
        box.dataset.since = tile.unix;
      }
      if (tile.note) foot.append(document.createTextNode(tile.note));
      if (foot.childNodes.length) box.append(foot);
      if (root.children[i]) root.children[i].replaceWith(box); else root.append(box);
    });
    while (root.children.length > state.tiles.length) { root.lastChild.remove(); drawn.pop(); }
    hatch();
  }, [tick_ages(root), (id => () => clearInterval(id))(setInterval(() => hatch(), 1000))]);
  /* A tile goes stale by the browser's own clock, even when the server is dead. */
  function hatch() {
    for (const box of root.querySelectorAll('[data-stale-after]')) {
      const limit = Number(box.dataset.staleAfter), age = now_s() - Number(box.dataset.since);
      if (!limit || age < limit || box.classList.contains('s-stale')) continue;
      box.className = 'd-tile s-stale';
      let words = box.querySelector('.tile-state');
      if (!words) { words = el('div'); box.querySelector('.tile-value').after(words); }
      words.className = 'tile-state stale';
      words.replaceChildren(glyph('stale'), document.createTextNode(`STALE ${age_text(age)}`));
      words.style.setProperty('--chars', words.textContent.length + 3);
    }
  }
  return root;
}
