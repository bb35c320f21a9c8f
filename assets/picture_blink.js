/* Pictures of one place at several epochs, side by side; blinking shows one after the other in the same frame. */
const BLINK_MS = 600;

export function render({ model }) {
  const root = el('div', 'bl d-root'), row = el('div', 'bl-row'), bar = el('div', 'bl-bar'), toggle = el('button'), words = el('span', 'muted');
  toggle.type = 'button';
  toggle.append(el('kbd', '', 'b'), document.createTextNode(' blink'));
  bar.append(toggle, words);
  root.append(bar, row);
  let timer = 0, at = 0, drawn = '', kept = [];
  const pictures = () => [...row.children];
  function show() {
    const all = pictures();
    all.forEach((picture, i) => { picture.hidden = Boolean(timer) && i !== at % all.length; });
  }
  function stop() { clearInterval(timer); timer = 0; row.style.minWidth = ''; root.classList.remove('blinking'); toggle.setAttribute('aria-pressed', 'false'); show(); }
  function blink() {
    if (timer || pictures().length < 2) { stop(); return; }
    at = 0;
    row.style.minWidth = `${row.offsetWidth}px`; /* what stands beside the pictures stays where it is */
    timer = setInterval(() => { at += 1; show(); }, BLINK_MS);
    root.classList.add('blinking');
    toggle.setAttribute('aria-pressed', 'true');
    show();
  }
  toggle.addEventListener('click', blink);
  window.addEventListener('dsa110:blink', blink);
  function picture(item) {
    const box = el('figure', 'bl-picture'), link = el('a'), image = el('img'), caption = el('figcaption');
    image.alt = `${item.title}, ${item.note}`; image.decoding = 'async'; image.src = item.src;
    image.addEventListener('error', () => { link.replaceWith(el('p', 'bl-missing', 'This picture cannot be made: its file is gone or damaged.')); });
    link.href = item.href; link.title = 'open the image here';
    caption.title = item.more || '';
    link.append(image);
    caption.append(el('b', '', item.title), document.createTextNode(` ${item.note}`));
    box.append(link, caption);
    return box;
  }
  follow(model, state => {
    const key = JSON.stringify(state.pictures);
    words.textContent = state.words;
    /* The pictures of the next candidates: kept, so that the browser has them when they are wanted. */
    kept = state.next.map(src => kept.find(image => image.getAttribute('src') === src) || Object.assign(new Image(), { src }));
    if (key === drawn) return;
    drawn = key;
    stop();
    toggle.disabled = state.pictures.length < 2;
    row.replaceChildren(...state.pictures.filter(item => safe_link(item.src) && safe_link(item.href)).map(picture));
  }, [() => { stop(); window.removeEventListener('dsa110:blink', blink); }]);
  return root;
}
