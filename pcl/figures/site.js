"use strict";
// Tables are complete without this script: it sorts and filters their rows, hides further columns, and switches colours.
function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function sortable(row, column) {
  const cell = row.cells[column], text = cell.dataset.value ?? cell.textContent.trim();
  if (text === "" || text === "nan" || text === "-") return null; // comes last
  const value = Number(text.replace(/,/g, "").replace(/^(-?)inf$/, "$1Infinity"));
  return Number.isNaN(value) ? text : value;
}

function order(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return a - b || 0;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

function sort(table, column, down) {
  const rows = [...table.tBodies[0].rows].map((row) => [sortable(row, column), row]);
  rows.sort(([a], [b]) => (a === null || b === null || !down ? order(a, b) : order(b, a)));
  table.tBodies[0].append(...rows.map(([, row]) => row));
  [...table.tHead.rows[0].cells].forEach((th, i) => {
    if (i === column) th.setAttribute("aria-sort", down ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
  });
}

function enhance(table, at) {
  const name = table.caption ? table.caption.textContent : document.title;
  const rows = [...table.tBodies[0].rows], texts = rows.map((row) => row.textContent.toLowerCase());
  const search = make("input", { type: "search", id: `filter-${at}`, placeholder: "words", "aria-label": `Filter ${name}` });
  const count = make("span", { role: "status" });
  function filter() {
    const words = search.value.toLowerCase().split(/\s+/);
    rows.forEach((row, i) => { row.hidden = !words.every((word) => texts[i].includes(word)); });
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  }
  search.addEventListener("input", filter);
  const tools = make("p", { class: "tools" }, make("label", { for: search.id }, "Filter"), search);
  if (table.querySelector("th.more")) {
    const all = make("input", { type: "checkbox" });
    all.addEventListener("change", () => table.classList.toggle("fewer", !all.checked));
    table.classList.add("fewer");
    tools.append(make("label", {}, all, "all columns"));
  }
  tools.append(count);
  table.parentNode.before(tools);
  [...table.tHead.rows[0].cells].forEach((th, column) => {
    const button = make("button", { type: "button" }, ...th.childNodes);
    if (th.title) button.title = th.title;
    th.removeAttribute("title");
    button.addEventListener("click", () => {
      const before = th.getAttribute("aria-sort");
      sort(table, column, before ? before === "ascending" : "down" in th.dataset); // the best first
    });
    th.append(button);
  });
  filter();
}

// Light or dark: as the system says, until it is switched here; remembered where the browser allows it.
function kept(value) {
  try {
    if (value) localStorage.setItem("pcl-colours", value);
    return localStorage.getItem("pcl-colours");
  } catch {
    return null;
  }
}

function colours() {
  const root = document.documentElement, button = make("button", { type: "button" });
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.style.colorScheme || (system.matches ? "dark" : "light")) === "dark";
  const say = () => { button.textContent = dark() ? "Light colours" : "Dark colours"; };
  button.addEventListener("click", () => {
    root.style.colorScheme = dark() ? "light" : "dark";
    kept(root.style.colorScheme);
    say();
  });
  system.addEventListener("change", say);
  const before = kept();
  if (before === "dark" || before === "light") root.style.colorScheme = before;
  say();
  document.querySelector("header").append(button);
}

colours();
document.querySelectorAll("table.sortable").forEach(enhance);
