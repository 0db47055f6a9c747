/** A document to a checked graph: flat arrays in evaluation order. Refuses the first fault. */
import { decode, pack } from "./bytes.js";
import { Heap } from "./heap.js";
import { numberFrom } from "./numbers.js";
import { LEAVES, OPS } from "./ops.js";
import { Refusal, quoted } from "./refusal.js";

/**
 * A checked graph of N nodes in evaluation order.
 * @typedef {object} Graph
 * @property {number} count N
 * @property {string[]} ops of each node
 * @property {any[]} rows of the table of ops; undefined for leaves
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
 * @property {Map<number, any>} metas
 * @property {Record<string, any>} header
 * @property {Run[]} runs
 */

/**
 * Numbers of some nodes.
 * @typedef {{at: Uint32Array, value: Float64Array}} Numbers
 */

/**
 * @typedef {object} Run
 * @property {Map<string, number>} inputs
 * @property {Map<string, number>} seed
 * @property {{rel?: number, abs?: number} | undefined} tolerance
 * @property {string} origin
 * @property {string | undefined} graph the hash that it was recorded from
 * @property {Numbers | null} data
 * @property {Numbers | null} grad
 */

const FIELDS = {
  document: ["mgraph", "$schema", "name", "doc", "meta", "nodes", "outputs", "runs"],
  node: ["id", "op", "args", "data", "label", "doc", "meta"],
  run: ["inputs", "seed", "tolerance", "origin", "graph", "data", "grad"],
  tolerance: ["rel", "abs"],
  nodes: ["count", "ops", "op", "arity", "args", "data", "has_data", "id", "label", "doc", "meta"],
  sparse: ["at", "value"],
};
export const HEADER = ["$schema", "name", "doc", "meta"];
const ID = /^[A-Za-z_][A-Za-z0-9_./[\]-]{0,127}$/;
const MOST = { nodes: 10_000_000, text: 1024, doc: 65536, args: 65535, runs: 65535 };
const LARGEST_INTEGER = 2 ** 53;

/**
 * Read the bytes of a graph file.
 * @param {Uint8Array} bytes
 * @returns {Promise<Graph>}
 */
export async function readGraph(bytes) {
  const { document, binary, rounded } = decode(bytes);
  const graph = graphFrom(document, binary);
  if (rounded) checkIntegers([graph.header.meta, ...graph.metas.values()]);
  for (const run of graph.runs) {
    if (run.graph !== undefined && run.graph !== ((await hashOf(graph)) ?? run.graph)) {
      throw new Refusal("hash", "a run was recorded from another graph");
    }
  }
  return graph;
}

/**
 * Check plain data.
 * @param {any} document
 * @param {boolean} binary whether it came as msgpack
 * @returns {Graph}
 */
export function graphFrom(document, binary) {
  if (!isObject(document) || !Object.hasOwn(document, "mgraph")) {
    throw new Refusal("format", "it does not say that it is a graph file");
  }
  if (document.mgraph !== "1.0") {
    throw new Refusal("version", `it is of format ${quoted(document.mgraph)}; this page reads 1.0`);
  }
  if (!document.nodes || !document.outputs) knownOnly(document, FIELDS.document); // one may be misspelt
  required(document, ["nodes", "outputs"], "the document");
  const packed = binary && isObject(document.nodes);
  let graph = /** @type {Graph} */ (/** @type {unknown} */ (null));
  for (const key of Object.keys(document)) {
    if (!FIELDS.document.includes(key)) throw unknownField(key);
    if (key === "$schema" || key === "name") textOf(document, key, MOST.text);
    if (key === "doc") textOf(document, key, MOST.doc);
    if (key === "meta") checkMeta(document.meta);
    if (key === "nodes") graph = packed ? fromPacked(document.nodes) : fromRows(document.nodes, binary);
  }
  graph.header = Object.fromEntries(
    HEADER.filter((key) => Object.hasOwn(document, key)).map((key) => [key, document[key]]),
  );
  graph.outputs = outputsFrom(document.outputs, graph);
  const ordered = inOrder(graph);
  ordered.rows = ordered.ops.map((op) => OPS.get(op));
  ordered.runs = runsFrom("runs" in document ? document.runs : [], ordered, binary, packed);
  return ordered;
}

