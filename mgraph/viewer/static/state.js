/** The state of the page: its graph, how far it has been stepped, and what is selected. */
import { byId } from "./elements.js";
import { evaluate } from "./engine.js";
import { blank, usersOf } from "./graph.js";
import { foldedScene, groupsOf } from "./groups.js";
import { accumulators, contributions, stepAt, stepsOf } from "./steps.js";

/** @typedef {import("./graph.js").Graph} Graph */

/**
 * What `mgraph view` sets.
 * @typedef {object} Settings
 * @property {string} file the name of the graph's file
 * @property {string} version of mgraph
 * @property {boolean} quiz whether the page starts as a quiz
 * @property {{file: string, text: string} | null} rows the rows to train on, as CSV
 * @property {import("./served.js").Served} [served] of a page that a server sends: where, and what it allows
 */

/**
 * Everything that changes while the page is open.
 * @typedef {object} State
 * @property {string} file the name of the graph's file
 * @property {Graph} graph
 * @property {import("./groups.js").Groups} groups
 * @property {import("./graph.js").Users} users
 * @property {Float64Array} values of the leaves, by node
 * @property {Map<number, number>} seeds by node
 * @property {Set<number>} changed leaves whose value is not the declared one
 * @property {Set<number>} missing inputs without any value; until they have one, nothing is computed
 * @property {boolean} isExact whether each operation is rounded correctly, as in runs that say "exact"
 * @property {import("./engine.js").Result} result
 * @property {import("./steps.js").Steps} steps
 * @property {(name: string, width: number) => string} shorten makes names short, in the same way everywhere
 * @property {number} at the present step
 * @property {number} selected a node; -1: none
 * @property {number} focus the node whose surroundings are drawn where the whole is too large
 * @property {Set<number> | null} folded groups; null: only the surroundings of `focus` are drawn
 * @property {import("./groups.js").Scene} scene
 * @property {Set<number>} differing nodes that differ in the runs that are compared
 * @property {Quiz} quiz
 */

/** @typedef {Pick<State, "graph" | "values" | "changed" | "missing">} Leaves */

/**
 * @typedef {object} Quiz
 * @property {boolean} on
 * @property {number} passed the last step whose gradients nobody is asked for any more
 * @property {number} asked which argument of the step after that is asked for
 * @property {boolean} tried whether a wrong answer was given to that question
 * @property {number} right how many answers were right at once
 * @property {number} hinted how many were right later
 * @property {number} helped how many were shown
 */

/** @type {Settings} */
export const settings = JSON.parse(byId("settings").textContent);

const nothing = blank(0, 0);
const groups = groupsOf(nothing);
const result = evaluate(nothing, nothing.data, new Map());

/**
 * At first the state of a graph without nodes.
 * @type {State}
 */
export const state = {
  file: "", graph: nothing, groups, users: usersOf(0, nothing.first, nothing.args),
  values: nothing.data, seeds: new Map(), changed: new Set(), missing: new Set(), isExact: false,
  result, steps: stepsOf(nothing, result, true), shorten: (name) => name, at: 0, selected: -1, focus: -1,
  folded: new Set(), scene: foldedScene(nothing, groups, new Set()), differing: new Set(),
  quiz: { on: settings.quiz, passed: 0, asked: 0, tried: false, right: 0, hinted: 0, helped: 0 },
};

export const quiz = state.quiz;

/**
 * The functions that show the state, in the order in which they are called.
 * @type {(() => void)[]}
 */
export const views = [];

/** Show the state as it is now: in the picture, and in the cards. */
export function refresh() {
  for (const show of views) show();
}

/**
 * @param {number} node
 * @param {number} value
 * @param {Leaves} leaves
 */
export function setLeaf(node, value, leaves = state) {
  const { graph, values, changed, missing } = leaves;
  values[node] = value;
  missing.delete(node);
  if (graph.known[node] && Object.is(value, graph.data[node])) changed.delete(node);
  else changed.add(node);
}

/** Evaluate, and rebuild the list of steps. */
export function runAll() {
  evaluateNow();
  state.steps = stepsOf(state.graph, state.result, !state.missing.size);
  state.at = Math.min(state.at, state.steps.last);
}

export function evaluateNow() {
  state.result = evaluate(state.graph, state.values, state.seeds);
}

export const stepNow = () => stepAt(state.steps, state.at);

/** Return the step whose gradients are asked for, if the quiz waits for an answer. */
export function stepAsked() {
  if (!quiz.on || state.at < quiz.passed || state.at >= state.steps.last) return null;
  const step = stepAt(state.steps, state.at + 1);
  return step.kind === "backward" ? step : null;
}

/** Forget all answers. */
export function forgetAnswers() {
  Object.assign(quiz, { passed: state.steps.forward + 1, asked: 0, tried: false, right: 0, hinted: 0, helped: 0 });
}

/**
 * Return what a node sends in its backward step.
 * @param {number} node
 * @param {number} before the number of the step before that one
 */
export function contributionsOf(node, before) {
  const { graph, result, steps, seeds } = state;
  return contributions(graph, result, accumulators(graph, result, steps, seeds, before), node);
}
