/* Below the filters of a list: the whole result as a file, which columns are shown, a list of one's own. */
const MOST_BYTES = 1000000;
export function render({ model }) {
  const root = el('div', 'st d-root'), files = el('div', 'st-files'), picker = el('details', 'st-fold'), list = el('details', 'st-fold');
  const boxes = el('div', 'st-columns'), inputs = new Map();
  let state = {}, drawn = '', asked = false;

  /* Columns: the URL wins; without one, what this browser chose last time. */
  const remembered = () => { try { return localStorage.getItem(state.storage_key); } catch { return null; } };
  const remember = names => { try { if (names) localStorage.setItem(state.storage_key, names); else localStorage.removeItem(state.storage_key); } catch { /* a browser may forbid it: the URL still has them */ } };
  function choose() {
    const names = [...inputs].filter(([, input]) => input.checked).map(([name]) => name).join(',');
    remember(names);
    model.send_msg({ type: 'columns', names });
  }
  const usual = el('button', '', 'Usual columns');
  usual.type = 'button';
  usual.addEventListener('click', () => { remember(''); model.send_msg({ type: 'columns', names: '' }); });
  picker.append(el('summary', '', 'Columns'), boxes, usual);
  function draw_columns() {
    const key = JSON.stringify(state.columns);
    if (key !== drawn) {
      drawn = key;
      inputs.clear();
      boxes.replaceChildren(...state.columns.map(([title, columns]) => {
        const group = el('fieldset'), legend = el('legend', '', title);
        group.append(legend, ...columns.map(([name, label, definition]) => {
          const line = el('label', 'st-column'), input = el('input');
          input.type = 'checkbox'; input.name = name; input.addEventListener('change', choose);
          line.title = definition;
          line.append(input, el('span', '', label));
          inputs.set(name, input);
          return line;
        }));
        return group;
      }));
    }
    for (const [name, input] of inputs) input.checked = state.chosen.includes(name);
  }

  /* A list: typed, pasted or read from a file; only its text travels. */
  const area = el('textarea'), file = el('input'), send = el('button', '', 'Search this list'), drop = el('button', '', 'Drop the list'), said = el('p', 'st-said');
  area.rows = 6; area.spellcheck = false; area.placeholder = 'One name or position a line, or CSV with columns ra and dec, l and b, or name';
  area.setAttribute('aria-label', 'List of names or positions');
  file.type = 'file'; file.accept = '.txt,.csv,.tsv,.dat,.ecsv,text/*'; file.setAttribute('aria-label', 'File with a list');
  send.type = drop.type = 'button';
  said.setAttribute('role', 'status');
  const say = text => { said.textContent = text; };
  const submit = text => { if (new Blob([text]).size > MOST_BYTES) say('A list may have up to 1 MB.'); else if (!text.trim()) say('The list is empty.'); else { say('Reading the list'); model.send_msg({ type: 'list', text }); } };
  send.addEventListener('click', () => submit(area.value));
  drop.addEventListener('click', () => model.send_msg({ type: 'drop' }));
  file.addEventListener('change', async () => {
    const chosen = file.files[0];
    if (!chosen) return;
    if (chosen.size > MOST_BYTES) { say('A list may have up to 1 MB.'); return; }
    area.value = await chosen.text();
    submit(area.value);
    file.value = '';
  });
  const buttons = el('div', 'st-buttons'), unmatched = el('details', 'st-unmatched'), rest = el('ul');
  buttons.append(send, file, drop);
  unmatched.append(el('summary'), rest);
  list.append(el('summary', '', 'Search a list'), area, buttons, said);
  root.append(files, picker, list, unmatched);

  follow(model, payload => {
    state = payload;
    files.replaceChildren(el('span', 'st-label', 'Whole result as'), ...state.exports.map(([text, href]) => {
      const link = el('a', '', text);
      if (safe_link(href)) link.href = href;
      link.setAttribute('download', '');
      return link;
    }));
    draw_columns();
    drop.hidden = !state.list_words;
    say(state.list_words);
    if (state.list_words) list.open = true;
    unmatched.hidden = !state.unmatched.length;
    unmatched.firstChild.textContent = `${state.unmatched.length.toLocaleString('en')} of the list mean no source`;
    rest.replaceChildren(...state.unmatched.map(text => el('li', '', text)));
    if (!asked) {
      asked = true;
      const names = remembered();
      if (!state.from_url && names && names !== state.chosen.join(',')) model.send_msg({ type: 'columns', names });
    }
  });
  return root;
}