// --- shapes ---

/** @param {unknown} value */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    && !(value instanceof Uint8Array);
}

/**
 * @param {any} object
 * @param {string[]} known
 */
function knownOnly(object, known) {
  for (const key of Object.keys(object)) {
    if (!known.includes(key)) throw unknownField(key);
  }
}

/** @param {string} key */
const unknownField = (key) => new Refusal("unknown-field", `there is no field ${quoted(key)}`);

/**
 * @param {any} object
 * @param {string[]} keys
 * @param {string} who
 */
function required(object, keys, who) {
  for (const key of keys) {
    if (!Object.hasOwn(object, key)) throw new Refusal("missing-field", `${who} has no “${key}”`);
  }
}

/**
 * @param {any} value
 * @param {string} what
 * @returns {any[]}
 */
function arrayOf(value, what) {
  if (!Array.isArray(value)) throw new Refusal("type", `“${what}” is no array`);
  return value;
}

/**
 * @param {any} value
 * @param {string} what
 * @returns {any}
 */
function objectOf(value, what) {
  if (!isObject(value)) throw new Refusal("type", `“${what}” is no object`);
  return value;
}

/**
 * Return a text of an object, checked; undefined if it has none.
 * @param {any} object
 * @param {string} key
 * @param {number} most bytes
 * @returns {string | undefined}
 */
function textOf(object, key, most) {
  if (!Object.hasOwn(object, key)) return undefined;
  return checkedText(object[key], key, most);
}

/**
 * @param {any} text
 * @param {string} what
 * @param {number} most bytes
 */
function checkedText(text, what, most) {
  if (typeof text !== "string") throw new Refusal("type", `“${what}” is no text`);
  if (text.length * 3 > most && new TextEncoder().encode(text).length > most) {
    throw new Refusal("limit", `“${what}” is longer than ${most.toLocaleString("en-US")} bytes`);
  }
  return text;
}

/** @param {any} meta */
function checkMeta(meta) {
  for (const each of within(meta)) {
    if (typeof each === "string") checkedText(each, "meta", MOST.text);
    if (each instanceof Uint8Array) throw new Refusal("type", "a meta holds bytes");
    if (typeof each === "number" && !Number.isFinite(each)) {
      throw new Refusal("number", "a number in meta is not finite");
    }
  }
}

/**
 * Refuse integers that are not what the file says, once they are doubles.
 * @param {any[]} metas
 */
function checkIntegers(metas) {
  for (const each of within(metas)) {
    if (Number.isInteger(each) && Math.abs(each) >= LARGEST_INTEGER) {
      throw new Refusal("number", "an integer in meta is too large");
    }
  }
}

/**
 * Yield a value and all that is in it, keys too.
 * @param {any} value
 */
function* within(value) {
  const todo = [value];
  while (todo.length) {
    const each = todo.pop();
    yield each;
    if (Array.isArray(each)) for (const item of each) todo.push(item);
    else if (isObject(each)) for (const pair of Object.entries(each)) todo.push(...pair);
  }
}

/**
 * @param {any} id
 * @returns {string}
 */
function checkedId(id) {
  if (typeof id !== "string") throw new Refusal("type", "an id is no text");
  if (!ID.test(id)) throw new Refusal("id", `${quoted(id)} can't be an id`);
  return id;
}

/**
 * @param {any} value
 * @param {boolean} bare
 * @param {string} what
 * @returns {number}
 */
function checkedNumber(value, bare, what) {
  const number = numberFrom(value, bare);
  if (number === null) throw new Refusal("number", `${what} is no number`);
  return number;
}

/** @param {string} op */
const isLeafOp = (op) => LEAVES.includes(op);

/**
 * @param {string} id
 * @param {any} op
 * @param {number} count of arguments; -1 if that can't be told
 */
