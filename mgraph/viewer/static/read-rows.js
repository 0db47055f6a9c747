/** Nodes in rows, one object per node, to a graph. */
import { isObject } from "./bytes.js";
import { arrayOf, checkMeta, checkOp, checkedId, checkedNumber, checkedText, isLeafOp, knownOnly, required } from "./checks.js";
import { FIELDS, LIMITS } from "./constants.js";
import { blank } from "./graph.js";
import { OPS } from "./ops.js";
import { Refusal, quoted } from "./refusal.js";

/** @typedef {import("./bytes.js").Plain} Plain */
/** @typedef {import("./bytes.js").PlainObject} PlainObject */
/** @typedef {import("./graph.js").Graph} Graph */

/**
 * @param {Plain} nodes
 * @param {boolean} bare whether NaN and infinities may stand as they are, as in msgpack
 */
export function fromRows(nodes, bare) {
  const rows = arrayOf(nodes, "nodes");
  if (!rows.length) throw new Refusal("output", "the graph has no nodes");
  const links = rows.map((row) => (isObject(row) && Array.isArray(row.args) ? row.args.length : 0));
  const graph = blank(rows.length, links.reduce((sum, count) => sum + count, 0));
  graph.ids = rows.map((row) => /** @type {string} checked with its row */ (isObject(row) ? row.id : ""));
  graph.ids.forEach((id, i) => { if (!graph.index.has(id)) graph.index.set(id, i); });
  links.forEach((count, i) => (graph.first[i + 1] = graph.first[i] + count));
  rows.forEach((row, i) => addRow(graph, row, i, bare));
  return graph;
}

/**
 * @param {Graph} graph
 * @param {Plain} row
 * @param {number} i
 * @param {boolean} bare
 */
function addRow(graph, row, i, bare) {
  if (!isObject(row)) throw new Refusal("type", "a node is not an object");
  knownOnly(row, FIELDS.node);
  required(row, ["id", "op"], "a node");
  const op = /** @type {string} checked with its field */ (row.op);
  if (!("data" in row) && isLeafOp(op) && op !== "input") throw new Refusal("leaf-data", `${quoted(row.id)} has no data`);
  graph.ops.push(op);
  for (const key of Object.keys(row)) addField(graph, row, key, i, bare);
}

/**
 * Check one field of a row, and take it over.
 * @param {Graph} graph
 * @param {PlainObject} row
 * @param {string} key
 * @param {number} i
 * @param {boolean} bare
 */
function addField(graph, row, key, i, bare) {
  const value = row[key];
  const id = graph.ids[i];
  if (key === "id" && graph.index.get(checkedId(value)) !== i) {
    throw new Refusal("duplicate-id", `two nodes have the id ${quoted(value)}`);
  }
  if (key === "op") checkOp(id, value, "args" in row && !Array.isArray(row.args) ? -1 : graph.first[i + 1] - graph.first[i]);
  if (key === "args") arrayOf(value, key).forEach((arg, k) => addArgument(graph, id, arg, graph.first[i] + k));
  if (key === "data") {
    if (OPS.has(graph.ops[i])) throw new Refusal("leaf-data", `${quoted(id)} is not a leaf, but has data`);
    graph.data[i] = checkedNumber(value, bare, `the data of ${quoted(id)}`);
    graph.known[i] = 1;
  }
  if (key === "label") graph.labels.set(i, checkedText(value, key, LIMITS.text));
  if (key === "doc") graph.docs.set(i, checkedText(value, key, LIMITS.doc));
  if (key === "meta") {
    checkMeta(value);
    graph.metas.set(i, value);
  }
}

/**
 * @param {Graph} graph
 * @param {string} id of the user
 * @param {Plain} arg
 * @param {number} e which entry of `args` it becomes
 */
function addArgument(graph, id, arg, e) {
  if (typeof arg !== "string") throw new Refusal("type", "an argument is not a string");
  const node = graph.index.get(arg);
  if (node === undefined) throw new Refusal("unknown-node", `${quoted(id)} uses ${quoted(arg)}, which is not a node`);
  graph.args[e] = node;
}
