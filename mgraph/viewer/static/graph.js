/** The checked graph in memory: flat arrays in evaluation order. */
import { NEWER_RUN_FIELDS, VERSIONS } from "./constants.js";
import { Heap } from "./heap.js";
import { ordinal } from "./numbers.js";
import { Refusal, quoted } from "./refusal.js";

/** @typedef {import("./bytes.js").Plain} Plain */
/** @typedef {import("./numbers.js").Tolerance} Tolerance */

/**
 * A checked graph of N nodes in evaluation order.
 * @typedef {object} Graph
 * @property {number} count N
 * @property {string[]} ops of each node
 * @property {(import("./ops.js").Op | undefined)[]} entries of each node in the op table; undefined for leaves
 * @property {Uint32Array} first the arguments of node i are args[first[i]] up to args[first[i + 1]]
 * @property {Uint32Array} args
 * @property {Float64Array} data declared values of leaves
 * @property {Uint8Array} known 1 where a leaf has a declared value
 * @property {string[]} ids
 * @property {Map<string, number>} index
 * @property {number[]} outputs
 * @property {Uint32Array | null} order nodes as the file lists them; null: in evaluation order
 * @property {Map<number, string>} labels
 * @property {Map<number, string>} docs
 * @property {Map<number, Plain>} metas
 * @property {{$schema?: string, name?: string, doc?: string, meta?: Plain}} header
 * @property {Run[]} runs
 */

/**
 * Numbers of some nodes, ascending.
 * @typedef {{at: Uint32Array, value: Float64Array}} Numbers
 */

/**
 * The users of node i are node[first[i]] up to node[first[i + 1]], ascending, each once for each
 * time that it uses the node; `edge` has the entries of `args`.
 * @typedef {{first: Uint32Array, node: Uint32Array, edge: Uint32Array}} Users
 */

/**
 * @typedef {object} Run
 * @property {Map<string, number>} inputs
 * @property {Map<string, number>} seed
 * @property {Tolerance | undefined} tolerance
 * @property {string} origin
 * @property {string | undefined} graph the hash that it was recorded from
 * @property {string | undefined} math "exact" if its numbers have one right answer, bit for bit
 * @property {Numbers | null} data
 * @property {Numbers | null} grad
 */

/**
 * Make a graph with room for its nodes and arguments.
 * @param {number} count of nodes
 * @param {number} links how many arguments there are in all
 * @returns {Graph}
 */
export function blank(count, links) {
  return {
    count, ops: [], entries: [], first: new Uint32Array(count + 1), args: new Uint32Array(links),
    data: new Float64Array(count), known: new Uint8Array(count), ids: [], index: new Map(),
    outputs: [], order: null, labels: new Map(), docs: new Map(), metas: new Map(), header: {},
    runs: [],
  };
}

/**
 * Return the lowest version of the format that has all ops of a graph, and what its runs say.
 * @param {Graph} graph
 * @param {Run[]} runs
 */
export function versionOf({ entries }, runs) {
  const since = runs.some(({ math }) => math) ? NEWER_RUN_FIELDS.get("math") : undefined;
  return VERSIONS.findLast((version, i) =>
    !i || since === version || entries.some((op) => op?.since === version)) ?? "";
}

/** @param {Graph} graph */
export function indexIds(graph) {
  graph.ids.forEach((id, i) => graph.index.set(id, i));
  if (graph.index.size < graph.count) {
    const seen = new Set();
    const twice = graph.ids.find((id) => seen.size === seen.add(id).size);
    throw new Refusal("duplicate-id", `two nodes have the id ${quoted(twice)}`);
  }
}

/**
 * Return the node that a run names.
 * @param {Graph} graph
 * @param {string} id
 */
export function nodeOf(graph, id) {
  const node = graph.index.get(id);
  if (node === undefined) throw new Refusal("run-node", `a run names ${quoted(id)}, which is not a node`);
  return node;
}

/**
 * Bring a graph from file order to evaluation order: of all nodes whose arguments are done, the
 * earliest in the file goes next.
 * @param {Graph} graph
 * @returns {Graph}
 */
export function inOrder(graph) {
  const { count, first, args } = graph;
  let sorted = true;
  for (let i = 0; i < count && sorted; i++) {
    for (let e = first[i]; e < first[i + 1]; e++) sorted &&= args[e] < i;
  }
  if (sorted) return graph;
  const order = evaluationOrder(graph);
  if (order.length < count) throw new Refusal("cycle", "a node depends on itself");
  return reordered(graph, order);
}

/**
 * @param {Graph} graph in file order
 * @returns {number[]} positions in the file
 */
function evaluationOrder({ count, first, args }) {
  const users = usersOf(count, first, args);
  const waits = Uint32Array.from({ length: count }, (_, i) => first[i + 1] - first[i]);
  const ready = /** @type {Heap<number>} */ (new Heap((a, b) => a < b));
  for (let i = 0; i < count; i++) if (!waits[i]) ready.push(i);
  const order = [];
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    order.push(node);
    for (let u = users.first[node]; u < users.first[node + 1]; u++) {
      if (!--waits[users.node[u]]) ready.push(users.node[u]);
    }
  }
  return order;
}

/**
 * Say which operand an argument is, if its node has it more than once: “ as 1st operand”; else nothing.
 * @param {Graph} graph
 * @param {number} node
 * @param {number} edge
 */
export function asOperand({ first, args }, node, edge) {
  const own = args.subarray(first[node], first[node + 1]);
  const isTwice = own.indexOf(args[edge]) < own.lastIndexOf(args[edge]);
  return isTwice ? ` as ${ordinal(edge - first[node] + 1)} operand` : "";
}

/**
 * Return the users of every node.
 * @param {number} count
 * @param {Uint32Array} first
 * @param {Uint32Array} args
 * @returns {Users}
 */
export function usersOf(count, first, args) {
  const start = new Uint32Array(count + 1);
  for (const arg of args) start[arg + 1]++;
  for (let i = 0; i < count; i++) start[i + 1] += start[i];
  const next = start.slice();
  const node = new Uint32Array(args.length);
  const edge = new Uint32Array(args.length);
  for (let i = 0; i < count; i++) {
    for (let e = first[i]; e < first[i + 1]; e++) {
      const at = next[args[e]]++;
      node[at] = i;
      edge[at] = e;
    }
  }
  return { first: start, node, edge };
}

/**
 * @param {Graph} graph in file order
 * @param {number[]} order
 * @returns {Graph}
 */
function reordered(graph, order) {
  const position = new Uint32Array(graph.count);
  order.forEach((old, now) => (position[old] = now));
  const moved = blank(graph.count, graph.args.length);
  moved.order = position;
  moved.header = graph.header;
  moved.outputs = graph.outputs.map((node) => position[node]);
  order.forEach((old, now) => {
    const args = graph.args.subarray(graph.first[old], graph.first[old + 1]);
    moved.first[now + 1] = moved.first[now] + args.length;
    moved.args.set(args.map((arg) => position[arg]), moved.first[now]);
    moved.ops.push(graph.ops[old]);
    moved.ids.push(graph.ids[old]);
    moved.data[now] = graph.data[old];
    moved.known[now] = graph.known[old];
  });
  indexIds(moved);
  /** @type {<T>(texts: Map<number, T>) => Map<number, T>} */
  const shifted = (texts) => new Map(Array.from(texts, ([node, text]) => [position[node], text]));
  moved.labels = shifted(graph.labels);
  moved.docs = shifted(graph.docs);
  moved.metas = shifted(graph.metas);
  return moved;
}