function checkOp(id, op, count) {
  if (typeof op !== "string") throw new Refusal("type", `the op of ${quoted(id)} is no text`);
  const row = OPS.get(op);
  if (!row && !isLeafOp(op)) throw new Refusal("unknown-op", `${quoted(id)} uses op ${quoted(op)}`);
  if (count > MOST.args) throw new Refusal("limit", `${quoted(id)} has too many arguments`);
  if (count >= 0 && (row ? (row.fold ? !count : count !== row.inputs) : count)) {
    throw new Refusal("arity", `${quoted(id)} gives ${op} ${count} arguments`);
  }
}

/**
 * Make an empty graph of so many nodes and arguments.
 * @param {number} count
 * @param {number} links
 * @returns {Graph}
 */
function blank(count, links) {
  return {
    count, ops: [], rows: [], first: new Uint32Array(count + 1), args: new Uint32Array(links),
    data: new Float64Array(count), known: new Uint8Array(count), ids: [], index: new Map(),
    outputs: [], order: null, labels: new Map(), docs: new Map(), metas: new Map(), header: {},
    runs: [],
  };
}

/** @param {Graph} graph */
function indexIds(graph) {
  graph.ids.forEach((id, i) => graph.index.set(id, i));
  if (graph.index.size < graph.count) {
    const seen = new Set();
    const twice = graph.ids.find((id) => seen.size === seen.add(id).size);
    throw new Refusal("duplicate-id", `two nodes have the id ${quoted(twice)}`);
  }
}

// --- rows ---

/**
 * @param {any} nodes
 * @param {boolean} bare
 */
function fromRows(nodes, bare) {
  const rows = arrayOf(nodes, "nodes");
  if (!rows.length) throw new Refusal("output", "the graph has no nodes");
  const links = rows.map((row) => (Array.isArray(row?.args) ? row.args.length : 0));
  const graph = blank(rows.length, links.reduce((sum, count) => sum + count, 0));
  graph.ids = rows.map((row) => row?.id);
  graph.ids.forEach((id, i) => { if (!graph.index.has(id)) graph.index.set(id, i); });
  links.forEach((count, i) => (graph.first[i + 1] = graph.first[i] + count));
  rows.forEach((row, i) => addRow(graph, row, i, bare));
  return graph;
}

/**
 * @param {Graph} graph
 * @param {any} row
 * @param {number} i
 * @param {boolean} bare
 */
function addRow(graph, row, i, bare) {
  if (!isObject(row)) throw new Refusal("type", "a node is no object");
  knownOnly(row, FIELDS.node);
  required(row, ["id", "op"], "a node");
  const { id, op } = row;
  if (!("data" in row) && isLeafOp(op) && op !== "input") throw new Refusal("leaf-data", `${quoted(id)} has no data`);
  graph.ops.push(op);
  for (const key of Object.keys(row)) addField(graph, row, key, i, bare);
}

/**
 * Check one field of a row, and take it over.
 * @param {Graph} graph
 * @param {any} row
 * @param {string} key
 * @param {number} i
 * @param {boolean} bare
 */
function addField(graph, row, key, i, bare) {
  const value = row[key];
  if (key === "id" && graph.index.get(checkedId(value)) !== i) {
    throw new Refusal("duplicate-id", `two nodes have the id ${quoted(value)}`);
  }
  if (key === "op") checkOp(row.id, value, "args" in row && !Array.isArray(row.args) ? -1 : graph.first[i + 1] - graph.first[i]);
  if (key === "args") arrayOf(value, key).forEach((arg, k) => addArgument(graph, row.id, arg, graph.first[i] + k));
  if (key === "data") {
    if (OPS.has(row.op)) throw new Refusal("leaf-data", `${quoted(row.id)} is no leaf and has data`);
    graph.data[i] = checkedNumber(value, bare, `the data of ${quoted(row.id)}`);
    graph.known[i] = 1;
  }
  if (key === "label") graph.labels.set(i, checkedText(value, key, MOST.text));
  if (key === "doc") graph.docs.set(i, checkedText(value, key, MOST.doc));
  if (key === "meta") {
    checkMeta(value);
    graph.metas.set(i, value);
  }
}

/**
 * @param {Graph} graph
 * @param {string} id of the user
 * @param {any} arg
 * @param {number} e
 */
