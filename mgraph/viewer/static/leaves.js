/** The card of the leaves: their values, and the seed. */
import { nameOf } from "./cards.js";
import { EXACT_MATH } from "./constants.js";
import { byId, make } from "./elements.js";
import { nodeOf } from "./graph.js";
import { useExactMath } from "./ieee.js";
import { counted, exact, shown, typed } from "./numbers.js";
import { evaluateNow, forgetAnswers, quiz, refresh, runAll, setLeaf, state } from "./state.js";

const LEAF_ROWS = 40;
const LEAF_WIDTH = 112;

/** The node that was selected when the leaves were listed. */
let listedFor = -1;

/** Whether the numbers are asked for in exact math. */
let wantsExact = false;

/**
 * Take the declared values, or those of a run, and run the graph, in the math of the run. Declared
 * values run in exact math if all runs of the file do.
 * @param {import("./graph.js").Run | undefined} run
 */
export function ask(run) {
  const runs = run ? [run] : state.graph.runs;
  wantsExact = runs.length > 0 && runs.every(({ math }) => math === EXACT_MATH);
  state.isExact = useExactMath(wantsExact);
  Object.assign(state, leavesOf(state.graph, run));
  runAll();
}

/**
 * Return the values and seeds with which a graph starts: those that it declares, or those of a run.
 * @param {import("./graph.js").Graph} graph
 * @param {import("./graph.js").Run | undefined} run
 */
export function leavesOf(graph, run) {
  const leaves = /** @type {import("./state.js").Leaves} */ ({ graph, values: graph.data.slice(), changed: new Set(), missing: new Set() });
  const unknown = [...graph.ids.keys()].filter((node) => graph.ops[node] === "input" && !graph.known[node]);
  const from = run ?? (unknown.length || graph.outputs.length > 1 ? graph.runs[0] : undefined);
  for (const [id, value] of run?.inputs ?? []) setLeaf(nodeOf(graph, id), value, leaves);
  for (const node of unknown) {
    const value = from?.inputs.get(graph.ids[node]);
    if (value === undefined) leaves.missing.add(node);
    else setLeaf(node, value, leaves);
  }
  const seeds = from?.seed.size
    ? new Map(Array.from(from.seed, ([id, seed]) => [nodeOf(graph, id), seed]))
    : new Map([[graph.outputs[0], 1]]);
  return { ...leaves, seeds };
}

export function listInputs() {
  listSeeds();
  listLeaves();
}

function listSeeds() {
  const { graph, seeds } = state;
  const row = byId("seed-row");
  const label = make("span", "Gradient of");
  const amount = numberField("Seed", [...seeds.values()][0], (seed) => Number.isFinite(seed) && changeSeed(Number(choice.value), seed));
  const choice = make("select");
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
  runAnew(() => {
    state.seeds = new Map([[output, seed]]);
    runAll();
  });
}

/**
 * Run with other values or seeds. The end stays the end, and a quiz begins again: its steps may be others.
 * @param {() => void} run
 */
export function runAnew(run) {
  const done = state.at >= state.steps.last;
  run();
  if (quiz.on) {
    forgetAnswers();
    state.at = Math.min(state.at, quiz.passed);
  } else if (done) state.at = state.steps.last;
  listInputs();
  refresh();
}

/**
 * @param {string} label
 * @param {number} value
 * @param {(value: number) => unknown} changed what to do with another number; false refuses it
 */
function numberField(label, value, changed) {
  const field = make("input.number");
  Object.assign(field, { type: "text", value: shown(value), autocomplete: "off", spellcheck: false, title: exact(value) });
  field.setAttribute("aria-label", label);
  field.addEventListener("change", () => {
    const number = typed(field.value);
    if (number === null) refuseField(field, `${label}: ${field.value.trim() || "nothing"} is not a number`);
    else if (changed(number) === false) refuseField(field, `${label}: it has to be a finite number`);
    else acceptField(field);
  });
  return field;
}

export function listLeaves() {
  const { graph, selected } = state;
  listedFor = selected;
  const wanted = byId("leaf-filter").value.trim().toLowerCase();
  const all = [];
  for (let node = 0; node < graph.count; node++) if (["input", "param"].includes(graph.ops[node])) all.push(node);
  const matching = all.filter((node) => !wanted || graph.ids[node].toLowerCase().includes(wanted) || nameOf(graph, node).toLowerCase().includes(wanted));
  const first = matching.slice(0, LEAF_ROWS);
  if (all.includes(selected) && !first.includes(selected)) first.unshift(selected);
  byId("leaves").replaceChildren(...first.map(leafRow));
  byId("leaf-filter").hidden = all.length <= 12;
  const hidden = matching.length - first.length;
  const notes = [];
  if (hidden > 0) notes.push(`${counted(hidden, "more leaf").replace("leafs", "leaves")}: filter by name.`);
  if (!all.length) notes.push("This graph has only consts.");
  if (state.isExact) notes.push("Exact math: the same bits on every machine.");
  else if (wantsExact) notes.push("For the exact math of this run, use mgraph view.");
  byId("leaves-note").textContent = notes.join(" ");
}

/** List the leaves again when another node is selected: it is always in the list. */
export function listSelected() {
  if (state.selected >= 0 && state.selected !== listedFor) listLeaves();
}

/**
 * Say below a field why it can't be taken.
 * @param {HTMLInputElement} field
 * @param {string} words
 */
function refuseField(field, words) {
  acceptField(field);
  field.setAttribute("aria-invalid", "true");
  const note = make("span.unreadable", words);
  note.setAttribute("role", "alert");
  field.after(note);
}

/** @param {HTMLInputElement} field */
function acceptField(field) {
  field.removeAttribute("aria-invalid");
  if (field.nextElementSibling?.matches(".unreadable")) field.nextElementSibling.remove();
}

/** Return what is wrong with the first field of the card that can't be read; empty if all can. */
export function unreadable() {
  const field = document.activeElement;
  if (field instanceof HTMLInputElement && field.matches(".number")) field.blur(); // it may not have been read yet
  return document.querySelector(".unreadable")?.textContent ?? "";
}

/** @param {number} node */
function leafRow(node) {
  const { graph, values, missing } = state;
  const name = nameOf(graph, node);
  const slider = make("input");
  Object.assign(slider, { type: "range", step: "any" });
  slider.setAttribute("aria-label", `${name}, slider`);
  slider.dataset.leaf = graph.ids[node];
  spread(slider, values[node]);
  const field = numberField(name, values[node], (value) => {
    setLeaf(node, value);
    spread(slider, value);
    moved();
  });
  if (missing.has(node)) Object.assign(field, { value: "", placeholder: "no value", title: "" });
  slider.addEventListener("input", () => {
    const value = Number(Number(slider.value).toPrecision(4));
    field.value = shown(value);
    acceptField(field);
    setLeaf(node, value);
    moved();
  });
  const title = make(`span.leaf.${graph.ops[node]}`, state.shorten(name, LEAF_WIDTH));
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

/** Evaluate after a leaf has moved, once per frame. */
function moved() {
  moving ||= requestAnimationFrame(() => {
    moving = 0;
    if (state.steps.last) evaluateNow();
    else runAll();
    refresh();
  });
}

export function reset() {
  runAnew(() => ask(undefined));
}
