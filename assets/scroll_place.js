/* Back to a list leads to the rows that were left: a page is short until its parts have come, too short for the browser's own memory. */
'use strict';
(() => {
  const html = document.documentElement, stored = 'dsa110-scroll', most = 100, settling_ms = 2000;
  let wanted = null;   /* the place that is still being gone back to */
  const entry = () => window.navigation?.currentEntry?.key ?? location.href;
  function places() {
    try { return new Map(JSON.parse(sessionStorage.getItem(stored) || '[]')); } catch { return new Map(); }
  }
  function remember() {
    const all = places();
    all.delete(entry());
    all.set(entry(), Math.round(wanted ?? window.scrollY));
    try { sessionStorage.setItem(stored, JSON.stringify([...all].slice(-most))); } catch { /* a full or forbidden storage: the page opens at its top */ }
  }
  /* Parts grow for a moment after they were filled; what the reader does meanwhile ends it. */
  function go_back_to(top) {
    wanted = top;
    const signs = ['wheel', 'touchmove', 'pointerdown', 'keydown'], options = { capture: true, passive: true };
    const go = () => { if (html.dataset.filled === 'yes') window.scrollTo({ top, behavior: 'instant' }); };
    const sizes = new ResizeObserver(go);
    const filling = new MutationObserver(() => {
      if (html.dataset.filled !== 'yes') return;
      filling.disconnect();
      sizes.observe(document.body);
      setTimeout(end, settling_ms);
    });
    function end() {
      wanted = null;
      sizes.disconnect();
      filling.disconnect();
      for (const sign of signs) window.removeEventListener(sign, end, options);
    }
    for (const sign of signs) window.addEventListener(sign, end, options);
    filling.observe(html, { attributeFilter: ['data-filled'] });
  }
  window.addEventListener('pagehide', remember);
  const [arrival] = performance.getEntriesByType('navigation'), top = places().get(entry());
  if (top && ['back_forward', 'reload'].includes(arrival?.type)) go_back_to(top);
})();
