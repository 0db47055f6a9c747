/** Compares the page's graph with another one of the server. */
import { BOX_DIGITS } from "./appearance.js";
import { compareRuns } from "./compare.js";
import { TOLERANCE } from "./constants.js";
import { button, link, named } from "./controls.js";
import { byId, make } from "./elements.js";
import { evaluate } from "./engine.js";
import { complain } from "./files.js";
import { leavesOf } from "./leaves.js";
import { addressOf } from "./names.js";
import { counted } from "./numbers.js";
import { readGraph } from "./read.js";
import { differenceTable } from "./runs.js";
import { paint } from "./scene.js";
import { request, ServerError } from "./server.js";
import { state, views } from "./state.js";
import { numbersOf } from "./write.js";

/** @typedef {import("./graph.js").Graph} Graph */

/**
 * The graph that the page's is compared with.
 * @typedef {object} Other
 * @property {string} name
 * @property {Graph} graph
 * @property {import("./engine.js").Result | null} result null if an input has no value
 */

/** @type {Other | null} */
let other = null;

/**
 * Fetch another graph, and compare with it from now on.
 * @param {string} name its name, or its id
 */
export async function compareWith(name) {
  try {
    const answer = await request(`/api/graphs/${name}`);
    const graph = await readGraph(new Uint8Array(await answer.arrayBuffer()));
    const { values, seeds, missing } = leavesOf(graph, undefined);
    other = { name, graph, result: missing.size ? null : evaluate(graph, values, seeds) };
    showOther();
    byId("other-card").scrollIntoView({ block: "nearest" });
  } catch (error) {
    const why = error instanceof ServerError ? error.message : "This page can't read it.";
    complain(`${name} can't be compared. ${why}`);
  }
}

/** Make the card, and keep it up to date. */
export function makeComparing() {
  const close = Object.assign(button("other-close", "×", stopComparing), { className: "small" });
  close.setAttribute("aria-label", "Stop comparing");
  const head = make("div.card-head", named("h2", "other-title"), close);
  const card = Object.assign(named("section", "other-card", head, named("div", "other-body")), { className: "card", hidden: true });
  byId("step-card").before(card);
  views.push(showOther);
}

function stopComparing() {
  other = null;
  byId("other-card").hidden = true;
  state.differing = new Set();
  paint();
}

/** Show how the other graph differs from the page as it is now. */
function showOther() {
  if (!other) return;
  byId("other-card").hidden = false;
  byId("other-title").replaceChildren("Compared with ", link(other.name, addressOf(other.name)));
  byId("other-body").replaceChildren(...comparison(other));
}

/** @param {Other} other */
function comparison({ name, graph, result }) {
  const body = differencesOfNodes(name, graph);
  if (!result || state.missing.size) return [...body, make("p", `${result ? "This graph" : name} has an input without a value, so there are no numbers to compare.`)];
  const [here, there] = [numbersOf(state.result), onThisPage(graph, numbersOf(result))];
  const isComplete = graph.count === state.graph.count && !body.length;
  const differences = compareRuns(state.graph, { ...here, complete: isComplete }, { ...there, complete: isComplete }, TOLERANCE);
  state.differing = new Set(differences.map(({ node }) => node));
  paint();
  return [make("p.quiet", `A is this page, B is ${name}.`), ...body, ...differenceTable(differences, BOX_DIGITS)];
}

/**
 * Say which nodes are in one of the graphs only, or are another op.
 * @param {string} name of the other graph
 * @param {Graph} graph
 */
function differencesOfNodes(name, graph) {
  const { ids, index, ops } = state.graph;
  const here = ids.filter((id) => !graph.index.has(id));
  const there = graph.ids.filter((id) => !index.has(id));
  const changed = ids.filter((id, i) => graph.index.has(id) && graph.ops[graph.index.get(id) ?? 0] !== ops[i]);
  return [
    ...nodesSentence(here, "only on this page"),
    ...nodesSentence(there, `only in ${name}`),
    ...nodesSentence(changed, "of another kind"),
  ];
}

/**
 * @param {string[]} ids
 * @param {string} what
 */
function nodesSentence(ids, what) {
  const few = ids.slice(0, 8).join(", ");
  return ids.length ? [make("p", `${counted(ids.length, "node")} ${what}: ${few}${ids.length > 8 ? ", …" : ""}.`)] : [];
}

/**
 * Return the numbers of another graph for the nodes of the page's graph that have the same ids.
 * @param {Graph} graph
 * @param {{data: import("./graph.js").Numbers, grad: import("./graph.js").Numbers}} numbers
 */
function onThisPage(graph, { data, grad }) {
  return { data: renumbered(graph, data), grad: renumbered(graph, grad) };
}

/**
 * @param {Graph} graph
 * @param {import("./graph.js").Numbers} numbers
 */
function renumbered(graph, { at, value }) {
  const pairs = Array.from(at, (node, i) => /** @type {const} */ ([state.graph.index.get(graph.ids[node]) ?? -1, value[i]]));
  const known = pairs.filter(([node]) => node >= 0).sort((a, b) => a[0] - b[0]);
  return { at: Uint32Array.from(known, ([node]) => node), value: Float64Array.from(known, ([, x]) => x) };
}
