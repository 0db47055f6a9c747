/** A run in steps, as in `mgraph step`: forward node by node, then the seed, then backward. */

/** @typedef {import("./graph.js").Graph} Graph */
/** @typedef {import("./engine.js").Result} Result */

/**
 * What happens in one step.
 * @typedef {{kind: "start" | "forward" | "seed" | "backward" | "done", node: number}} Step
 */

/**
 * The steps of one result: a start, each node forward, the seed, some backward, and an end.
 * @typedef {object} Steps
 * @property {number} forward how many nodes get a value
 * @property {Uint32Array} backward the nodes that send gradients, in order
 * @property {number} last the number of the last step
 * @property {Uint32Array} settled the node after whose backward step each adjoint is complete
 */

/**
 * List the steps of a result.
 * @param {Graph} graph
 * @param {Result} result
 * @param {boolean} isComplete whether every input has a value; otherwise there is only the start
 * @returns {Steps}
 */
export function stepsOf(graph, result, isComplete) {
  const { count, first, args } = graph;
  const backward = [];
  const settled = new Uint32Array(count).fill(count);
  for (let i = count - 1; i >= 0; i--) {
    if (first[i] === first[i + 1] || !result.has[i]) continue;
    backward.push(i);
    for (let e = first[i]; e < first[i + 1]; e++) settled[args[e]] = i;
  }
  return {
    forward: count,
    backward: Uint32Array.from(backward),
    last: isComplete ? count + backward.length + 2 : 0,
    settled,
  };
}

/**
 * @param {Steps} steps
 * @param {number} at
 * @returns {Step}
 */
export function stepAt({ forward, backward }, at) {
  if (at <= 0) return { kind: "start", node: -1 };
  if (at <= forward) return { kind: "forward", node: at - 1 };
  if (at === forward + 1) return { kind: "seed", node: -1 };
  const k = at - forward - 2;
  return k < backward.length ? { kind: "backward", node: backward[k] } : { kind: "done", node: -1 };
}

/**
 * Return the sums of gradients as they are after a step, and which of them something has reached.
 * @param {Graph} graph
 * @param {Result} result
 * @param {Steps} steps
 * @param {Map<number, number>} seeds
 * @param {number} at
 * @returns {Accumulators}
 */
export function accumulators(graph, result, steps, seeds, at) {
  const sums = new Float64Array(graph.count);
  const has = new Uint8Array(graph.count);
  const done = Math.min(at - steps.forward - 1, steps.backward.length);
  if (done < 0) return { sums, has };
  for (const [node, seed] of seeds) {
    if (!result.has[node]) continue;
    sums[node] += seed;
    has[node] = 1;
  }
  for (let k = 0; k < done; k++) add(graph, result, steps.backward[k], sums, has);
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

/** @typedef {{sums: Float64Array, has: Uint8Array}} Accumulators */

/**
 * One contribution of a backward step.
 * @typedef {object} Contribution
 * @property {number} edge
 * @property {number} to
 * @property {number} upstream
 * @property {number} partial
 * @property {number} sent
 * @property {boolean} counts false for a const, which receives no gradient
 * @property {number} before the sum before it
 * @property {number} after
 * @property {boolean} first whether nothing was there before
 */

/**
 * Return what the node of a backward step sends to each of its arguments.
 * @param {Graph} graph
 * @param {Result} result
 * @param {Accumulators} before the step; they are brought forward
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
      edge: e, to, upstream: result.adjoints[node], partial: result.partials[e], sent: result.sent[e],
      counts, before: old, after: before.sums[to], first: isFirst,
    });
  }
  return all;
}
