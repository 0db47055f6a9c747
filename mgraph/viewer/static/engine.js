/** Runs a graph forward and backward, by the formulas of the op table. */

/** @typedef {import("./graph.js").Graph} Graph */

/**
 * The result of running a graph.
 * @typedef {object} Result
 * @property {Float64Array} primals of all nodes
 * @property {Float64Array} adjoints of all nodes; 0 where there is none
 * @property {Uint8Array} has 1 for the nodes that have an adjoint
 * @property {Float64Array} partials one for each entry of `args`; 0 where nothing passes
 * @property {Float64Array} sent the contribution of each entry of `args`
 */

/**
 * Run a graph.
 * @param {Graph} graph
 * @param {Float64Array} leaves primals of the leaves, by node
 * @param {Map<number, number>} seeds adjoints of outputs, by node
 * @returns {Result}
 */
export function evaluate(graph, leaves, seeds) {
  const primals = forward(graph, leaves);
  const has = reached(graph, seeds.keys());
  const partials = new Float64Array(graph.args.length);
  const sent = new Float64Array(graph.args.length);
  const adjoints = new Float64Array(graph.count);
  const result = { primals, adjoints, has, partials, sent };
  for (const [node, seed] of seeds) if (has[node]) adjoints[node] += seed;
  // from the last node to the first: every user of i is done before i
  for (let i = graph.count - 1; i >= 0; i--) {
    const op = has[i] ? graph.entries[i] : undefined;
    if (op) sendBack(graph, op, i, result);
  }
  return result;
}

/**
 * @param {Graph} graph
 * @param {Float64Array} leaves
 */
function forward({ count, entries, first, args }, leaves) {
  const primals = leaves.slice();
  for (let i = 0; i < count; i++) {
    const op = entries[i];
    if (!op) continue;
    const at = first[i];
    if (op.fold) {
      let y = primals[args[at]];
      for (let e = at + 1; e < first[i + 1]; e++) y = op.value(y, primals[args[e]]);
      primals[i] = y;
    } else if (op.inputs === 1) {
      primals[i] = op.value(primals[args[at]]);
    } else {
      primals[i] = op.value(primals[args[at]], primals[args[at + 1]]);
    }
  }
  return primals;
}

/**
 * Mark the nodes that have an adjoint: the seeded ones and all that these depend on, except consts.
 * @param {Graph} graph
 * @param {Iterable<number>} seeded
 */
function reached({ count, ops, first, args }, seeded) {
  const has = new Uint8Array(count);
  for (const node of seeded) has[node] = ops[node] === "const" ? 0 : 1;
  for (let i = count - 1; i >= 0; i--) {
    if (!has[i]) continue;
    for (let e = first[i]; e < first[i + 1]; e++) if (ops[args[e]] !== "const") has[args[e]] = 1;
  }
  return has;
}

/**
 * Send the adjoint of one node to its arguments, in order.
 * @param {Graph} graph
 * @param {import("./ops.js").Op} op of the node
 * @param {number} i
 * @param {Result} result
 */
function sendBack({ first, args }, op, i, { primals, adjoints, has, partials, sent }) {
  const up = adjoints[i];
  const at = first[i];
  const own = op.fold
    ? op.partials(0, 0, 0)
    : op.inputs === 1
      ? op.partials(primals[args[at]], primals[i])
      : op.partials(primals[args[at]], primals[args[at + 1]], primals[i]);
  for (let e = at; e < first[i + 1]; e++) {
    partials[e] = own[op.fold ? 1 : e - at];
    sent[e] = up * partials[e];
    // added, because the argument may be used elsewhere, or twice by this op
    if (has[args[e]]) adjoints[args[e]] += sent[e];
  }
}
