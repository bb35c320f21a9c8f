/* Links to the sections of a long page. They stand in the document, not in their own shadow root: only there can they stay below the header. */
export function render({ model }) {
  const root = el('span');
  root.hidden = true;
  const nav = el('nav', 'sections'), bar = el('div', 'sections-bar'), main = document.getElementById('main'), header = document.querySelector('.bar');
  nav.setAttribute('aria-label', 'Sections of this page');
  nav.append(bar);
  main.querySelector(':scope > nav.sections')?.remove();
  main.prepend(nav);
  let sections = [], found = new Map(), forget = null, waiting = 0;
  function search(node, css) {
    const hit = node.querySelector(css);
    if (hit) return hit;
    for (const child of node.querySelectorAll('*')) if (child.shadowRoot) { const inner = search(child.shadowRoot, css); if (inner) return inner; }
    return null;
  }
  function place_of(name) {
    if (!found.get(name)?.isConnected) found.set(name, search(main, `.section-${CSS.escape(name)}`));
    return found.get(name);
  }
  const edge = () => header.offsetHeight + bar.offsetHeight;
  function go(i) {
    const [name] = sections[i], place = i ? place_of(name) : main;
    if (!place) return;
    history.replaceState(history.state, '', `${location.pathname}${location.search}${i ? `#${name}` : ''}`);
    window.scrollTo({ top: i ? place.getBoundingClientRect().top + window.scrollY - edge() - 8 : 0 });
    /* Tab goes on from here. */
    place.tabIndex = -1; place.style.outline = 'none'; place.focus({ preventScroll: true });
    show(i);
  }
  function show(current) {
    [...bar.children].forEach((link, i) => { if (i === current) link.setAttribute('aria-current', 'true'); else link.removeAttribute('aria-current'); });
  }
  /* The section in sight is the last one that began above the middle of the upper half. */
  function look() {
    const line = edge() + (window.innerHeight - edge()) / 4;
    const at_end = window.scrollY > 0 && window.scrollY + window.innerHeight >= document.documentElement.scrollHeight - 2;
    let current = 0;
    for (let i = 1; i < sections.length; i++) { const place = place_of(sections[i][0]); if (place && place.offsetHeight && (at_end || place.getBoundingClientRect().top <= line)) current = i; }
    show(current);
  }
  let drawing = 0;
  const scrolled = () => { if (!drawing) drawing = requestAnimationFrame(() => { drawing = 0; look(); }); };
  const fit = () => { nav.style.top = `${header.offsetHeight}px`; };
  const sizes = new ResizeObserver(fit);
  sizes.observe(header);
  function keys(event) {
    const target = event.composedPath()[0];
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (target instanceof Element && (target.matches('input, select, textarea') || target.isContentEditable)) return;
    const i = Number(event.key) - 1;
    if (/^[1-9]$/.test(event.key) && i < sections.length) { event.preventDefault(); go(i); }
  }
  document.addEventListener('keydown', keys);
  window.addEventListener('scroll', scrolled, { passive: true });
  /* What stands above a section grows until the page is filled. */
  function arrive(left) {
    const i = sections.findIndex(([name]) => `#${name}` === location.hash);
    if (i < 1 || window.scrollY > 0) return;
    if (document.documentElement.dataset.filled === 'yes' && place_of(sections[i][0])) go(i);
    else if (left) waiting = setTimeout(() => arrive(left - 1), 100);
  }
  follow(model, fresh => {
    sections = fresh.sections;
    bar.replaceChildren(...sections.map(([name, label], i) => {
      const link = el('a', '', label), key = el('kbd', '', i + 1);
      link.href = `#${name}`; link.prepend(key); link.setAttribute('aria-keyshortcuts', String(i + 1));
      link.addEventListener('click', event => { if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return; event.preventDefault(); go(i); });
      return link;
    }));
    fit();
    forget?.();
    forget = window.dsa110?.add_keys?.([[`1 … ${sections.length}`, 'sections of this page']]);
    show(0);
    arrive(100);
  }, [() => { clearTimeout(waiting); document.removeEventListener('keydown', keys); window.removeEventListener('scroll', scrolled); sizes.disconnect(); forget?.(); nav.remove(); }]);
  return root;
}