function addArgument(graph, id, arg, e) {
  if (typeof arg !== "string") throw new Refusal("type", "an argument is no text");
  const node = graph.index.get(arg);
  if (node === undefined) throw new Refusal("unknown-node", `${quoted(id)} uses ${quoted(arg)}, which is no node`);
  graph.args[e] = node;
}

// --- packed columns ---

/** @param {string} why */
const badColumn = (why) => new Refusal("packed", `the packed nodes contradict themselves: ${why}`);

/**
 * Read little-endian numbers.
 * @param {any} bytes
 * @param {number} width 4: u32, 8: f64
 * @returns {number[]}
 */
function column(bytes, width) {
  if (bytes === undefined) return [];
  if (!(bytes instanceof Uint8Array)) throw new Refusal("type", "a column is no byte string");
  if (bytes.length % width) throw badColumn("a column has a broken length");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = (/** @type {number} */ at) =>
    width === 4 ? view.getUint32(at, true) : view.getFloat64(at, true);
  return Array.from({ length: bytes.length / width }, (_, i) => read(i * width));
}

/**
 * @param {any} nodes
 * @returns {Graph}
 */
function fromPacked(nodes) {
  knownOnly(nodes, FIELDS.nodes);
  if (nodes.count === 0) throw new Refusal("output", "the graph has no nodes");
  required(nodes, ["count", "ops", "op"], "the packed nodes");
  const { count, ops, op } = nodes;
  if (!Number.isSafeInteger(count) || count < 0) throw new Refusal("type", "“count” is no count");
  if (count > MOST.nodes) throw new Refusal("limit", "it has more than 10,000,000 nodes");
  if (!(op instanceof Uint8Array)) throw new Refusal("type", "“op” is no byte string");
  if (op.length !== count) throw badColumn("“op” has another length than “count” says");
  checkOpTable(arrayOf(ops, "ops"), op);
  const names = Array.from(op, (place) => ops[place]);
  const counts = packedCounts(names, column(nodes.arity, 4));
  const args = column(nodes.args, 4);
  const graph = blank(count, args.length);
  graph.ops = names;
  counts.forEach((each, i) => (graph.first[i + 1] = graph.first[i] + each));
  if (graph.first[count] !== args.length) throw badColumn("“args” has the wrong length");
  graph.args.set(args);
  names.forEach((name, i) => checkPackedNode(graph, name, counts[i], i));
  addPackedData(graph, nodes);
  graph.ids = packedIds(sparse(nodes.id, count), count);
  indexIds(graph);
  for (const [i, text] of sparse(nodes.label, count)) graph.labels.set(i, checkedText(text, "label", MOST.text));
  for (const [i, text] of sparse(nodes.doc, count)) graph.docs.set(i, checkedText(text, "doc", MOST.doc));
  for (const [i, meta] of sparse(nodes.meta, count)) {
    checkMeta(meta);
    graph.metas.set(i, meta);
  }
  return graph;
}

/**
 * @param {any[]} ops
 * @param {Uint8Array} op
 */
function checkOpTable(ops, op) {
  for (const [i, name] of ops.entries()) {
    if (typeof name !== "string") throw new Refusal("type", "“ops” holds what is no text");
    if (!OPS.has(name) && !isLeafOp(name)) throw new Refusal("unknown-op", `there is no op ${quoted(name)}`);
    if (i && ops[i - 1] >= name) throw badColumn("“ops” is not sorted");
  }
  const used = new Set(op);
  if (used.size !== ops.length || Math.max(...used) >= ops.length) {
    throw badColumn("“op” and “ops” don't match");
  }
}

/**
 * @param {string[]} names
 * @param {number[]} stated
 */
function packedCounts(names, stated) {
  let next = 0;
  const counts = names.map((name) => {
    const row = OPS.get(name);
    return row ? (row.fold ? stated[next++] ?? 0 : row.inputs) : 0;
  });
  if (next !== stated.length) throw badColumn("“arity” has the wrong length");
  return counts;
}

/**
 * @param {Graph} graph
 * @param {string} name
 * @param {number} count
 * @param {number} i
 */
