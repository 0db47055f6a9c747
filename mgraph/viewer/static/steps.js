/** A run as a film: leaves, then forward node by node, then the seed, then backward. */

/** @typedef {import("./read.js").Graph} Graph */
/** @typedef {import("./engine.js").Result} Result */

/**
 * What happens in one step.
 * @typedef {{kind: "leaves" | "forward" | "seed" | "backward" | "done", node: number}} Step
 */

/**
 * The film of one result.
 * @typedef {object} Film
 * @property {Uint32Array} forward the nodes computed, in order
 * @property {Uint32Array} backward the nodes that send gradients, in order
 * @property {number} last the number of the last step
 * @property {Uint32Array} settled the node after whose backward step each adjoint is complete
 */

/**
 * @param {Graph} graph
 * @param {Result} result
 * @returns {Film}
 */
export function filmOf(graph, result) {
  const { count, first, args } = graph;
  const forward = [];
  const backward = [];
  const settled = new Uint32Array(count).fill(count);
  for (let i = count - 1; i >= 0; i--) {
    if (first[i] === first[i + 1]) continue;
    forward.push(i);
    if (!result.has[i]) continue;
    backward.push(i);
    for (let e = first[i]; e < first[i + 1]; e++) settled[args[e]] = i;
  }
  return {
    forward: Uint32Array.from(forward.reverse()),
    backward: Uint32Array.from(backward),
    last: forward.length + backward.length + 2,
    settled,
  };
}

/**
 * @param {Film} film
 * @param {number} at
 * @returns {Step}
 */
export function stepAt({ forward, backward }, at) {
  if (at <= 0) return { kind: "leaves", node: -1 };
  if (at <= forward.length) return { kind: "forward", node: forward[at - 1] };
  if (at === forward.length + 1) return { kind: "seed", node: -1 };
  const k = at - forward.length - 2;
  return k < backward.length ? { kind: "backward", node: backward[k] } : { kind: "done", node: -1 };
}

/**
 * Return the accumulators as they are after a step.
 * @param {Graph} graph
 * @param {Result} result
 * @param {Film} film
 * @param {Map<number, number>} seeds
 * @param {number} at
 * @returns {{sums: Float64Array, has: Uint8Array}} and which of them something has reached
 */
export function accumulators(graph, result, film, seeds, at) {
  const sums = new Float64Array(graph.count);
  const has = new Uint8Array(graph.count);
  const done = Math.min(at - film.forward.length - 1, film.backward.length);
  if (done < 0) return { sums, has };
  for (const [node, seed] of seeds) {
    if (!result.has[node]) continue;
    sums[node] += seed;
    has[node] = 1;
  }
  for (let k = 0; k < done; k++) add(graph, result, film.backward[k], sums, has);
  return { sums, has };
}

/**
 * @param {Graph} graph
 * @param {Result} result
 * @param {number} node
 * @param {Float64Array} sums
 * @param {Uint8Array} has
 */
function add({ first, args }, result, node, sums, has) {
  for (let e = first[node]; e < first[node + 1]; e++) {
    if (!result.has[args[e]]) continue;
    sums[args[e]] += result.sent[e];
    has[args[e]] = 1;
  }
}

/**
 * One contribution of a backward step.
 * @typedef {object} Contribution
 * @property {number} edge
 * @property {number} to
 * @property {number} upstream
 * @property {number} slope
 * @property {number} sent
 * @property {boolean} counts false for a const, which receives no gradient
 * @property {number} before the accumulator
 * @property {number} after
 * @property {boolean} first whether nothing was there before
 */

/**
 * Return what the node of a backward step sends to each of its arguments.
 * @param {Graph} graph
 * @param {Result} result
 * @param {{sums: Float64Array, has: Uint8Array}} before accumulators before the step; are changed
 * @param {number} node
 * @returns {Contribution[]}
 */
export function contributions({ first, args }, result, before, node) {
  const all = [];
  for (let e = first[node]; e < first[node + 1]; e++) {
    const to = args[e];
    const counts = result.has[to] === 1;
    const old = before.sums[to];
    const isFirst = !before.has[to];
    if (counts) {
      before.sums[to] += result.sent[e];
      before.has[to] = 1;
    }
    all.push({
      edge: e, to, upstream: result.adjoints[node], slope: result.slopes[e], sent: result.sent[e],
      counts, before: old, after: before.sums[to], first: isFirst,
    });
  }
  return all;
}
