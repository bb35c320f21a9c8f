/* Keys of one page: those in `keys` go to the server, [ and ] to the images before and after this one, n compares it with them. */
export function render({ model }) {
  const root = el('span', 'd-root'), end = el('p', 'pk-end');
  end.setAttribute('role', 'status');
  end.hidden = true;
  root.append(end);
  let fading = 0, answered = 0;
  const most = 2000;
  let state = { keys: [], links: {}, keep: '', compare: '', beyond: { serial: 0 } }, forget = null, listed = '';
  const same = { '=': '+', '_': '-' };
  const name_of = event => event.shiftKey && event.key.startsWith('Arrow') ? `Shift+${event.key}` : same[event.key] || event.key;
  /* The list that this image was opened from, in its order, and where this image is in it (-1: not at all). */
  function opened_from() {
    try {
      const found = JSON.parse(sessionStorage.getItem('dsa110-images') || '[]'), list = Array.isArray(found) ? found : [];
      return {
        list, here: list.indexOf(location.pathname), from: sessionStorage.getItem('dsa110-images-from') || '',
        goes_on: sessionStorage.getItem('dsa110-images-goes-on') === 'yes',
      };
    } catch { return { list: [], here: -1, from: '', goes_on: false }; }
  }
  function say(words, from) {
    end.replaceChildren(document.createTextNode(words));
    if (from && safe_link(from)) {
      const back = el('a', '', 'Back to the list');
      back.href = from;
      end.append(back);
    }
    end.hidden = false;
    clearTimeout(fading);
    fading = setTimeout(() => { end.hidden = true; }, 12000);
  }
  /* Where there is no image to go to, say why, and lead back to where there may be more. */
  function tell_end(step, { here, from, goes_on }, problem) {
    const which = step < 0 ? 'Beginning' : 'End';
    if (here < 0) say(`No image was registered ${step < 0 ? 'before' : 'after'} this one.`, '');
    else say(problem || `${which} of the list${goes_on ? '' : ' that was shown'}. `, from);
  }
  function open(href) {
    const url = new URL(href, location.href);
    url.search = state.keep;
    location.assign(url.href);
  }
  /* To the next image of the list, without one in the order in which images were registered; the server knows how a list goes on. */
  function go(step) {
    const opened = opened_from(), { list, here, from, goes_on } = opened;
    const href = here < 0 ? state.links[step < 0 ? 'before' : 'after'] : list[here + step];
    if (typeof href === 'string' && safe_link(href)) { open(href); return; }
    if (here < 0 || !goes_on || !from || !safe_link(from)) { tell_end(step, opened); return; }
    say('Looking for the images that follow in the list ', '');
    model.send_msg({ type: 'beyond', step, query: new URL(from, location.href).search });
  }
  /* Compare this image with those before and after it, which blink where no other mode is asked for. */
  function compare() {
    const { list, here } = opened_from(), { before, after } = state.links;
    const around = here < 0 ? [before, after] : [list[here - 1], list[here + 1]];
    const ids = around.map(href => /\/images\/(\d+)$/.exec(typeof href === 'string' ? new URL(href, location.href).pathname : '')?.[1]).filter(Boolean);
    if (!ids.length || !safe_link(state.compare)) { say('There is no image before or after this one to compare it with.', ''); return; }
    const url = new URL(state.compare, location.href), theme = new URLSearchParams(state.keep).get('theme');
    url.searchParams.set('images', [url.searchParams.get('images'), ...ids].join(','));
    if (theme) url.searchParams.set('theme', theme);
    location.assign(url.href);
  }
  /* Put the images that follow to the list, and go to the first of them. */
  function go_on({ step, hrefs, after, words }) {
    const opened = opened_from(), { list, from } = opened;
    const found = hrefs.filter(safe_link).map(href => new URL(href, location.href).pathname).filter(path => !list.includes(path));
    if (!found.length) { tell_end(step, opened, words); return; }
    const back = new URL(from, location.href);
    back.searchParams.set('after', after);
    back.searchParams.delete('tiles');
    const longer = step < 0 ? [...found.reverse(), ...list].slice(0, most) : [...list, ...found].slice(-most);
    try {
      sessionStorage.setItem('dsa110-images', JSON.stringify(longer));
      sessionStorage.setItem('dsa110-images-from', back.pathname + back.search);
    } catch { /* a full storage: the way back is that of the page before */ }
    open(step < 0 ? found[found.length - 1] : found[0]);
  }
  function on_key(event) {
    const target = event.composedPath()[0];
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.getElementById('keys')?.open) return;
    if (target instanceof Element && (target.matches('input, select, textarea') || target.isContentEditable)) return;
    const name = name_of(event);
    if (name === 'Enter' && target instanceof Element && target.closest('a, button, summary')) return;
    if (name === 'n') { event.preventDefault(); compare(); return; }
    if (name === '[' || name === ']') { event.preventDefault(); go(name === '[' ? -1 : 1); return; }
    if (!state.keys.some(([keys]) => keys.split(' ').includes(name))) return;
    event.preventDefault();
    model.send_msg({ type: 'key', key: name });
  }
  document.addEventListener('keydown', on_key);
  follow(model, fresh => {
    state = fresh;
    if (fresh.beyond.serial > answered) { answered = fresh.beyond.serial; go_on(fresh.beyond); }
    const key = JSON.stringify(fresh.keys);
    if (key === listed) return;
    listed = key;
    forget?.();
    forget = window.dsa110?.add_keys?.([['[', 'image before this one: in the list it was opened from, else by registration'], [']', 'image after it'],
      ['n', 'blink it with the images before and after it'],
      ...fresh.keys.map(([keys, words, label]) => [label || keys, words])]);
  }, [() => { document.removeEventListener('keydown', on_key); clearTimeout(fading); forget?.(); }]);
  return root;
}
