/** Runs a graph over many rows at once: each op is one loop over a block of rows. */
import { ExactSum } from "./sums.js";

/** @typedef {import("./graph.js").Graph} Graph */

const ROOM = 2 ** 20; // doubles for the values of a block
const LARGEST_BLOCK = 128;

/**
 * Mark the nodes that some nodes depend on, and these themselves.
 * @param {Graph} graph
 * @param {Iterable<number>} outputs
 */
export function neededFor({ count, first, args }, outputs) {
  const marks = new Uint8Array(count);
  for (const node of outputs) marks[node] = 1;
  for (let i = count - 1; i >= 0; i--) {
    for (let e = first[i]; marks[i] && e < first[i + 1]; e++) marks[args[e]] = 1;
  }
  return marks;
}

/** Some outputs of a graph as functions of its leaves, and the gradients of the first one. */
export class Batch {
  /**
   * @param {Graph} graph
   * @param {number[]} outputs
   * @param {number[]} trained the params whose gradients are wanted
   * @param {Iterable<number>} columns the leaves whose values differ from row to row
   */
  constructor(graph, outputs, trained, columns) {
    const needed = neededFor(graph, outputs);
    this.graph = graph;
    this.outputs = outputs;
    this.trained = trained;
    const varies = new Set(columns);
    this.columns = [...varies].filter((node) => needed[node]);
    const nodes = [...graph.ids.keys()].filter((node) => needed[node]);
    this.leaves = nodes.filter((node) => !graph.entries[node] && !varies.has(node));
    this.calls = nodes.filter((node) => graph.entries[node]);
    this.block = Math.max(1, Math.min(LARGEST_BLOCK, Math.floor(ROOM / graph.count)));
    this.sink = new Float64Array(this.block);
    this.primals = this.rowsFor(needed);
    this.adjoints = this.rowsFor(dependent(graph, trained, needed));
    this.sums = trained.map(() => new ExactSum());
  }

  /**
   * Return an array for each node that is marked, in one piece of memory; the others share one.
   * @param {Uint8Array} marks
   */
  rowsFor(marks) {
    const all = new Float64Array(this.block * marks.reduce((sum, mark) => sum + mark, 0));
    let at = 0;
    return Array.from(marks, (mark) => (mark ? all.subarray(at, (at += this.block)) : this.sink));
  }

  /**
   * Set the leaves that are the same in all rows.
   * @param {Float64Array} values by node
   */
  setLeaves(values) {
    for (const node of this.leaves) this.primals[node].fill(values[node]);
  }

  /**
   * Compute n rows.
   * @param {Map<number, Float64Array>} table the columns, by node
   * @param {Uint32Array | null} rows their numbers; null: as the table has them
   * @param {number} from the first of them
   * @param {number} n
   */
  forward(table, rows, from, n) {
    const { graph: { entries, first, args }, primals } = this;
    for (const node of this.columns) {
      const values = /** @type {Float64Array} */ (table.get(node));
      const into = primals[node];
      for (let i = 0; i < n; i++) into[i] = values[rows ? rows[from + i] : from + i];
    }
    for (const node of this.calls) {
      const op = /** @type {import("./ops.js").Op} */ (entries[node]);
      const at = first[node];
      const y = primals[node];
      const a = primals[args[at]];
      if (!op.fold) op.values(n, y, a, op.inputs === 1 ? a : primals[args[at + 1]]);
      else {
        y.set(a);
        for (let e = at + 1; e < first[node + 1]; e++) op.values(n, y, y, primals[args[e]]);
      }
    }
  }

  /**
   * Compute the adjoints of n rows after `forward`, and add those of the trained params to `sums`.
   * @param {number} n
   */
  backward(n) {
    const { graph: { entries, first, args }, primals, adjoints, sink } = this;
    for (const node of this.calls) adjoints[node].fill(0);
    for (const node of this.trained) adjoints[node].fill(0);
    adjoints[this.outputs[0]].fill(1);
    for (let k = this.calls.length - 1; k >= 0; k--) {
      const node = this.calls[k];
      const up = adjoints[node];
      if (up === sink) continue;
      const op = /** @type {import("./ops.js").Op} */ (entries[node]);
      const at = first[node];
      const y = primals[node];
      const [a, b] = [args[at], args[op.inputs === 1 ? at : at + 1]];
      if (!op.fold) op.sends(n, up, y, primals[a], primals[b], adjoints[a], adjoints[b]);
      else for (let e = at; e < first[node + 1]; e++) op.sends(n, up, y, primals[args[e]], y, adjoints[args[e]], sink);
    }
    this.trained.forEach((node, i) => this.sums[i].add(adjoints[node], n));
  }
}

/**
 * Mark the nodes that depend on some leaves, and these themselves.
 * @param {Graph} graph
 * @param {number[]} leaves
 * @param {Uint8Array} among marks of the nodes that count
 */
function dependent({ count, first, args }, leaves, among) {
  const marks = new Uint8Array(count);
  for (const node of leaves) marks[node] = among[node];
  for (let i = 0; i < count; i++) {
    for (let e = first[i]; among[i] && e < first[i + 1]; e++) if (marks[args[e]]) marks[i] = 1;
  }
  return marks;
}
