/** Reads packed nodes, one column per field, into a graph. */
import { arrayOf, checkMeta, checkOp, checkedId, checkedText, isLeafOp, knownOnly, objectOf, required } from "./checks.js";
import { FIELDS, LIMITS } from "./constants.js";
import { blank, indexIds } from "./graph.js";
import { OPS } from "./ops.js";
import { Refusal, quoted } from "./refusal.js";

/** @typedef {import("./bytes.js").Plain} Plain */
/** @typedef {import("./bytes.js").PlainObject} PlainObject */
/** @typedef {import("./graph.js").Graph} Graph */

/** @param {string} why */
export const badColumn = (why) => new Refusal("packed", `the packed nodes contradict themselves: ${why}`);

/**
 * Read little-endian numbers.
 * @param {Plain | undefined} bytes
 * @param {number} width 4: u32, 8: f64
 * @returns {number[]}
 */
export function column(bytes, width) {
  if (bytes === undefined) return [];
  if (!(bytes instanceof Uint8Array)) throw new Refusal("type", "a column is not a byte string");
  if (bytes.length % width) throw badColumn("the length of a column is not a multiple of its width");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = (/** @type {number} */ at) =>
    width === 4 ? view.getUint32(at, true) : view.getFloat64(at, true);
  return Array.from({ length: bytes.length / width }, (_, i) => read(i * width));
}

/**
 * @param {PlainObject} nodes
 */
export function fromPacked(nodes) {
  knownOnly(nodes, FIELDS.nodes);
  if (nodes.count === 0) throw new Refusal("output", "the graph has no nodes");
  required(nodes, ["count"], "the packed nodes");
  const { count, op = new Uint8Array(0), ops: table = [] } = nodes;
  if (typeof count !== "number" || !Number.isSafeInteger(count)) throw new Refusal("type", "“count” is not a whole number");
  if (count < 0) throw badColumn("“count” is negative");
  if (count > LIMITS.nodes) throw new Refusal("limit", "it has too many nodes");
  if (!(op instanceof Uint8Array)) throw new Refusal("type", "“op” is not a byte string");
  if (op.length !== count) throw badColumn("the length of “op” is not “count”");
  const ops = opTable(arrayOf(table, "ops"), op);
  const names = Array.from(op, (k) => ops[k]);
  const counts = packedCounts(names, column(nodes.arity, 4));
  const args = column(nodes.args, 4);
  const graph = blank(count, args.length);
  graph.ops = names;
  counts.forEach((links, i) => (graph.first[i + 1] = graph.first[i] + links));
  if (graph.first[count] !== args.length) throw badColumn("“args” has the wrong length");
  graph.args.set(args);
  names.forEach((name, i) => checkPackedNode(graph, name, counts[i], i));
  addPackedData(graph, nodes);
  graph.ids = packedIds(sparse(nodes.id, count), count);
  indexIds(graph);
  for (const [i, text] of sparse(nodes.label, count)) graph.labels.set(i, checkedText(text, "label", LIMITS.text));
  for (const [i, text] of sparse(nodes.doc, count)) graph.docs.set(i, checkedText(text, "doc", LIMITS.doc));
  for (const [i, meta] of sparse(nodes.meta, count)) {
    checkMeta(meta);
    graph.metas.set(i, meta);
  }
  return graph;
}

/**
 * Return the names of the ops, checked.
 * @param {Plain[]} names
 * @param {Uint8Array} op of each node, as an index
 */
function opTable(names, op) {
  /** @type {string[]} */
  const ops = [];
  for (const name of names) {
    if (typeof name !== "string") throw new Refusal("type", "“ops” has an item that is not a string");
    if (!OPS.has(name) && !isLeafOp(name)) throw new Refusal("unknown-op", `there is no op ${quoted(name)}`);
    if (ops.length && ops[ops.length - 1] >= name) throw badColumn("“ops” is not sorted");
    ops.push(name);
  }
  const used = new Set(op);
  if (used.size !== ops.length || Math.max(...used) >= ops.length) {
    throw badColumn("“op” and “ops” don't match");
  }
  return ops;
}

/**
 * @param {string[]} names
 * @param {number[]} stated
 */
function packedCounts(names, stated) {
  let next = 0;
  const counts = names.map((name) => {
    const op = OPS.get(name);
    return op ? (op.fold ? stated[next++] ?? 0 : op.inputs) : 0;
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
    if (graph.args[e] >= graph.count) throw new Refusal("unknown-node", "an argument is not a node");
    if (graph.args[e] >= i) throw new Refusal("cycle", "an argument comes after its user");
  }
}

/**
 * @param {Graph} graph
 * @param {PlainObject} nodes
 */
function addPackedData(graph, nodes) {
  const leaves = graph.ops.flatMap((name, i) => (isLeafOp(name) ? [i] : []));
  const data = column(nodes.data, 8);
  if (data.length !== leaves.length) throw badColumn("“data” has the wrong length");
  const has = nodes.has_data;
  if (has !== undefined) {
    if (!(has instanceof Uint8Array)) throw new Refusal("type", "“has_data” is not a byte string");
    if (has.length !== leaves.length || !has.includes(0) || has.some((flag) => flag > 1)) {
      throw badColumn("“has_data” is needless or malformed");
    }
  }
  leaves.forEach((node, k) => {
    graph.data[node] = data[k];
    graph.known[node] = has ? has[k] : 1;
    if (graph.known[node]) return;
    if (graph.ops[node] !== "input") throw new Refusal("leaf-data", `node ${node} has no data`);
    if (!Object.is(data[k], 0)) throw badColumn("a leaf has data, but “has_data” says that it has none");
  });
}

/**
 * Read a column of some nodes.
 * @param {Plain | undefined} given
 * @param {number} count of all nodes
 * @returns {Map<number, Plain>}
 */
export function sparse(given, count) {
  if (given === undefined) return new Map();
  const columns = objectOf(given, "a column");
  knownOnly(columns, FIELDS.sparse);
  const at = column(columns.at, 4);
  const values = "value" in columns ? arrayOf(columns.value, "value") : [];
  if (at.length !== values.length || (!at.length && Object.keys(columns).length)) throw badColumn("“at” and “value” don't match");
  checkPlaces(at, count);
  return new Map(at.map((node, i) => [node, values[i]]));
}

/**
 * @param {number[]} at
 * @param {number} count
 */
export function checkPlaces(at, count) {
  if (at.some((node, i) => node >= count || (i > 0 && at[i - 1] >= node))) {
    throw badColumn("“at” is out of range or doesn't ascend");
  }
}

/**
 * Return all ids: node i has the id ni, if it has no other.
 * @param {Map<number, Plain>} stated
 * @param {number} count
 */
function packedIds(stated, count) {
  const ids = Array.from({ length: count }, (_, i) => `n${i}`);
  for (const [i, id] of stated) {
    if (checkedId(id) === ids[i]) throw badColumn("a default id is written out");
    ids[i] = checkedId(id);
  }
  return ids;
}
