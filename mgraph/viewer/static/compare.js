/** Two runs side by side: where they differ. */
import { equal } from "./numbers.js";

/** @typedef {import("./read.js").Graph} Graph */
/** @typedef {import("./read.js").Numbers} Numbers */

/**
 * A node that two runs say different things of; null where one says nothing.
 * @typedef {object} Difference
 * @property {number} node
 * @property {"data" | "grad"} kind
 * @property {number | null} a
 * @property {number | null} b
 */

/**
 * Compare two runs: values in the order of evaluation, then gradients from the output backward.
 * @param {Graph} graph
 * @param {{data: Numbers | null, grad: Numbers | null}} a
 * @param {{data: Numbers | null, grad: Numbers | null}} b
 * @param {{rel?: number, abs?: number}} tolerance
 * @returns {Difference[]}
 */
export function compareRuns(graph, a, b, tolerance) {
  const found = [];
  for (const kind of /** @type {const} */ (["data", "grad"])) {
    const [left, right] = [a[kind], b[kind]];
    if (!left || !right) continue;
    const [of, to] = [mapOf(left), mapOf(right)];
    for (let k = 0; k < graph.count; k++) {
      const node = kind === "data" ? k : graph.count - 1 - k;
      const [x, y] = [of.get(node) ?? null, to.get(node) ?? null];
      if (x === null && y === null) continue;
      if (x === null || y === null || !equal(x, y, tolerance)) found.push({ node, kind, a: x, b: y });
    }
  }
  return found;
}

/** @param {Numbers} numbers */
function mapOf({ at, value }) {
  return new Map(Array.from(at, (node, i) => [node, value[i]]));
}
