/* Symbols and lines of a plot with their words; the shapes are those that Bokeh draws for the markers of these names. */
const SHAPES = {
  circle: 'M8 3.500a4.500 4.500 0 1 0 .01 0Z', square: 'M4 4h8v8H4Z', triangle_pin: 'M3 4Q8 6.500 13 4 10 8 8 13 6 8 3 4Z', diamond: 'M8 2.500 12 8 8 13.500 4 8Z',
  x: 'M4 4l8 8M12 4l-8 8', cross: 'M8 3v10M3 8h10', frame: 'M2 2h12v12H2Z', dashed: 'M0 8h6M10 8h6', dotted: 'M0 8h2.500M4.500 8h2.500M9 8h2.500M13.500 8h2.500',
};
const SOLID = new Set(['circle', 'square', 'triangle_pin', 'diamond']);
export function render({ model }) {
  const root = el('div', 'pk d-root');
  root.setAttribute('role', 'list');
  follow(model, ({ entries, label }) => {
    root.setAttribute('aria-label', label);
    root.replaceChildren(...entries.map(([sign, colour, word]) => {
      const box = el('span', 'pk-entry'), svg = document.createElementNS(SVG, 'svg'), path = document.createElementNS(SVG, 'path');
      box.setAttribute('role', 'listitem');
      svg.setAttribute('viewBox', '0 0 16 16'); svg.setAttribute('class', `pk-sign ${SOLID.has(sign) ? 'solid' : ''}`); svg.setAttribute('aria-hidden', 'true');
      svg.style.color = colour;
      path.setAttribute('d', SHAPES[sign] || SHAPES.circle);
      svg.append(path);
      box.append(svg, word);
      return box;
    }));
  });
  return root;
}
