export function render({ model }) {
  const form = el('form', 'fb d-root');
  form.noValidate = true;
  let drawn = '', inputs = new Map(), groups = new Map(), touched = null;
  function control(field) {
    if (field.kind === 'select') {
      const select = el('select');
      for (const option of field.options || []) {
        const [value, text] = Array.isArray(option) ? option : [option, option];
        const item = el('option', '', text === '' ? 'any' : text);
        item.value = value ?? '';
        select.append(item);
      }
      return select;
    }
    const input = el('input');
    input.type = { toggle: 'checkbox', date: 'date', number: 'text', text: 'search' }[field.kind] || 'text';
    if (field.kind === 'number') input.inputMode = 'decimal';
    if (field.placeholder) input.placeholder = field.placeholder;
    input.autocomplete = 'off'; input.spellcheck = false;
    /* A browser joins pasted lines without a gap: a list would become one word. */
    input.addEventListener('paste', event => {
      const text = event.clipboardData?.getData('text') || '';
      if (!/\n./.test(text)) return;
      event.preventDefault();
      input.setRangeText(text.trim().split(/\s*[\r\n]+\s*/).join('; '), input.selectionStart, input.selectionEnd, 'end');
      input.dispatchEvent(new Event('input', { bubbles: true }));
    });
    return input;
  }
  const read = () => Object.fromEntries([...inputs].map(([name, { field, input }]) => [name, field.kind === 'toggle' ? input.checked : input.value.trim()]));
  const submit = () => { touched = null; model.send_msg({ type: 'submit', values: read() }); };
  function draw_fields(fields) {
    inputs = new Map();
    groups = new Map();
    const boxes = fields.map((field, i) => {
      const box = el('label', `fb-field ${field.kind}`), name = el('span', 'fb-label', field.label), input = control(field), error = el('span', 'fb-error');
      if (field.unit) name.append(el('span', 'unit', ` (${field.unit})`));
      if (field.help) box.title = field.help;
      if (field.width) box.style.width = field.width;
      input.name = field.name;
      if (i === 0) input.dataset.firstFilter = '';
      error.id = `e-${i}`; input.setAttribute('aria-describedby', error.id);
      input.addEventListener('input', () => { touched = input; });
      input.addEventListener('change', submit);
      if (field.kind === 'toggle') box.append(input, name, error); else box.append(name, input, error);
      inputs.set(field.name, { field, input, error, box });
      return box;
    });
    form.replaceChildren();
    boxes.forEach((box, i) => {
      const name = fields[i].group;
      if (!name) { form.append(box); return; }
      if (!groups.has(name)) {
        const group = el('details', 'fb-group'), inner = el('div', 'fb-inner');
        group.append(el('summary', '', name), inner);
        groups.set(name, { group, inner });
      }
      groups.get(name).inner.append(box);
    });
    const clear = el('button', 'fb-clear', 'Clear');
    clear.type = 'button';
    clear.addEventListener('click', () => {
      for (const { field, input } of inputs.values()) { if (field.kind === 'toggle') input.checked = false; else input.value = ''; }
      submit();
    });
    form.append(clear);
    if (groups.size) { const all = el('div', 'fb-groups'); all.append(...[...groups.values()].map(({ group }) => group)); form.append(all); }
  }
  form.addEventListener('submit', event => { event.preventDefault(); submit(); });
  form.addEventListener('keydown', event => { if (event.key === 'Enter' && event.target.matches('input')) { event.preventDefault(); if (touched) event.target.blur(); else submit(); event.target.focus(); } });
  follow(model, state => {
    form.setAttribute('aria-label', state.label);
    form.setAttribute('role', 'search');
    const key = JSON.stringify(state.fields);
    if (key !== drawn) { drawn = key; draw_fields(state.fields); }
    for (const [name, { field, input, error, box }] of inputs) {
      const value = state.values[name], message = state.errors[name] || '';
      if (input !== touched) {   /* what the reader is typing is not taken away */
        if (field.kind === 'toggle') input.checked = value === true;
        else if (input.value !== String(value ?? '')) {
          input.value = value ?? '';
          if (field.kind === 'select' && input.value !== String(value ?? '')) input.selectedIndex = 0;
        }
      }
      error.textContent = message;
      input.setAttribute('aria-invalid', String(Boolean(message)));
      box.classList.toggle('invalid', Boolean(message));
      const active = field.kind === 'toggle' ? value === true : Boolean(value);
      box.classList.toggle('active', active);
      if (field.group && (active || message)) groups.get(field.group).group.open = true;
    }
  });
  return form;
}
