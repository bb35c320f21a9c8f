export function render({ model }) {
  const root = el('span');
  root.hidden = true;
  const query = () => location.search.replace(/^\?/, '');
  const tell = type => model.send_msg({ type, query: query(), path: location.pathname });
  const pop = () => tell('pop');
  const look = () => model.send_msg({ type: 'visible', visible: !document.hidden });
  /* A link to a page of the same kind is followed in this document, as Back and Forward are, where the page can do that. */
  let follows = false;
  const folder = path => path.slice(0, path.lastIndexOf('/') + 1);
  const follow_link = event => {
    if (!follows || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.composedPath().find(node => node instanceof HTMLAnchorElement && node.href);
    if (!link || (link.target && link.target !== '_self') || link.hasAttribute('download')) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || url.hash || folder(url.pathname) !== folder(location.pathname) || url.pathname === folder(url.pathname)) return;
    event.preventDefault();
    if (url.href === location.href) return;
    history.pushState({}, '', url.href);
    tell('follow');
  };
  document.addEventListener('click', follow_link);
  window.addEventListener('popstate', pop);
  document.addEventListener('visibilitychange', look);
  follow(model, ({ address, filled, follows: may }) => {
    follows = may === true;
    document.documentElement.dataset.filled = filled ? 'yes' : 'no';
    /* The answer to a link that the reader has left again already belongs to another page. */
    if (address.query === query() || (address.path && address.path !== location.pathname)) return;
    const url = location.pathname + (address.query ? `?${address.query}` : '') + location.hash;
    if (address.push) history.pushState({}, '', url); else history.replaceState({}, '', url);
  }, [() => window.removeEventListener('popstate', pop), () => document.removeEventListener('click', follow_link), () => document.removeEventListener('visibilitychange', look)]);
  if (document.hidden) look();
  let was_filled = false;
  follow(model, ({ filled }) => { if (filled && !was_filled) build_soon(); was_filled = filled; });
  return root;
}

/* BokehJS 3.9 loses a change of a view's children that comes while its siblings are still being built: build_views
   connects the signals of all of them last. What is missing in two looks is built then; one look can meet a building. */
function build_what_was_lost(suspects) {
  const open = [...(window.Bokeh?.index?.roots ?? [])];
  while (open.length) {
    const view = open.pop(), models = view.child_models, built = view._child_views;
    open.push(...(view.child_views ?? []));
    if (!models || !built || !view.update_children || models.every(m => built.has(m)) && built.size === models.length) continue;
    if (suspects.has(view)) view.update_children(); else suspects.add(view);
  }
}

function build_soon() {
  const suspects = new WeakSet();
  for (const wait_ms of [100, 600, 1500, 3000, 6000]) setTimeout(() => build_what_was_lost(suspects), wait_ms);
}
