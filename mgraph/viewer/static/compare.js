/** Finds where two runs differ. */
import { equal } from "./numbers.js";

/** @typedef {import("./graph.js").Graph} Graph */
/** @typedef {import("./graph.js").Numbers} Numbers */

/**
 * Numbers of a run; it is complete if a number that it leaves out does not exist.
 * @typedef {{data: Numbers | null, grad: Numbers | null, complete: boolean}} Results
 */

/**
 * A node whose numbers differ in two runs; null where a run has none.
 * @typedef {object} Difference
 * @property {number} node
 * @property {"data" | "grad"} kind
 * @property {number | null} a
 * @property {number | null} b
 */

/**
 * Whether a run in a file says everything about its graph: all values, and of which graph they are.
 * @param {Graph} graph
 * @param {import("./graph.js").Run} run
 */
export function isComplete(graph, run) {
  return Boolean(run.graph) && run.data?.at.length === graph.count;
}

/**
 * Compare two runs: values in the order of evaluation, then gradients from the output backward.
 * What a run leaves out is a difference only if the run is complete.
 * @param {Graph} graph
 * @param {Results} a
 * @param {Results} b
 * @param {import("./numbers.js").Tolerance} tolerance
 * @returns {Difference[]}
 */
export function compareRuns(graph, a, b, tolerance) {
  const differences = [];
  for (const kind of /** @type {const} */ (["data", "grad"])) {
    const [left, right] = [a[kind], b[kind]];
    if (!left || !right) continue;
    const [of, to] = [mapOf(left), mapOf(right)];
    for (let k = 0; k < graph.count; k++) {
      const node = kind === "data" ? k : graph.count - 1 - k;
      const [x, y] = [of.get(node) ?? null, to.get(node) ?? null];
      if (x === null && (y === null || !a.complete)) continue;
      if (y === null && !b.complete) continue;
      if (x === null || y === null || !equal(x, y, tolerance)) differences.push({ node, kind, a: x, b: y });
    }
  }
  return differences;
}

/** @param {Numbers} numbers */
function mapOf({ at, value }) {
  return new Map(Array.from(at, (node, i) => [node, value[i]]));
}
