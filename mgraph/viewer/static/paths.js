/** Explains a gradient by the paths from the seeded outputs to the node. */
import { usersOf } from "./graph.js";

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
    paths: new Search(graph, result, seeds, around, users, most).run(node),
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
 * The first part of a path that is not listed yet; from its end the best way up goes on.
 * @typedef {object} Start
 * @property {number[]} ways entries of `users`, from the node up; only the first `kept` belong to it
 * @property {number} kept
 * @property {number} way the next one, or END
 * @property {number} size of the factors of the kept ways
 * @property {number} rank of the best path that starts like this
 */

const END = -1;

/**
 * A search for the paths with the largest products by Lawler's method. The best way up from each
 * node is known. Any other path leaves a path that is listed already at one of its nodes, and then
 * follows the best way, so each round lists one path, however many are equally large.
 */
class Search {
  /**
   * @param {Graph} graph
   * @param {Result} result
   * @param {Map<number, number>} seeds
   * @param {number[]} around
   * @param {Users} users
   * @param {number} room how many paths to list
   */
  constructor(graph, result, seeds, around, users, room) {
    this.result = result;
    this.seeds = seeds;
    this.users = users;
    this.room = room;
    const { ranks, best } = bestWays(graph, result, seeds, around, users);
    this.ranks = ranks;
    this.best = best;
    /** @type {Start[]} */
    this.waiting = [];
  }

  /**
   * Return the paths up from a node, largest first.
   * @param {number} node
   */
  run(node) {
    const paths = [];
    if (this.ranks[node] > -Infinity) this.offerAll(node, [], 0);
    for (let start = this.waiting.shift(); start; start = this.waiting.shift()) {
      this.room--;
      paths.push(this.follow(start, node));
    }
    return paths;
  }

  /**
   * Return the best path with a start, and offer those that leave it.
   * @param {Start} start
   * @param {number} at the node that it starts from
   * @returns {Path}
   */
  follow({ ways: shared, kept, way, size }, at) {
    const { users, best, result, seeds } = this;
    const ways = shared.slice(0, kept);
    if (kept) at = users.node[ways[kept - 1]];
    while (way !== END) {
      ways.push(way);
      size += sizeOf(result.partials[users.edge[way]]);
      at = users.node[way];
      way = best[at];
      this.offerAll(at, ways, size, way);
    }
    const edges = ways.map((each) => users.edge[each]).reverse();
    const product = edges.reduce((all, edge) => all * result.partials[edge], seeds.get(at) ?? 0);
    return { output: at, edges, product };
  }

  /**
   * Offer all ways up from a node.
   * @param {number} at
   * @param {number[]} ways that lead to it
   * @param {number} size
   * @param {number} [except] a way not to offer
   */
  offerAll(at, ways, size, except) {
    const { users, ranks, result, seeds } = this;
    const seed = seeds.get(at);
    if (seed !== undefined && except !== END) this.offer(ways, END, size, sizeOf(seed));
    for (let u = users.first[at]; u < users.first[at + 1]; u++) {
      const rest = ranks[users.node[u]];
      if (u !== except && rest > -Infinity) this.offer(ways, u, size, rest + sizeOf(result.partials[users.edge[u]]));
    }
  }

  /**
   * Keep a start if it is among the best.
   * @param {number[]} ways
   * @param {number} way
   * @param {number} size
   * @param {number} rest
   */
  offer(ways, way, size, rest) {
    const { waiting, room } = this;
    const rank = size + rest;
    const place = waiting.findIndex((other) => rank > other.rank);
    if (place < 0 && waiting.length >= room) return;
    waiting.splice(place < 0 ? waiting.length : place, 0, { ways, kept: ways.length, way, size, rank });
    if (waiting.length > room) waiting.pop();
  }
}

/** What a factor of 0, or one that is not finite, adds to a rank: more than all others together. */
const EXTREME = 1e9;

/**
 * Return what a factor adds to the logarithm of a product. NaN and infinities go first.
 * @param {number} factor
 */
const sizeOf = (factor) =>
  Number.isFinite(factor) ? Math.max(Math.log(Math.abs(factor)), -EXTREME) : EXTREME;

/**
 * Return for each node the largest logarithm of seed times partials above it, and the way to it.
 * @param {Graph} graph
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @param {number[]} around
 * @param {Users} users
 */
function bestWays({ count }, result, seeds, around, users) {
  const ranks = new Float64Array(count).fill(-Infinity);
  const best = new Int32Array(count).fill(END);
  for (let k = around.length - 1; k >= 0; k--) {
    const i = around[k];
    const seed = seeds.get(i);
    if (seed !== undefined) ranks[i] = sizeOf(seed);
    for (let u = users.first[i]; u < users.first[i + 1]; u++) {
      const rank = ranks[users.node[u]] + sizeOf(result.partials[users.edge[u]]);
      if (rank > ranks[i]) [ranks[i], best[i]] = [rank, u];
    }
  }
  return { ranks, best };
}
