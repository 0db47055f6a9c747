/** Matches the columns of a table with a graph: leaves get those of their name, targets the classes. */
import { MISSING } from "./constants.js";
import { Refusal, quoted } from "./refusal.js";

/** @typedef {import("./graph.js").Graph} Graph */
/** @typedef {import("./csv.js").Table} Table */

const NUMBER = /^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|inf|infinity)$/i;

/**
 * Rows for a graph.
 * @typedef {object} Rows
 * @property {number} count
 * @property {Map<number, Float64Array>} columns by leaf
 * @property {string} target the column of classes; "" without one
 * @property {string[]} classes
 * @property {string[]} others the columns that could be the classes
 * @property {string[]} standardized the inputs that are standardized as the file says
 */

/**
 * Match a table with a graph, as `mgraph train` does.
 * @param {Graph} graph
 * @param {Table} table
 * @param {number[]} trained params, which never get a column
 * @param {string | undefined} wanted the column of classes; undefined: the last one that fits
 * @returns {Rows}
 */
export function matchRows(graph, table, trained, wanted) {
  const { header, rows } = table;
  const moved = new Set(trained);
  const columns = new Map();
  /** @type {string[]} */
  const standardized = [];
  header.forEach((name, k) => {
    const node = graph.index.get(name);
    if (node === undefined || !["input", "param"].includes(graph.ops[node])) return;
    if (moved.has(node)) throw new Refusal("column", `the param ${quoted(name)} is trained, so that its values can't be a column: rename the column or leave it out`);
    const values = doublesOf(rows.map((row) => row[k]), name);
    const meta = /** @type {{standardized?: {mean: number, deviation: number}} | undefined} */ (graph.metas.get(node));
    const { mean, deviation } = meta?.standardized ?? { mean: 0, deviation: 0 };
    if (deviation) standardized.push(name);
    columns.set(node, deviation ? values.map((x) => (x - mean) / deviation) : values);
  });
  const targets = targetsOf(graph).some((node) => columns.has(node)) ? [] : targetsOf(graph);
  const isUnbound = (/** @type {number} */ node) => graph.ops[node] === "input" && !graph.known[node] && !columns.has(node);
  const checkBound = (/** @type {number[]} */ but) => {
    const unbound = graph.ids.findIndex((_, node) => isUnbound(node) && !but.includes(node));
    if (unbound >= 0) throw new Refusal("unbound-input", `the input ${quoted(graph.ids[unbound])} has neither a column nor a declared value; the columns are ${listed(header)}`);
  };
  checkBound(targets);
  const others = targets.length ? header.filter((name) => !graph.index.has(name)) : [];
  const cellsOf = (/** @type {string} */ name) => rows.map((row) => row[header.indexOf(name)]);
  const fits = (/** @type {string} */ name) => isBetween(new Set(cellsOf(name)).size, targets);
  const last = targets.some((node) => !graph.known[node]) ? others.at(-1) : undefined;
  const target = wanted ?? others.findLast(fits) ?? last ?? "";
  const classes = target ? setTargets(columns, graph, targets, cellsOf(target), target) : [];
  checkBound([]);
  if (!columns.size) throw new Refusal("column", `no column has the name of an input or param; the columns are ${listed(header)}`);
  return { count: rows.length, columns, target, classes, others, standardized };
}

/** @param {string[]} names */
const listed = (names) => names.slice(0, 5).map(quoted).join(", ") + (names.length > 5 ? " …" : "");

/**
 * @param {string[]} cells
 * @param {string} name of the column
 */
function doublesOf(cells, name) {
  return Float64Array.from(cells, (cell, row) => {
    const text = cell.trim();
    const value = Number(text.replace(/inf(inity)?$/i, "Infinity"));
    const isFit = NUMBER.test(text) && (Math.abs(value) < Infinity || /[in]/i.test(text));
    if (!isFit) throw new Refusal("number", `the column ${quoted(name)} is ${cell ? quoted(cell) : "empty"} in row ${row}, counted from 0: expected a number`);
    return value;
  });
}

