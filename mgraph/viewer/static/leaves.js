/** What the graph is asked: values of leaves, and the seed. */
import { make, nameOf } from "./cards.js";
import { shortener } from "./draw.js";
import { byId, evaluateNow, model, refresh, runAll, setLeaf, views } from "./model.js";
import { counted, exact, shown, typed } from "./numbers.js";

const LEAF_ROWS = 40;
const LEAF_WIDTH = 112;

let listedFor = -1; // the node that was selected

/**
 * Take the declared values, or those of a run, and run the graph.
 * @param {import("./read.js").Run | undefined} run
 */
export function ask(run) {
  const { graph } = model;
  model.values = graph.data.slice();
  model.changed = new Set();
  model.given = new Set();
  const unknown = [...graph.ids.keys()].filter((node) => graph.ops[node] === "input" && !graph.known[node]);
  const from = run ?? (unknown.length || graph.outputs.length > 1 ? graph.runs[0] : undefined);
  for (const [id, value] of run?.inputs ?? []) setLeaf(graph.index.get(id), value);
  for (const node of unknown) setLeaf(node, from?.inputs.get(graph.ids[node]) ?? 0);
  if (!from) unknown.forEach((node) => model.given.add(node));
  model.seeds = from?.seed.size
    ? new Map([...from.seed].map(([id, seed]) => [graph.index.get(id), seed]))
    : new Map([[graph.outputs[0], 1]]);
  runAll();
  listSeeds();
  listLeaves();
}

function listSeeds() {
  const { graph, seeds } = model;
  const row = byId("seed-row");
  const label = make("span", "Gradient of");
  const amount = numberField("Seed", [...seeds.values()][0], (seed) => Number.isFinite(seed) && changeSeed(Number(choice.value), seed));
  const choice = /** @type {HTMLSelectElement} */ (make("select"));
  choice.setAttribute("aria-label", "Output to differentiate");
  for (const node of graph.outputs.slice(0, 500)) choice.append(new Option(nameOf(graph, node), String(node)));
  choice.value = String([...seeds.keys()][0]);
  choice.addEventListener("change", () => changeSeed(Number(choice.value), typed(amount.value) ?? 1));
  if (graph.outputs.length === 1) {
    row.replaceChildren(make("div.row", "Gradient of", make("b", nameOf(graph, graph.outputs[0])), "× seed", amount));
    return;
  }
  const more = seeds.size > 1 ? [make("span.quiet", ` and ${counted(seeds.size - 1, "more output")}`)] : [];
  row.replaceChildren(make("div.row", label, choice, make("span", "× seed"), amount, ...more));
}

/**
 * @param {number} output
 * @param {number} seed
 */
function changeSeed(output, seed) {
  model.seeds = new Map([[output, seed]]);
  const done = model.at >= model.film.last;
  runAll();
  if (done) model.at = model.film.last;
  listSeeds();
  refresh();
}

/**
 * @param {string} label
 * @param {number} value
 * @param {(value: number) => unknown} changed
 */
function numberField(label, value, changed) {
  const field = /** @type {HTMLInputElement} */ (make("input.number"));
  Object.assign(field, { type: "text", value: shown(value), autocomplete: "off", spellcheck: false, title: exact(value) });
  field.setAttribute("aria-label", label);
  field.addEventListener("change", () => {
    const number = typed(field.value);
    const right = number !== null && changed(number) !== false;
    if (right) field.removeAttribute("aria-invalid");
    else field.setAttribute("aria-invalid", "true");
  });
  return field;
}

export function listLeaves() {
  const { graph, selected } = model;
  listedFor = selected;
  const wanted = byId("leaf-filter").value.trim().toLowerCase();
  const all = [];
  for (let node = 0; node < graph.count; node++) if (["input", "param"].includes(graph.ops[node])) all.push(node);
  const isFound = (/** @type {number} */ node) => !wanted || graph.ids[node].toLowerCase().includes(wanted) || nameOf(graph, node).toLowerCase().includes(wanted);
  const found = all.filter(isFound);
  const first = found.slice(0, LEAF_ROWS);
  if (all.includes(selected) && !first.includes(selected)) first.unshift(selected);
  const shorten = shortener(first.map((node) => nameOf(graph, node)));
  byId("leaves").replaceChildren(...first.map((node) => leafRow(node, shorten)));
  byId("leaf-filter").hidden = all.length <= 12;
  const hidden = found.length - first.length;
  const notes = [];
  if (model.given.size) notes.push(`The file gives ${model.given.size === 1 ? "one input" : `${model.given.size} inputs`} no value: 0 is taken.`);
  if (hidden > 0) notes.push(`${counted(hidden, "more leaf").replace("leafs", "leaves")}: filter by name.`);
  if (!all.length) notes.push("There are only consts.");
  byId("leaves-note").textContent = notes.join(" ");
}

views.push(() => { if (model.selected >= 0 && model.selected !== listedFor) listLeaves(); });

/**
 * @param {number} node
 * @param {(text: string, width: number) => string} shorten
 */
function leafRow(node, shorten) {
  const { graph, values } = model;
  const name = nameOf(graph, node);
  const slider = /** @type {HTMLInputElement} */ (make("input"));
  Object.assign(slider, { type: "range", step: "any" });
  slider.setAttribute("aria-label", `${name}, slider`);
  slider.dataset.leaf = graph.ids[node];
  spread(slider, values[node]);
  const field = numberField(name, values[node], (value) => {
    setLeaf(node, value);
    spread(slider, value);
    moved();
  });
  slider.addEventListener("input", () => {
    const value = Number(Number(slider.value).toPrecision(4));
    field.value = shown(value);
    field.removeAttribute("aria-invalid");
    setLeaf(node, value);
    moved();
  });
  const title = make(`span.leaf.${graph.ops[node]}`, shorten(name, LEAF_WIDTH));
  title.title = graph.ids[node];
  return make("div.leaf-row", title, slider, field);
}

/**
 * Give a slider a range around a value.
 * @param {HTMLInputElement} slider
 * @param {number} value
 */
function spread(slider, value) {
  const middle = Number.isFinite(value) && Math.abs(value) < 1e300 ? value : 0;
  const reach = Math.max(2, 2 * Math.abs(middle));
  slider.min = String(middle - reach);
  slider.max = String(middle + reach);
  slider.value = String(middle);
}

let moving = 0;

/** Follow a leaf that moves, once a frame. */
function moved() {
  moving ||= requestAnimationFrame(() => {
    moving = 0;
    evaluateNow();
    refresh();
  });
}

export function reset() {
  const done = model.at >= model.film.last;
  ask(undefined);
  if (done) model.at = model.film.last;
  refresh();
}