function checkPackedNode(graph, name, count, i) {
  checkOp(`node ${i}`, name, count);
  for (let e = graph.first[i]; e < graph.first[i + 1]; e++) {
    if (graph.args[e] >= graph.count) throw new Refusal("unknown-node", "an argument is no node");
    if (graph.args[e] >= i) throw new Refusal("cycle", "an argument doesn't stand before its user");
  }
}

/**
 * @param {Graph} graph
 * @param {any} nodes
 */
function addPackedData(graph, nodes) {
  const leaves = graph.ops.flatMap((name, i) => (isLeafOp(name) ? [i] : []));
  const data = column(nodes.data, 8);
  if (data.length !== leaves.length) throw badColumn("“data” has the wrong length");
  const has = nodes.has_data;
  if (has !== undefined) {
    if (!(has instanceof Uint8Array)) throw new Refusal("type", "“has_data” is no byte string");
    if (has.length !== leaves.length || !has.includes(0) || has.some((flag) => flag > 1)) {
      throw badColumn("“has_data” is idle or malformed");
    }
  }
  leaves.forEach((node, k) => {
    graph.data[node] = data[k];
    graph.known[node] = has ? has[k] : 1;
    if (graph.known[node]) return;
    if (graph.ops[node] !== "input") throw new Refusal("leaf-data", `node ${node} has no data`);
    if (!Object.is(data[k], 0)) throw badColumn("data where “has_data” says there is none");
  });
}

/**
 * Read a column of some nodes.
 * @param {any} given
 * @param {number} count
 * @returns {Map<number, any>}
 */
function sparse(given, count) {
  if (given === undefined) return new Map();
  knownOnly(objectOf(given, "a column"), FIELDS.sparse);
  required(given, FIELDS.sparse, "a column");
  const at = column(given.at, 4);
  const values = arrayOf(given.value, "value");
  if (!at.length || at.length !== values.length) throw badColumn("“at” and “value” don't match");
  checkPlaces(at, count);
  return new Map(at.map((node, i) => [node, values[i]]));
}

/**
 * @param {number[]} at
 * @param {number} count
 */
function checkPlaces(at, count) {
  if (at.some((node, i) => node >= count || (i > 0 && at[i - 1] >= node))) {
    throw badColumn("“at” is out of range or doesn't ascend");
  }
}

/**
 * @param {Map<number, any>} own
 * @param {number} count
 */
function packedIds(own, count) {
  for (const [i, id] of own) {
    if (checkedId(id) === `n${i}`) throw badColumn("a default id is written out");
  }
  return Array.from({ length: count }, (_, i) => own.get(i) ?? `n${i}`);
}

// --- the graph as a whole ---

/**
 * @param {any} names
 * @param {Graph} graph
 */
function outputsFrom(names, graph) {
  const outputs = arrayOf(names, "outputs").map((name) => {
    if (typeof name !== "string") throw new Refusal("type", "an output is no text");
    const node = graph.index.get(name);
    if (node === undefined) throw new Refusal("output", `the output ${quoted(name)} is no node`);
    return node;
  });
  if (!outputs.length) throw new Refusal("output", "the graph has no outputs");
  if (new Set(outputs).size < outputs.length) throw new Refusal("output", "an output stands there twice");
  return outputs;
}

/**
 * Bring a graph from file order to evaluation order: of all nodes whose arguments are done, the
 * one that stands earliest in the file goes next.
 * @param {Graph} graph
 * @returns {Graph}
 */
