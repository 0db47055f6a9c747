/** What the page is about, and what is known of it at the present step. */
import { make } from "./cards.js";
import { evaluate } from "./engine.js";
import { accumulators, contributions, filmOf, stepAt } from "./steps.js";

/** @typedef {import("./read.js").Graph} Graph */

export const byId = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

export const settings = JSON.parse(byId("settings").textContent);

/** What the page is about; all of it changes when another file is opened. */
export const model = {
  file: "", graph: /** @type {Graph} */ (/** @type {unknown} */ (null)),
  groups: /** @type {any} */ (null), users: /** @type {any} */ (null),
  values: new Float64Array(0), seeds: new Map(), changed: new Set(), given: new Set(),
  result: /** @type {any} */ (null), film: /** @type {any} */ (null), ranks: new Uint32Array(0),
  at: 0, selected: -1,
  folded: /** @type {Set<number> | null} */ (null), focus: -1,
  scene: /** @type {any} */ (null), differing: new Set(),
};

/** How the quiz stands. */
export const quiz = { on: false, asked: 0, right: 0, helped: 0, tries: 0 };

/**
 * What shows the model, in the order in which it is told.
 * @type {(() => void)[]}
 */
export const views = [];

/** Show the model as it is now: in the picture, and in the cards. */
export function refresh() {
  for (const show of views) show();
}

/**
 * @param {any} node
 * @param {number} value
 */
export function setLeaf(node, value) {
  model.values[node] = value;
  const declared = model.graph.known[node] && Object.is(value, model.graph.data[node]);
  if (declared) model.changed.delete(node);
  else model.changed.add(node);
}

/** Evaluate, and cut the film anew. */
export function runAll() {
  evaluateNow();
  model.film = filmOf(model.graph, model.result);
  model.ranks = new Uint32Array(model.graph.count);
  model.film.forward.forEach((/** @type {number} */ node, /** @type {number} */ k) => (model.ranks[node] = k + 1));
  byId("scrub").max = model.film.last;
  model.at = Math.min(model.at, model.film.last);
  const share = model.film.forward.length / model.film.last;
  byId("phase-forward").style.width = `${(100 * share).toFixed(1)}%`;
}

export function evaluateNow() {
  model.result = evaluate(model.graph, model.values, model.seeds);
}

/** @returns {import("./steps.js").Step} */
export const stepNow = () => stepAt(model.film, model.at);

/** Return the step whose gradients are asked for, if the quiz waits for an answer. */
export function stepAsked() {
  if (!quiz.on || model.at >= model.film.last) return null;
  const step = stepAt(model.film, model.at + 1);
  return step.kind === "backward" ? step : null;
}

/**
 * @param {number} node
 * @param {number} before the step before
 */
export function contributionsOf(node, before) {
  const { graph, result, film, seeds } = model;
  return contributions(graph, result, accumulators(graph, result, film, seeds, before), node);
}

/**
 * @param {string} words
 * @param {string} command
 */
export function complain(words, command = "") {
  byId("alert").replaceChildren(words, ...(command ? [make("code", command)] : []));
  byId("alert").hidden = false;
}
