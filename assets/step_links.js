/* Previous and next record of the list that the reader came from; [ and ] open them. */
export function render({ model }) {
  const root = el('nav', 'sl d-root'), links = {};
  root.setAttribute('aria-label', 'Result of the search');
  let state = {}, forget = null;
  function link(name, text, key) {
    const made = links[name] = el('a', 'sl-link', text);
    if (key) { made.append(el('kbd', '', key)); made.setAttribute('aria-keyshortcuts', key); }
    return made;
  }
  const place = el('span', 'sl-place');
  root.append(link('previous', '‹ Previous ', '['), place, link('next', 'Next › ', ']'), link('list', 'Back to the list'));
  const typing = event => { const t = event.composedPath()[0]; return t instanceof Element && (t.matches('input, select, textarea') || t.isContentEditable); };
  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event) || document.querySelector('dialog[open]')) return;
    const made = { '[': links.previous, ']': links.next }[event.key];
    if (made && made.href) { event.preventDefault(); made.click(); }
  }
  document.addEventListener('keydown', keys);
  follow(model, payload => {
    state = payload;
    root.hidden = !state.place && !state.list;
    place.textContent = state.place;
    for (const name of ['previous', 'next', 'list']) {
      const [text, href] = state[name] || ['', ''];
      if (href && safe_link(href)) { links[name].href = href; links[name].title = text; links[name].removeAttribute('aria-disabled'); }
      else { links[name].removeAttribute('href'); links[name].title = ''; links[name].setAttribute('aria-disabled', 'true'); }
    }
    const works = Boolean(links.previous.href || links.next.href);
    if (works && !forget) forget = window.dsa110?.add_keys?.([['[ ]', 'previous and next source of the search']]) ?? null;
    else if (!works) { forget?.(); forget = null; }
  }, [() => { document.removeEventListener('keydown', keys); forget?.(); }]);
  return root;
}