function inOrder(graph) {
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
 * @returns {number[]} places in the file
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
 * Return the users of every node, once for each time that they use it.
 * @param {number} count
 * @param {Uint32Array} first
 * @param {Uint32Array} args
 * @returns {{first: Uint32Array, node: Uint32Array, edge: Uint32Array}} in ascending order
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
      const place = next[args[e]]++;
      node[place] = i;
      edge[place] = e;
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
  const place = new Uint32Array(graph.count);
  order.forEach((old, now) => (place[old] = now));
  const moved = blank(graph.count, graph.args.length);
  moved.order = place;
  moved.header = graph.header;
  moved.outputs = graph.outputs.map((node) => place[node]);
  order.forEach((old, now) => {
    const args = graph.args.subarray(graph.first[old], graph.first[old + 1]);
    moved.first[now + 1] = moved.first[now] + args.length;
    moved.args.set(args.map((arg) => place[arg]), moved.first[now]);
    moved.ops.push(graph.ops[old]);
    moved.ids.push(graph.ids[old]);
    moved.data[now] = graph.data[old];
    moved.known[now] = graph.known[old];
  });
  indexIds(moved);
  for (const [from, to] of [[graph.labels, moved.labels], [graph.docs, moved.docs], [graph.metas, moved.metas]]) {
    for (const [node, text] of from) to.set(place[node], text);
  }
  return moved;
}

// --- runs ---

/**
 * @param {any} rows
 * @param {Graph} graph
 * @param {boolean} bare
 * @param {boolean} packed
 * @returns {Run[]}
 */
function runsFrom(rows, graph, bare, packed) {
  if (arrayOf(rows, "runs").length > MOST.runs) throw new Refusal("limit", "it has too many runs");
  return rows.map((/** @type {any} */ row) => {
    knownOnly(objectOf(row, "a run"), FIELDS.run);
    const read = (/** @type {string} */ key) => {
      if (!Object.hasOwn(row, key)) return null;
      return packed ? packedNumbers(row[key], graph) : namedNumbers(row[key], graph, bare);
    };
    const run = {
      inputs: fewNumbers(row.inputs ?? {}, "inputs", bare),
      seed: seedFrom(row.seed ?? {}, bare),
      tolerance: Object.hasOwn(row, "tolerance") ? toleranceFrom(row.tolerance) : undefined,
      origin: textOf(row, "origin", MOST.text) ?? "",
      graph: textOf(row, "graph", MOST.text),
      data: read("data"),
      grad: read("grad"),
    };
    checkQuestion(run, graph);
    return run;
  });
}

/**
 * @param {any} members
 * @param {string} what
 * @param {boolean} bare
 * @returns {Map<string, number>}
 */
function fewNumbers(members, what, bare) {
  return new Map(Object.entries(objectOf(members, what))
    .map(([id, value]) => [id, checkedNumber(value, bare, `the value of ${quoted(id)}`)]));
}

/**
 * @param {any} members
 * @param {boolean} bare
 */
function seedFrom(members, bare) {
  for (const [id, value] of Object.entries(objectOf(members, "seed"))) {
    const special = typeof value === "string" && numberFrom(value, true) !== null;
    if (special || (typeof value === "number" && !Number.isFinite(value))) {
      throw new Refusal(special || bare ? "seed" : "number", `the seed of ${quoted(id)} is not finite`);
    }
  }
  return fewNumbers(members, "seed", false);
}

/** @param {any} members */
function toleranceFrom(members) {
  knownOnly(objectOf(members, "tolerance"), FIELDS.tolerance);
  for (const half of Object.values(members)) {
    if (typeof half !== "number" || !(half >= 0) || half === Infinity) {
      throw new Refusal("number", "a tolerance is not finite, or negative");
    }
  }
  return { ...members };
}

/**
 * @param {any} members
 * @param {Graph} graph
 * @param {boolean} bare
 * @returns {Numbers}
 */
function namedNumbers(members, graph, bare) {
  const pairs = Object.entries(objectOf(members, "data")).map(([id, value]) => {
    const number = checkedNumber(value, bare, `the result of ${quoted(id)}`);
    return /** @type {[number, number]} */ ([nodeOf(graph, id), number]);
  });
  pairs.sort((a, b) => a[0] - b[0]);
  return {
    at: Uint32Array.from(pairs, ([node]) => node),
    value: Float64Array.from(pairs, ([, value]) => value),
  };
}

/**
 * @param {Graph} graph
 * @param {string} id
 */
function nodeOf(graph, id) {
  const node = graph.index.get(id);
  if (node === undefined) throw new Refusal("run-node", `a run names ${quoted(id)}, which is no node`);
  return node;
}

/**
 * @param {any} columns
 * @param {Graph} graph
 * @returns {Numbers}
 */
