/** Explains a gradient by the paths from the seeded outputs to the node. */
import { usersOf } from "./graph.js";
import { Heap } from "./heap.js";

/** @typedef {import("./graph.js").Graph} Graph */
/** @typedef {import("./graph.js").Users} Users */
/** @typedef {import("./engine.js").Result} Result */

/**
 * @typedef {object} Path
 * @property {number} output
 * @property {number[]} edges entries of `args`, from the output to the node
 * @property {number} product of the seed and all partials
 */

/** @typedef {{count: bigint | null, paths: Path[]}} Explanation the count is null if it is huge */

const MOST_BITS = 4096;
const MOST_STEPS = 200_000;

/**
 * Explain the adjoint of a node.
 * @param {Graph} graph
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @param {number} node
 * @param {number} most how many paths to list, those with the largest products
 * @returns {Explanation}
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
 * Return the nodes from which gradient flows to a node, ascending, with the node itself.
 * @param {Graph} graph
 * @param {Result} result
 * @param {Users} users
 * @param {number} node
 */
function above(graph, result, users, node) {
  const marks = new Uint8Array(graph.count);
  const nodes = [];
  marks[node] = result.has[node];
  for (let i = node; i < graph.count; i++) {
    if (!marks[i]) continue;
    nodes.push(i);
    for (let u = users.first[i]; u < users.first[i + 1]; u++) {
      if (result.has[users.node[u]]) marks[users.node[u]] = 1;
    }
  }
  return nodes;
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

/**
 * The part of a path that has been walked from the node up: its last edge, and the part below it.
 * @typedef {{at: number, edge: number, below: Walk | null, size: number, rank: number}} Walk
 */

/**
 * Find the paths with the largest products, largest first. The best product that each walk can
 * still reach is known, so that only these paths are walked.
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @param {number[]} around
 * @param {Users} users
 * @param {number} node
 * @param {number} most
 * @returns {Path[]}
 */
function largest(result, seeds, around, users, node, most) {
  const best = bestAbove(result, seeds, around, users);
  // of equals the newest goes first, so that walks come to an end
  const queue = /** @type {Heap<Walk>} */ (new Heap((a, b) => a.rank >= b.rank));
  /** @type {Path[]} */
  const paths = [];
  const put = (/** @type {Walk} */ walk) => queue.push(walk);
  if (best.has(node)) put({ at: node, edge: -1, below: null, size: 0, rank: best.get(node) ?? 0 });
  for (let steps = 0; steps < MOST_STEPS && paths.length < most; steps++) {
    const walk = queue.pop();
    if (!walk) break;
    if (walk.edge === END) {
      paths.push(finished(walk, result, seeds));
      continue;
    }
    const seed = seeds.get(walk.at);
    if (seed !== undefined) put({ ...walk, edge: END, below: walk, rank: walk.size + sizeOf(seed) });
    for (let u = users.first[walk.at]; u < users.first[walk.at + 1]; u++) {
      const rest = best.get(users.node[u]);
      if (rest === undefined) continue;
      const size = walk.size + sizeOf(result.partials[users.edge[u]]);
      put({ at: users.node[u], edge: users.edge[u], below: walk, size, rank: size + rest });
    }
  }
  return paths;
}

const END = -2;

/** What each edge adds to a rank, so that of equal walks the longest goes on. */
const PROGRESS = 1e-6;

/**
 * Return what a factor adds to the logarithm of a product. NaN and infinities go first.
 * @param {number} factor
 */
const sizeOf = (factor) =>
  PROGRESS + (Number.isFinite(factor) ? Math.max(Math.log(Math.abs(factor)), -800) : 800);

/**
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @param {number[]} around
 * @param {Users} users
 * @returns {Map<number, number>} for each node the largest logarithm of seed times partials above it
 */
function bestAbove(result, seeds, around, users) {
  const best = new Map();
  for (let k = around.length - 1; k >= 0; k--) {
    const i = around[k];
    const seed = seeds.get(i);
    let size = seed === undefined ? -Infinity : sizeOf(seed);
    for (let u = users.first[i]; u < users.first[i + 1]; u++) {
      const rest = best.get(users.node[u]);
      if (rest !== undefined) size = Math.max(size, rest + sizeOf(result.partials[users.edge[u]]));
    }
    if (size > -Infinity) best.set(i, size);
  }
  return best;
}

/**
 * @param {Walk} end
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @returns {Path}
 */
function finished(end, result, seeds) {
  const edges = [];
  for (let walk = end.below; walk && walk.edge >= 0; walk = walk.below) edges.push(walk.edge);
  let product = seeds.get(end.at) ?? 0;
  for (const edge of edges) product *= result.partials[edge];
  return { output: end.at, edges, product };
}
