/** Writes a graph and its runs as a file, as `mgraph run` would. */
import { EXACT_MATH } from "./constants.js";
import { versionOf } from "./graph.js";
import { hashOf } from "./hash.js";
import { literal } from "./numbers.js";

/** @typedef {import("./graph.js").Graph} Graph */
/** @typedef {import("./graph.js").Run} Run */
/** @typedef {import("./graph.js").Numbers} Numbers */

/**
 * Return the runs with a new one. It replaces one that mgraph recorded for the same inputs and seed, else it comes last.
 * @param {Graph} graph
 * @param {Run} run
 * @returns {Run[]}
 */
export function withRun(graph, run) {
  const asked = questionOf(graph, run);
  const at = graph.runs.findIndex(
    (old) => old.origin.startsWith("mgraph ") && questionOf(graph, old) === asked,
  );
  if (at < 0) return [...graph.runs, run];
  return graph.runs.with(at, { ...run, tolerance: graph.runs[at].tolerance });
}

/**
 * @param {Graph} graph
 * @param {Run} run
 */
function questionOf(graph, { inputs, seed }) {
  const asked = seed.size ? seed : new Map([[graph.ids[graph.outputs[0]], 1]]);
  const spelled = (/** @type {Map<string, number>} */ numbers) =>
    [...numbers].map(([id, x]) => `${id}=${literal(x)}`).sort().join(" ");
  return `${spelled(inputs)}; ${spelled(asked)}`;
}

/**
 * Write a graph file, one node per line.
 * @param {Graph} graph
 * @param {Run[]} runs
 * @returns {string}
 */
export function toJson(graph, runs) {
  const members = [`"mgraph": "${versionOf(graph, runs)}"`];
  for (const [key, value] of Object.entries(graph.header)) members.push(`"${key}": ${JSON.stringify(value)}`);
  const order = graph.order ?? graph.ids.keys();
  const nodes = Array.from(order, (node) => `    ${nodeText(graph, node)}`);
  members.push(`"nodes": [\n${nodes.join(",\n")}\n  ]`);
  members.push(`"outputs": ${JSON.stringify(graph.outputs.map((node) => graph.ids[node]))}`);
  if (runs.length) {
    members.push(`"runs": [\n    ${runs.map((run) => runText(graph, run)).join(",\n    ")}\n  ]`);
  }
  return `{\n  ${members.join(",\n  ")}\n}\n`;
}

/**
 * @param {Graph} graph
 * @param {number} node
 */
function nodeText({ ids, ops, first, args, data, known, labels, docs, metas }, node) {
  const parts = [`"id": "${ids[node]}"`, `"op": "${ops[node]}"`];
  if (known[node]) parts.push(`"data": ${literal(data[node])}`);
  const names = Array.from(args.subarray(first[node], first[node + 1]), (arg) => `"${ids[arg]}"`);
  if (names.length) parts.push(`"args": [${names.join(", ")}]`);
  for (const [key, texts] of /** @type {const} */ (
    [["label", labels], ["doc", docs], ["meta", metas]])) {
    if (texts.has(node)) parts.push(`"${key}": ${JSON.stringify(texts.get(node))}`);
  }
  return `{${parts.join(", ")}}`;
}

/**
 * @param {Graph} graph
 * @param {Run} run
 */
function runText(graph, run) {
  const parts = [];
  if (run.inputs.size) parts.push(`"inputs": {${few(run.inputs)}}`);
  if (run.seed.size) parts.push(`"seed": {${few(run.seed)}}`);
  if (run.math) parts.push(`"math": "${run.math}"`);
  if (run.tolerance) parts.push(`"tolerance": ${JSON.stringify(run.tolerance)}`);
  if (run.origin) parts.push(`"origin": ${JSON.stringify(run.origin)}`);
  if (run.graph) parts.push(`"graph": "${run.graph}"`);
  if (run.data) parts.push(`"data": ${lines(graph, run.data)}`);
  if (run.grad) parts.push(`"grad": ${lines(graph, run.grad)}`);
  return parts.length ? `{\n      ${parts.join(",\n      ")}\n    }` : "{}";
}

/** @param {Map<string, number>} numbers */
const few = (numbers) => [...numbers].map(([id, x]) => `"${id}": ${literal(x)}`).join(", ");

/**
 * @param {Graph} graph
 * @param {Numbers} numbers
 */
function lines(graph, { at, value }) {
  if (!at.length) return "{}";
  const results = Array.from(at, (node, i) => `        "${graph.ids[node]}": ${literal(value[i])}`);
  return `{\n${results.join(",\n")}\n      }`;
}

/**
 * Return a run as a file records it.
 * @param {Graph} graph
 * @param {import("./engine.js").Result} result
 * @param {Map<string, number>} inputs
 * @param {Map<string, number>} seed
 * @param {boolean} isExact whether it was computed in exact math
 * @param {string} version of mgraph
 * @returns {Promise<Run>}
 */
export async function recorded(graph, result, inputs, seed, isExact, version) {
  return {
    inputs, seed, math: isExact ? EXACT_MATH : undefined, tolerance: undefined, origin: `mgraph ${version} page`,
    graph: (await hashOf(graph)) ?? undefined, ...numbersOf(result),
  };
}

/**
 * Return a result as the numbers of a run.
 * @param {import("./engine.js").Result} result
 * @returns {{data: Numbers, grad: Numbers}}
 */
export function numbersOf({ primals, adjoints, has }) {
  const all = Uint32Array.from(primals.keys());
  const at = all.filter((node) => has[node]);
  return {
    data: { at: all, value: primals },
    grad: { at, value: Float64Array.from(at, (node) => adjoints[node]) },
  };
}