function packedNumbers(columns, graph) {
  knownOnly(objectOf(columns, "data"), FIELDS.sparse);
  const value = column(columns.value, 8);
  const everywhere = !("at" in columns) && "value" in columns;
  const at = everywhere ? Array.from({ length: graph.count }, (_, i) => i) : column(columns.at, 4);
  if (at.length !== value.length || (!at.length && Object.keys(columns).length)) {
    throw badColumn("“at” and “value” of a run don't match");
  }
  checkPlaces(at, graph.count);
  return { at: Uint32Array.from(at), value: Float64Array.from(value) };
}

/**
 * Check what a run asks: its inputs can be set, none is left out, and there is a seed.
 * @param {Run} run
 * @param {Graph} graph
 */
function checkQuestion(run, graph) {
  for (const id of run.inputs.keys()) {
    if (!["input", "param"].includes(graph.ops[nodeOf(graph, id)])) {
      throw new Refusal("run-node", `a run sets ${quoted(id)}, which is no input and no param`);
    }
  }
  for (const id of run.seed.keys()) {
    if (!graph.outputs.includes(nodeOf(graph, id))) {
      throw new Refusal("seed", `a run seeds ${quoted(id)}, which is no output`);
    }
  }
  if (!run.seed.size && graph.outputs.length > 1) {
    throw new Refusal("seed", "there are several outputs, and a run has no seed");
  }
  for (const [i, op] of graph.ops.entries()) {
    if (op === "input" && !graph.known[i] && !run.inputs.has(graph.ids[i])) {
      throw new Refusal("unbound-input", `a run leaves ${quoted(graph.ids[i])} without a value`);
    }
  }
}

// --- the hash ---

/** @type {WeakMap<Graph, Promise<string | null>>} */
const hashes = new WeakMap();

/**
 * Return the canonical hash of the declared graph; null where the browser has no SHA-256.
 * @param {Graph} graph
 */
export function hashOf(graph) {
  const known = hashes.get(graph) ?? hash(graph);
  hashes.set(graph, known);
  return known;
}

/** @param {Graph} graph */
async function hash(graph) {
  if (!globalThis.crypto?.subtle) return null;
  const bytes = pack({ nodes: packedNodes(graph), outputs: graph.outputs.map((i) => graph.ids[i]) });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {any} */ (bytes)));
  return `mgraph1-sha256:${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** @param {Graph} graph */
function packedNodes(graph) {
  const { count, ops, first, args, ids } = graph;
  const used = [...new Set(ops)].sort();
  const leaves = ops.flatMap((op, i) => (isLeafOp(op) ? [i] : []));
  const stated = ops.flatMap((op, i) => (OPS.get(op)?.fold ? [first[i + 1] - first[i]] : []));
  const own = ids.flatMap((id, i) => (id === `n${i}` ? [] : [i]));
  const known = Uint8Array.from(leaves, (i) => graph.known[i]);
  /** @type {Record<string, any>} */
  const columns = {
    count,
    ops: used,
    op: Uint8Array.from(ops, (op) => used.indexOf(op)),
    arity: little(stated, 4),
    args: little(args, 4),
    data: little(leaves.map((i) => graph.data[i]), 8),
    has_data: known.includes(0) ? known : new Uint8Array(0),
    id: own.length ? { at: little(own, 4), value: own.map((i) => ids[i]) } : new Uint8Array(0),
  };
  const full = Object.entries(columns).filter(([, each]) => !(each instanceof Uint8Array) || each.length);
  return Object.fromEntries(full);
}

/**
 * @param {ArrayLike<number>} numbers
 * @param {number} width 4: u32, 8: f64 with the one NaN
 */
function little(numbers, width) {
  const bytes = new Uint8Array(numbers.length * width);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < numbers.length; i++) {
    if (width === 4) view.setUint32(i * 4, numbers[i], true);
    else if (Number.isNaN(numbers[i])) view.setBigUint64(i * 8, 0x7ff8n << 48n, true);
    else view.setFloat64(i * 8, numbers[i], true);
  }
  return bytes;
}
