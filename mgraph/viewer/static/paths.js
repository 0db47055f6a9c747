/** Why a gradient is what it is: the paths from the seeded outputs to a node. */
import { Heap } from "./heap.js";
import { usersOf } from "./read.js";

/** @typedef {import("./read.js").Graph} Graph */
/** @typedef {import("./engine.js").Result} Result */

/**
 * @typedef {object} Path
 * @property {number} output
 * @property {number[]} edges entries of `args`, from the output to the node
 * @property {number} product of the seed and all slopes
 */

const MOST_BITS = 4096;
const MOST_STEPS = 200_000;

/**
 * Explain the adjoint of a node.
 * @param {Graph} graph
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @param {number} node
 * @param {number} most how many paths to list, those with the largest products
 * @returns {{count: bigint | null, paths: Path[]}} the count is null beyond any use
 */
export function explain(graph, result, seeds, node, most) {
  const users = usersOf(graph.count, graph.first, graph.args);
  const around = above(graph, result, users, node);
  return {
    count: countPaths(graph, seeds, around, node),
    paths: largest(result, seeds, around, users, node, most),
  };
}

/**
 * Return the nodes from which gradient flows to a node, it among them, ascending.
 * @param {Graph} graph
 * @param {Result} result
 * @param {{first: Uint32Array, node: Uint32Array}} users
 * @param {number} node
 */
function above(graph, result, users, node) {
  const marks = new Uint8Array(graph.count);
  const found = [];
  marks[node] = result.has[node];
  for (let i = node; i < graph.count; i++) {
    if (!marks[i]) continue;
    found.push(i);
    for (let u = users.first[i]; u < users.first[i + 1]; u++) {
      if (result.has[users.node[u]]) marks[users.node[u]] = 1;
    }
  }
  return found;
}

/**
 * Count the paths, exactly.
 * @param {Graph} graph
 * @param {Map<number, number>} seeds
 * @param {number[]} around
 * @param {number} node
 */
function countPaths(graph, seeds, around, node) {
  const ways = new Map(around.map((i) => [i, seeds.has(i) ? 1n : 0n]));
  const limit = 1n << BigInt(MOST_BITS);
  for (let k = around.length - 1; k >= 0; k--) {
    const i = around[k];
    const count = ways.get(i) ?? 0n;
    if (count > limit) return null;
    if (i === node) return count;
    for (let e = graph.first[i]; e < graph.first[i + 1]; e++) {
      const known = ways.get(graph.args[e]);
      if (known !== undefined) ways.set(graph.args[e], known + count);
    }
    ways.delete(i);
  }
  return 0n;
}

/** A path that is being walked from the node up: its last edge, and the rest below. */
/** @typedef {{at: number, edge: number, below: Partial_ | null, size: number, rank: number}} Partial_ */

/**
 * Find the paths with the largest products, best first: what a partial path can still become is
 * known, so that no other path is walked.
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @param {number[]} around
 * @param {{first: Uint32Array, node: Uint32Array, edge: Uint32Array}} users
 * @param {number} node
 * @param {number} most
 * @returns {Path[]}
 */
function largest(result, seeds, around, users, node, most) {
  const best = bestAbove(result, seeds, around, users);
  // of equals, the last one put in: so walks come to an end
  const queue = /** @type {Heap<Partial_>} */ (new Heap((a, b) => a.rank >= b.rank));
  /** @type {Path[]} */
  const paths = [];
  const put = (/** @type {Partial_} */ each) => queue.push(each);
  if (best.has(node)) put({ at: node, edge: -1, below: null, size: 0, rank: best.get(node) ?? 0 });
  for (let steps = 0; steps < MOST_STEPS && paths.length < most; steps++) {
    const each = queue.pop();
    if (!each) break;
    if (each.edge === END) {
      paths.push(finished(each, result, seeds));
      continue;
    }
    const seed = seeds.get(each.at);
    if (seed !== undefined) put({ ...each, edge: END, below: each, rank: each.size + sizeOf(seed) });
    for (let u = users.first[each.at]; u < users.first[each.at + 1]; u++) {
      const rest = best.get(users.node[u]);
      if (rest === undefined) continue;
      const size = each.size + sizeOf(result.slopes[users.edge[u]]);
      put({ at: users.node[u], edge: users.edge[u], below: each, size, rank: size + rest });
    }
  }
  return paths;
}

const END = -2;

/** What each edge adds to a rank: of equal paths the one that is farthest goes on. */
const PROGRESS = 1e-6;

/** @param {number} factor its part in the logarithm of a product; NaN and infinities go first */
const sizeOf = (factor) =>
  PROGRESS + (Number.isFinite(factor) ? Math.max(Math.log(Math.abs(factor)), -800) : 800);

/**
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @param {number[]} around
 * @param {{first: Uint32Array, node: Uint32Array, edge: Uint32Array}} users
 * @returns {Map<number, number>} for each node the largest logarithm of seed times slopes above it
 */
function bestAbove(result, seeds, around, users) {
  const best = new Map();
  for (let k = around.length - 1; k >= 0; k--) {
    const i = around[k];
    const seed = seeds.get(i);
    let size = seed === undefined ? -Infinity : sizeOf(seed);
    for (let u = users.first[i]; u < users.first[i + 1]; u++) {
      const rest = best.get(users.node[u]);
      if (rest !== undefined) size = Math.max(size, rest + sizeOf(result.slopes[users.edge[u]]));
    }
    if (size > -Infinity) best.set(i, size);
  }
  return best;
}

/**
 * @param {Partial_} end
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @returns {Path}
 */
function finished(end, result, seeds) {
  const edges = [];
  for (let each = end.below; each && each.edge >= 0; each = each.below) edges.push(each.edge);
  let product = seeds.get(end.at) ?? 0;
  for (const edge of edges) product *= result.slopes[edge];
  return { output: end.at, edges, product };
}
