"use strict";
// Everything is drawn from the numbers in the page, anew whenever something is chosen.
const held = JSON.parse(document.getElementById("numbers").textContent);
const on = { streams: new Set(held.streams), learners: new Set(held.learners) };
const sorted = { by: "stream", down: false };
const byId = (id) => document.getElementById(id);
const DASHES = ["", "6 3", "2 2", "8 3 2 3", "12 3"];
const MARKS = ["circle", "square", "triangle", "diamond", "cross"];

function make(name, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "rect", "text", "title", "polyline", "polygon"].includes(name);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// A learner has a colour, a dash and a mark: no two of the first thirty share all three.
function look(learner) {
  const at = held.learners.indexOf(learner);
  return { colour: `var(--c${at % 6})`, dash: DASHES[at % 5], mark: MARKS[at % 5] };
}

function mark(learner, x, y) {
  const paths = {
    circle: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", square: "M-3.5 -3.5h7v7h-7z", triangle: "M0 -4.5L4.5 3.5H-4.5z",
    diamond: "M0 -5L5 0L0 5L-5 0z", cross: "M-4 -1.4h2.6v-2.6h2.8v2.6h2.6v2.8h-2.6v2.6h-2.8v-2.6h-2.6z",
  };
  return make("path", { d: paths[look(learner).mark], transform: `translate(${x} ${y})`, fill: look(learner).colour });
}

function swatch(learner) {
  const svg = make("svg", { viewBox: "0 0 34 14", class: "swatch", "aria-hidden": "true" });
  svg.append(make("line", { x1: 1, x2: 33, y1: 7, y2: 7, stroke: look(learner).colour, "stroke-width": 2,
    "stroke-dasharray": look(learner).dash }), mark(learner, 17, 7));
  return svg;
}

const shown = () => held.cells.filter((cell) => on.streams.has(cell.stream) && on.learners.has(cell.learner));

