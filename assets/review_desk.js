/* Judging one candidate by keyboard: what it is, the verdict keys, what was said, whether it is saved. */
const NAME_KEY = 'dsa110-name';
const stored_name = () => { try { return localStorage.getItem(NAME_KEY) || ''; } catch { return ''; } };
/* What is typed or sent and not known to be saved outlives a page that loads itself anew when its server is back. */
const UNSAVED_KEY = 'dsa110-unsaved-mark', ANSWER_MS = 8000;
const unsaved = () => { try { return JSON.parse(sessionStorage.getItem(UNSAVED_KEY)); } catch { return null; } };
const keep_unsaved = entry => { try { if (entry) sessionStorage.setItem(UNSAVED_KEY, JSON.stringify(entry)); else sessionStorage.removeItem(UNSAVED_KEY); } catch { /* private window: it is on the screen only */ } };
const disconnected = () => document.documentElement.hasAttribute('data-stale');
const store_name = name => { try { localStorage.setItem(NAME_KEY, name); } catch { /* private window: typed again next time */ } };

export function render({ model }) {
  const root = el('section', 'rv d-root');
  root.setAttribute('aria-label', 'Review');
  const head = el('header', 'rv-head'), title = el('h1', 'hd-title'), link = el('a'), reasons = el('span', 'rv-reasons'), place = el('span', 'rv-place');
  title.append(link);
  head.append(place, title, reasons);
  const bar = el('div', 'rv-bar'), buttons = el('div', 'rv-verdicts'), status = el('p', 'rv-status');
  buttons.setAttribute('role', 'group'); buttons.setAttribute('aria-label', 'Verdict');
  status.setAttribute('role', 'status');
  const button = (text, key, does) => { const made = el('button', 'rv-button'); made.type = 'button'; made.append(el('kbd', '', key), document.createTextNode(` ${text}`)); made.addEventListener('click', does); return made; };
  const who = el('label', 'rv-who'), name = el('input');
  name.maxLength = 80; name.autocomplete = 'name'; name.placeholder = 'your name'; name.size = 14;
  who.append(el('span', '', 'Marking as'), name);
  const form = el('form', 'rv-form'), comment = el('textarea'), tags = el('input');
  comment.rows = 2; comment.maxLength = 2000; comment.placeholder = 'Comment (c); Enter saves, Shift+Enter is a new line, Esc leaves';
  comment.setAttribute('aria-label', 'Comment');
  tags.placeholder = 'tags, by blanks'; tags.setAttribute('aria-label', 'Tags'); tags.maxLength = 500;
  const save = button('save', '⏎', event => { event.preventDefault(); send_comment(); });
  form.append(comment, tags, save);
  const previous = button('previous', 'k', () => step(-1)), next = button('next', 'j', () => step(1));
  const undo = button('undo', 'u', () => send({ type: 'undo' })), counts = el('span', 'rv-counts');
  bar.append(buttons, undo, previous, next, who, status);
  root.append(head, bar, form, counts);

  let state = JSON.parse(model.payload), shown = '', drawn = '';
  const say = (text, kind) => { status.className = `rv-status ${kind}`; status.replaceChildren(...(kind ? [glyph(kind)] : []), document.createTextNode(text)); };
  function send(message) {
    if (!state.key) return;
    const author = name.value.trim();
    if (!state.fixed_name && !author) { say('Type your name first: every mark has an author.', 'warn'); name.focus(); return; }
    if (disconnected()) { say('Not saved: there is no connection to the server. Try again when it is back.', 'bad'); return; }
    say('saving …', 'loading');
    waiting = message.type === 'mark' ? message.verdict : message.type === 'comment' ? 'comment' : 'the undo';
    keep_words();
    clearTimeout(late);
    late = setTimeout(() => say(`No answer yet: as far as is known, ${waiting} is not saved.`, 'warn'), ANSWER_MS);
    model.send_msg({ ...message, key: state.key, seen: state.revision, who: author });
  }
  /* Not known to be saved: the mark that was sent last, and the words in the form. */
  let waiting = '', late = 0, is_restored = false;
  const keep_words = () => keep_unsaved(waiting || changed() ? { key: state.key, title: state.title, waiting, words: changed() ? [comment.value, tags.value] : null } : null);
  function restore() {
    const left = unsaved();
    is_restored = true;
    if (!left) return '';
    const is_here = left.key === state.key;
    if (is_here && left.words) [comment.value, tags.value] = left.words;
    keep_words();
    if (is_here && left.words && changed()) return 'Your words were not saved when the connection was lost: here they are, Enter saves them.';
    if (left.waiting && left.waiting !== 'comment' && !(is_here && left.waiting === state.verdict)) return `When the connection was lost, ${left.waiting} for ${left.title} was not saved.`;
    return left.words && !is_here ? `When the connection was lost, a comment for ${left.title} was not saved: ${left.words.join(' ')}` : '';
  }
  /* Between a step and its answer the reader does not know yet what they would judge. */
  let stepping = 0;
  const step = by => {
    if (disconnected()) { say('There is no connection to the server: the next candidate cannot be read.', 'warn'); return; }
    stepping = Date.now(); 
    model.send_msg({ type: 'step', by });
  };
  const between = () => Date.now() - stepping < 3000;
  const mark = verdict => send({ type: 'mark', verdict });
  const changed = () => comment.value.trim() !== state.comment || tags.value.trim() !== state.tag_words;
  const send_comment = () => { comment.blur(); tags.blur(); if (changed()) send({ type: 'comment', comment: comment.value, tag_words: tags.value }); };
  const leave = event => { if (event.key === 'Escape') { comment.value = state.comment; tags.value = state.tag_words; event.target.blur(); keep_words(); } };
  form.addEventListener('input', keep_words);
  form.addEventListener('submit', event => { event.preventDefault(); send_comment(); });
  form.addEventListener('keydown', event => { leave(event); if (event.key === 'Enter' && !event.shiftKey && event.target !== save) { event.preventDefault(); send_comment(); } });
  name.value = stored_name();
  name.addEventListener('change', () => { name.value = name.value.trim(); store_name(name.value); });
  name.addEventListener('keydown', event => { if (event.key === 'Enter' || event.key === 'Escape') name.blur(); });

  const keys = {
    j: () => step(1), k: () => step(-1), u: () => send({ type: 'undo' }), c: () => comment.focus(), o: () => { if (state.href) location.assign(state.href); },
    b: () => window.dispatchEvent(new CustomEvent('dsa110:blink')),
  };
  function on_key(event) {
    const target = event.composedPath()[0];
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat && !'jk'.includes(event.key)) return;
    if (target instanceof Element && target.matches('input, select, textarea') || document.getElementById('keys')?.open) return;
    const verdict = state.verdicts[Number(event.key) - 1], does = keys[event.key] || (verdict && (() => mark(verdict)));
    if (!does) return;
    event.preventDefault();
    if (between() && !'jk'.includes(event.key)) { say('Nothing was done: the next candidate was not here yet.', 'warn'); return; }
    does();
  }
  document.addEventListener('keydown', on_key);
  const forget = window.dsa110?.add_keys?.([
    ['j', 'next candidate'], ['k', 'previous candidate'], ...state.verdicts.map((verdict, i) => [String(i + 1), `mark: ${verdict}`]),
    ['u', 'take back the last mark'], ['c', 'comment'], ['b', 'blink the images'], ['o', 'open the page of the source'],
  ]);

  follow(model, fresh => {
    const moved = fresh.key !== shown || fresh.serial !== state.serial, answered = fresh.serial !== state.serial;
    const typing = changed() && fresh.key === shown && !(answered && waiting === 'comment' && fresh.status.kind === 'ok');
    if (answered) { waiting = ''; clearTimeout(late); }
    if (moved) stepping = 0;
    state = fresh;
    shown = fresh.key;
    const key = JSON.stringify({ ...fresh, status: null });
    if (key !== drawn) {
      drawn = key;
      place.textContent = fresh.place;
      link.textContent = fresh.title;
      if (fresh.href && safe_link(fresh.href)) link.href = fresh.href; else link.removeAttribute('href');
      reasons.replaceChildren(...fresh.reasons.map(cell => draw_cell(cell)));
      buttons.replaceChildren(...fresh.verdicts.map((verdict, i) => {
        const made = button(verdict, String(i + 1), () => mark(verdict));
        made.disabled = !fresh.key;
        made.setAttribute('aria-pressed', String(verdict === fresh.verdict));
        return made;
      }));
      if (!typing) { comment.value = fresh.comment; tags.value = fresh.tag_words; }
      name.readOnly = Boolean(fresh.fixed_name);
      if (fresh.fixed_name) name.value = fresh.fixed_name;
      counts.textContent = fresh.counts;
      previous.disabled = !fresh.has_previous; next.disabled = !fresh.has_next;
    }
    const lost = state.key && !is_restored ? restore() : '';
    if (is_restored) keep_words();
    if (lost) say(lost, 'warn'); else if (moved || fresh.status.text) say(fresh.status.text, fresh.status.kind);
  }, [() => { clearTimeout(late); document.removeEventListener('keydown', on_key); forget?.(); }]);
  return root;
}
