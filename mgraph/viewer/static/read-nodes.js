/** Reads nodes that are listed as objects into a graph. */
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
 * @param {boolean} bare whether NaN and infinities may be plain numbers, as in msgpack
 */
export function fromList(nodes, bare) {
  const list = arrayOf(nodes, "nodes");
  if (!list.length) throw new Refusal("output", "the graph has no nodes");
  const links = list.map((node) => (isObject(node) && Array.isArray(node.args) ? node.args.length : 0));
  const graph = blank(list.length, links.reduce((sum, count) => sum + count, 0));
  graph.ids = list.map((node) => /** @type {string} checked with its node */ (isObject(node) ? node.id : ""));
  graph.ids.forEach((id, i) => { if (!graph.index.has(id)) graph.index.set(id, i); });
  links.forEach((count, i) => (graph.first[i + 1] = graph.first[i] + count));
  list.forEach((node, i) => addNode(graph, node, i, bare));
  return graph;
}

/**
 * @param {Graph} graph
 * @param {Plain} node
 * @param {number} i
 * @param {boolean} bare
 */
function addNode(graph, node, i, bare) {
  if (!isObject(node)) throw new Refusal("type", "a node is not an object");
  knownOnly(node, FIELDS.node);
  required(node, ["id", "op"], "a node");
  const op = /** @type {string} checked with its field */ (node.op);
  if (!("data" in node) && isLeafOp(op) && op !== "input") throw new Refusal("leaf-data", `${quoted(node.id)} has no data`);
  graph.ops.push(op);
  for (const key of Object.keys(node)) addField(graph, node, key, i, bare);
}

/**
 * Check one field of a node, and add it to the graph.
 * @param {Graph} graph
 * @param {PlainObject} node
 * @param {string} key
 * @param {number} i
 * @param {boolean} bare
 */
function addField(graph, node, key, i, bare) {
  const value = node[key];
  const id = graph.ids[i];
  if (key === "id" && graph.index.get(checkedId(value)) !== i) {
    throw new Refusal("duplicate-id", `two nodes have the id ${quoted(value)}`);
  }
  if (key === "op") checkOp(id, value, "args" in node && !Array.isArray(node.args) ? -1 : graph.first[i + 1] - graph.first[i]);
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
 * @param {number} e its index in `args`
 */
function addArgument(graph, id, arg, e) {
  if (typeof arg !== "string") throw new Refusal("type", "an argument is not a string");
  const index = graph.index.get(arg);
  if (index === undefined) throw new Refusal("unknown-node", `${quoted(id)} uses ${quoted(arg)}, which is not a node`);
  graph.args[e] = index;
}
