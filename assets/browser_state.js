export function render({ model }) {
  const root = el('span');
  root.hidden = true;
  const query = () => location.search.replace(/^\?/, '');
  const pop = () => model.send_msg({ type: 'pop', query: query() });
  const look = () => model.send_msg({ type: 'visible', visible: !document.hidden });
  window.addEventListener('popstate', pop);
  document.addEventListener('visibilitychange', look);
  follow(model, ({ address, filled }) => {
    document.documentElement.dataset.filled = filled ? 'yes' : 'no';
    if (address.query === query()) return;
    const url = location.pathname + (address.query ? `?${address.query}` : '') + location.hash;
    if (address.push) history.pushState({}, '', url); else history.replaceState({}, '', url);
  }, [() => window.removeEventListener('popstate', pop), () => document.removeEventListener('visibilitychange', look)]);
  if (document.hidden) look();
  return root;
}