/**
 * Return the inputs for classes: y1, y2 … if there are two of them, else y.
 * @param {Graph} graph
 */
export function targetsOf({ index, ops }) {
  const inputOf = (/** @type {string} */ id) => {
    const node = index.get(id);
    return node !== undefined && ops[node] === "input" ? [node] : [];
  };
  const several = [];
  for (let k = 1; inputOf(`y${k}`).length; k++) several.push(...inputOf(`y${k}`));
  return several.length > 1 ? several : inputOf("y");
}

/** @param {number[]} targets */
const mostClasses = (targets) => Math.max(2, targets.length);

/**
 * Whether targets can stand for so many classes.
 * @param {number} count
 * @param {number[]} targets
 */
const isBetween = (count, targets) => count >= 2 && count <= mostClasses(targets);

/**
 * Turn classes into columns of targets: 1 for the row's own class, 0 or -1 for the others.
 * @param {Map<number, Float64Array>} columns they are added to these
 * @param {Graph} graph
 * @param {number[]} targets
 * @param {string[]} cells
 * @param {string} name of the column
 * @returns {string[]} the classes
 */
function setTargets(columns, graph, targets, cells, name) {
  const row = cells.findIndex((cell) => MISSING.includes(cell.trim()));
  if (row >= 0) throw new Refusal("number", `the column ${quoted(name)} is ${cells[row] ? quoted(cells[row]) : "empty"} in row ${row}, counted from 0: expected a class`);
  const classes = sortedClasses([...new Set(cells)]);
  if (!isBetween(classes.length, targets)) {
    const most = mostClasses(targets);
    const ids = targets.map((node) => graph.ids[node]).join(", ");
    const hint = targets.length === 1 && classes.every(isNumber) ? `; for numbers, rename it to ${quoted(ids)}` : "";
    throw new Refusal("column", `the column ${quoted(name)} has ${classes.length} classes; the graph's ${ids} can be ${most === 2 ? "2" : `2 to ${most}`}${hint}`);
  }
  const off = offValue(graph, targets);
  targets.forEach((node, k) => {
    const own = classes[targets.length === 1 ? 1 : k];
    columns.set(node, Float64Array.from(cells, (cell) => (cell === own ? 1 : off)));
  });
  return classes;
}

/**
 * Return the target of a class that a row is not in: -1 for a hinge, a relu or max of 1 - y·score, else 0.
 * @param {Graph} graph
 * @param {number[]} targets
 */
function offValue(graph, targets) {
  const unsigned = (/** @type {number} */ node) => argsOf(graph, node, "neg")[0] ?? node;
  const isProduct = (/** @type {number} */ node) => argsOf(graph, unsigned(node), "mul").some((arg) => targets.includes(unsigned(arg)));
  const isMargin = (/** @type {number} */ node) => argsOf(graph, node, "sub add sum").some(isProduct);
  return graph.ids.some((_, node) => argsOf(graph, node, "relu max").some(isMargin)) ? -1 : 0;
}

/**
 * Return the arguments of a node that has one of some ops; of another one, none.
 * @param {Graph} graph
 * @param {number} node
 * @param {string} names of the ops
 */
export function argsOf({ ops, first, args }, node, names) {
  return names.split(" ").includes(ops[node]) ? [...args.subarray(first[node], first[node + 1])] : [];
}

/** @param {string} text */
const isNumber = (text) => NUMBER.test(text.trim());

/**
 * Sort classes: as numbers if all of them are numbers, else as Python sorts texts.
 * @param {string[]} classes
 */
function sortedClasses(classes) {
  if (classes.every(isNumber)) return classes.sort((a, b) => Number(a) - Number(b));
  return classes.sort((a, b) => {
    const [left, right] = [[...a], [...b]];
    const k = left.findIndex((c, i) => c !== right[i]);
    if (k < 0) return left.length - right.length;
    return (left[k].codePointAt(0) ?? 0) - (right[k]?.codePointAt(0) ?? 0);
  });
}
