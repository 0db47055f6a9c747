/** Computes the canonical hash of a graph. */
import { pack } from "./bytes.js";
import { isLeafOp } from "./checks.js";
import { HASH_NAME } from "./constants.js";
import { OPS } from "./ops.js";

/** @typedef {import("./bytes.js").Packable} Packable */
/** @typedef {import("./graph.js").Graph} Graph */

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
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `${HASH_NAME}${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** @param {Graph} graph */
function packedNodes(graph) {
  const { count, ops, first, args, ids } = graph;
  const used = [...new Set(ops)].sort();
  const leaves = ops.flatMap((op, i) => (isLeafOp(op) ? [i] : []));
  const stated = ops.flatMap((op, i) => (OPS.get(op)?.fold ? [first[i + 1] - first[i]] : []));
  const own = ids.flatMap((id, i) => (id === `n${i}` ? [] : [i]));
  const known = Uint8Array.from(leaves, (i) => graph.known[i]);
  /** @type {Record<string, Packable>} */
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
  const full = Object.entries(columns).filter(([, bytes]) => !(bytes instanceof Uint8Array) || bytes.length);
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