function print(name, value) {
  if (value === null || value === undefined) return "–";
  if (value === "never") return "never";
  const { decimals } = held.metrics[name];
  if (decimals !== null) return value.toFixed(decimals);
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

function text(name, values) {
  if (!values) return ["–"];
  const [mean, low, high] = values;
  if (low === null || !held.metrics[name].varies) return [print(name, mean)];
  return [print(name, mean), " ", make("small", {}, `[${print(name, low)}, ${print(name, high)}]`)];
}

// The table

function sortable(cell, by) {
  if (by === "stream" || by === "learner") return cell[by];
  const value = by === "runs" ? cell.runs : (cell.metrics[by] || [null])[0];
  return value === "never" ? Infinity : value;
}

function compare(a, b) {
  const [x, y] = [sortable(a, sorted.by), sortable(b, sorted.by)];
  if (x === null || y === null) return (x === null) - (y === null); // what is missing comes last
  const order = typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x < y ? -1 : Number(x > y);
  return sorted.down ? -order : order;
}

function table() {
  const words = byId("filter").value.toLowerCase().split(/\s+/);
  const cells = shown().filter((cell) => words.every((w) => `${cell.stream} ${cell.learner}`.toLowerCase().includes(w)));
  cells.sort(compare);
  const metrics = byId("all").checked ? Object.keys(held.metrics) : held.first;
  const head = ["stream", "learner", "runs", ...metrics].map((name) => {
    const about = held.metrics[name], button = make("button", { type: "button" }, name);
    if (about) button.title = `${about.meaning}${about.unit ? ` (${about.unit})` : ""}`;
    button.addEventListener("click", () => {
      sorted.down = sorted.by === name ? !sorted.down : Boolean(about) && !about.less; // the best first
      sorted.by = name;
      table();
      [...byId("table").querySelectorAll("button")].find((one) => one.textContent === name).focus();
    });
    const th = make("th", { scope: "col", class: about || name === "runs" ? "number" : "" }, button);
    if (sorted.by === name) th.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
    return th;
  });
  const rows = cells.map((cell) => make("tr", {}, make("td", {}, cell.stream), make("td", {}, cell.learner),
    make("td", { class: "number" }, cell.diverged ? `${cell.runs} (${cell.diverged} diverged)` : String(cell.runs)),
    ...metrics.map((name) => make("td", { class: "number" }, ...text(name, cell.metrics[name])))));
  byId("table").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  byId("count").textContent = `${cells.length} of ${held.cells.length} rows`;
}

// Drawings

function ticks(low, high, most = 5) {
  const raw = (high - low) / most || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

// Ticks of a logarithmic axis from 10^low to 10^high: powers of ten, or 1, 2 and 5 times these where there are too few.
function powers(low, high) {
  const found = [];
  for (let power = Math.floor(low); power <= high; power++) found.push(...[1, 2, 5].map((factor) => factor * 10 ** power));
  const inside = found.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
  const whole = inside.filter((value) => Number.isInteger(Math.log10(value)));
  return whole.length > 1 ? whole : inside;
}

const short = (value) => new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(value);

// Axes with their scales; `log` is of the x axis.
function axes(xs, ys, xLabel, log = false) {
  const W = 360, H = 225, left = 40, right = 12, top = 8, bottom = 36;
  const svg = make("svg", { viewBox: `0 0 ${W} ${H}`, role: "img" });
  const at = log ? Math.log10 : (value) => value;
  let [x0, x1] = [Math.min(...xs.map(at)), Math.max(...xs.map(at))];
  let [y0, y1] = [Math.min(...ys), Math.max(...ys)];
  const [padX, padY] = [log ? Math.max((x1 - x0) * 0.07, 0.15) : 0, (y1 - y0 || 1) * 0.05];
  [x0, x1, y0, y1] = [x0 - padX, x1 + padX, y0 - padY, y1 + padY];
  const x = (value) => left + ((at(value) - x0) / (x1 - x0 || 1)) * (W - left - right);
  const y = (value) => H - bottom - ((value - y0) / (y1 - y0)) * (H - top - bottom);
  for (const value of ticks(y0, y1)) {
    svg.append(make("line", { x1: left, x2: W - right, y1: y(value), y2: y(value), class: "grid" }),
      make("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, short(value)));
  }
  const places = log ? powers(x0, x1) : ticks(x0, x1, 4);
  for (const value of places) svg.append(make("text", { x: x(value), y: H - bottom + 15, "text-anchor": "middle" }, short(value)));
  svg.append(make("line", { x1: left, x2: W - right, y1: H - bottom, y2: H - bottom, class: "axis" }),
    make("text", { x: (left + W - right) / 2, y: H - 5, "text-anchor": "middle" }, xLabel));
  return { svg, x, y, top, foot: H - bottom };
}

function figure(caption, svg, label) {
  svg.setAttribute("aria-label", label);
  return make("figure", {}, make("figcaption", {}, caption), svg);
}

const known = (value) => typeof value === "number";

function curves() {
  const kind = byId("curve").value;
  const panels = [...on.streams].map((stream) => {
    const cells = shown().filter((cell) => cell.stream === stream && cell.curves[kind]);
    if (!cells.length) return null;
    const all = cells.flatMap(({ curves: { [kind]: c } }) => [...c.mean, ...c.low, ...c.high]).filter(known);
    const { svg, x, y, top, foot } = axes(cells.flatMap((cell) => cell.curves[kind].x), [0, ...all], "steps of the stream");
    for (const end of cells[0].ends) svg.append(make("line", { x1: x(end), x2: x(end), y1: top, y2: foot, class: "end" }));
    for (const cell of cells) {
      const { x: steps, mean, low, high } = cell.curves[kind], { colour, dash } = look(cell.learner);
      const banded = steps.map((step, i) => [step, low[i], high[i]]).filter((point) => point.every(known));
      const ring = [...banded.map(([s, l]) => [s, l]), ...banded.map(([s, , h]) => [s, h]).reverse()];
      svg.append(make("polygon", { points: ring.map(([s, v]) => `${x(s).toFixed(1)},${y(v).toFixed(1)}`).join(" "),
        fill: colour, opacity: 0.16 }));
      const points = steps.map((s, i) => [s, mean[i]]).filter(([, v]) => known(v));
      svg.append(make("polyline", { points: points.map(([s, v]) => `${x(s).toFixed(1)},${y(v).toFixed(1)}`).join(" "),
        fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": dash }, make("title", {}, cell.learner)));
    }
    return figure(stream, svg, `Accuracy in % over ${stream} of ${cells.map((cell) => cell.learner).join(", ")}`);
  });
  fill("curves", panels);
}

function costs() {
  const name = byId("metric").value, panels = [];
  for (const stream of on.streams) {
    for (const [cost, label] of [["state_bytes", "bytes of state"], ["flops_per_sample", "FLOPs a learned sample"]]) {
      const cells = shown().filter((cell) => cell.stream === stream && known((cell.metrics[name] || [])[0])
        && (cell.metrics[cost] || [0])[0] > 0);
      if (!cells.length) continue;
      const ys = cells.flatMap((cell) => cell.metrics[name].slice(0, 3)).filter(known);
      const { svg, x, y } = axes(cells.map((cell) => cell.metrics[cost][0]), ys, `${label} (logarithmic)`, true);
      for (const cell of cells) {
        const [mean, low, high] = cell.metrics[name], at = x(cell.metrics[cost][0]);
        const said = `${cell.learner}: ${print(name, mean)}, ${print(cost, cell.metrics[cost][0])} ${label}`;
        const group = make("g", {}, make("title", {}, said));
        if (known(low)) group.append(make("line", { x1: at, x2: at, y1: y(low), y2: y(high), stroke: look(cell.learner).colour, "stroke-width": 1.5 }));
        group.append(mark(cell.learner, at, y(mean)));
        svg.append(group);
      }
      panels.push(figure(`${stream}: ${name}`, svg, `${name} against ${label} on ${stream}; the numbers stand in the table`));
    }
  }
  fill("costs", panels);
}

// Cividis (Nunez, Anderton and Renslow (2018), doi:10.1371/journal.pone.0199239) at ninths of its range.
const CIVIDIS = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115], [138, 134, 120], [165, 156, 116],
  [195, 179, 105], [225, 204, 85], [254, 232, 56]];

function heat(value) {
  const place = Math.min(Math.max(value / 100, 0), 1) * 9, low = Math.min(Math.floor(place), 8);
  const rgb = CIVIDIS[low].map((from, i) => Math.round(from + (place - low) * (CIVIDIS[low + 1][i] - from)));
  return { fill: `rgb(${rgb})`, ink: place > 4.5 ? "#000" : "#fff" };
}

function matrices() {
  const panels = shown().filter((cell) => cell.matrix).map((cell) => {
    const { steps, tasks, values } = cell.matrix, left = 46, size = 240 / tasks.length, high = Math.min(size, 26);
    const svg = make("svg", { viewBox: `0 0 ${left + 244} ${steps.length * high + 34}`, role: "img" });
    values.forEach((row, i) => {
      svg.append(make("text", { x: left - 5, y: i * high + high / 2 + 4, "text-anchor": "end" }, short(steps[i])));
      row.forEach((value, j) => {
        if (!known(value)) return;
        const { fill: colour, ink } = heat(value), at = { x: left + j * size, y: i * high };
        const said = `task ${tasks[j]} after ${steps[i]} steps: ${value.toFixed(1)} %`;
        svg.append(make("g", {}, make("title", {}, said), make("rect", { ...at, width: size, height: high, fill: colour }),
          ...(size >= 24 && high >= 14 ? [make("text", { x: at.x + size / 2, y: at.y + high / 2 + 4, "text-anchor": "middle",
            style: `fill:${ink}` }, value.toFixed(0))] : [])));
      });
    });
    const firsts = tasks.map((task) => task.split("-")[0]); // of a stretch of tasks
    const every = Math.ceil((Math.max(...firsts.map((name) => name.length)) * 7 + 4) / size);
    firsts.forEach((name, j) => {
      const at = { x: left + (j + 0.5) * size, y: steps.length * high + 14, "text-anchor": "middle" };
      if (j % every === 0) svg.append(make("text", at, name));
    });
    svg.append(make("text", { x: left + 120, y: steps.length * high + 30, "text-anchor": "middle" }, "task"),
      make("text", { x: 0, y: steps.length * high + 14 }, "steps"));
    return figure(`${cell.learner} on ${cell.stream}`, svg, `Accuracy of each task after each task, ${cell.learner} on ${cell.stream}`);
  });
  fill("matrices", panels);
}

function scale() {
  const svg = make("svg", { viewBox: "0 0 240 30", role: "img", "aria-label": "Colours from 0 to 100 %" });
  for (let i = 0; i < 50; i++) svg.append(make("rect", { x: 10 + i * 4.4, y: 0, width: 4.6, height: 12, fill: heat(i * 2).fill }));
  for (const value of [0, 50, 100]) svg.append(make("text", { x: 10 + value * 2.2, y: 25, "text-anchor": "middle" }, String(value)));
  byId("scale").replaceChildren(svg);
}

function fill(id, panels) {
  const there = panels.filter(Boolean);
  byId(id).replaceChildren(...(there.length ? there : [make("p", {}, "Nothing of what is chosen can be drawn here.")]));
}

function keys() {
  const names = held.learners.filter((learner) => shown().some((cell) => cell.learner === learner));
  for (const key of document.querySelectorAll(".key")) {
    key.replaceChildren(...names.map((learner) => make("span", {}, swatch(learner), learner)));
  }
}

// What is shown

function draw() {
  for (const part of [table, keys, curves, costs, matrices]) part();
}

function boxes(kind) {
  const nodes = held[kind].map((name) => {
    const box = make("input", { type: "checkbox", value: name });
    box.checked = true;
    box.addEventListener("change", () => {
      // In the order of the page, whatever the order of clicks.
      on[kind] = new Set(held[kind].filter((one) => (one === name ? box.checked : on[kind].has(one))));
      draw();
    });
    return make("label", {}, box, ...(kind === "learners" ? [swatch(name)] : []), name);
  });
  const flip = (checked) => {
    for (const box of byId(kind).querySelectorAll("input")) box.checked = checked;
    on[kind] = new Set(checked ? held[kind] : []);
    draw();
  };
  const buttons = [["all", true], ["none", false]].map(([name, checked]) => {
    const button = make("button", { type: "button", "aria-label": `${name} ${kind}` }, name);
    button.addEventListener("click", () => flip(checked));
    return button;
  });
  byId(kind).replaceChildren(...buttons, ...nodes);
}

for (const [name, about] of Object.entries(held.metrics)) {
  if (about.unit === "%") byId("metric").append(make("option", { value: name }, `${name}: ${about.meaning}`));
}
boxes("streams");
boxes("learners");
scale();
byId("filter").addEventListener("input", table);
byId("all").addEventListener("change", table);
byId("curve").addEventListener("change", curves);
byId("metric").addEventListener("change", costs);
byId("choice").addEventListener("submit", (event) => event.preventDefault());
draw();
