/* Keys of one page: those in `keys` go to the server, [ and ] to the images before and after this one. */
export function render({ model }) {
  const root = el('span', 'd-root'), end = el('p', 'pk-end');
  end.setAttribute('role', 'status');
  end.hidden = true;
  root.append(end);
  let fading = 0;
  let state = { keys: [], links: {}, keep: '' }, forget = null, listed = '';
  const same = { '=': '+', '_': '-' };
  const name_of = event => event.shiftKey && event.key.startsWith('Arrow') ? `Shift+${event.key}` : same[event.key] || event.key;
  /* The list that this image was opened from, in its order; else the order in which images were registered. */
  function neighbour(step) {
    let list = [];
    try { list = JSON.parse(sessionStorage.getItem('dsa110-images') || '[]'); } catch { list = []; }
    const here = Array.isArray(list) ? list.indexOf(location.pathname) : -1;
    return here < 0 ? state.links[step < 0 ? 'before' : 'after'] : list[here + step];
  }
  /* Where there is no image to go to, say why, and lead back to where there may be more. */
  function tell_end(step) {
    let list = [], from = '';
    try { list = JSON.parse(sessionStorage.getItem('dsa110-images') || '[]'); from = sessionStorage.getItem('dsa110-images-from') || ''; } catch { list = []; }
    const listed = Array.isArray(list) && list.includes(location.pathname);
    const words = listed ? `${step < 0 ? 'Beginning' : 'End'} of the list that was shown. ` : `No image was registered ${step < 0 ? 'before' : 'after'} this one.`;
    end.replaceChildren(document.createTextNode(words));
    if (listed && from && safe_link(from)) {
      const back = el('a', '', 'Back to the list');
      back.href = from;
      end.append(back);
    }
    end.hidden = false;
    clearTimeout(fading);
    fading = setTimeout(() => { end.hidden = true; }, 12000);
  }
  function go(step) {
    const href = neighbour(step);
    if (typeof href !== 'string' || !safe_link(href)) { tell_end(step); return; }
    const url = new URL(href, location.href);
    url.search = state.keep;
    location.assign(url.href);
  }
  function on_key(event) {
    const target = event.composedPath()[0];
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.getElementById('keys')?.open) return;
    if (target instanceof Element && (target.matches('input, select, textarea') || target.isContentEditable)) return;
    const name = name_of(event);
    if (name === '[' || name === ']') { event.preventDefault(); go(name === '[' ? -1 : 1); return; }
    if (!state.keys.some(([keys]) => keys.split(' ').includes(name))) return;
    event.preventDefault();
    model.send_msg({ type: 'key', key: name });
  }
  document.addEventListener('keydown', on_key);
  follow(model, fresh => {
    state = fresh;
    const key = JSON.stringify(fresh.keys);
    if (key === listed) return;
    listed = key;
    forget?.();
    forget = window.dsa110?.add_keys?.([['[', 'image before this one, in the list it was opened from'], [']', 'image after it'],
      ...fresh.keys.map(([keys, words, label]) => [label || keys, words])]);
  }, [() => { document.removeEventListener('keydown', on_key); clearTimeout(fading); forget?.(); }]);
  return root;
}
