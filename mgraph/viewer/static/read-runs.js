/** Reads the runs of a file, and checks them against its graph. */
import { isObject } from "./bytes.js";
import { arrayOf, checkedNumber, knownOnly, objectOf, textOf } from "./checks.js";
import { EXACT_MATH, FIELDS, LIMITS, NEWER_RUN_FIELDS, VERSIONS } from "./constants.js";
import { nodeOf } from "./graph.js";
import { numberFrom } from "./numbers.js";
import { badColumn, checkPlaces, column } from "./read-columns.js";
import { Refusal, quoted } from "./refusal.js";

/** @typedef {import("./bytes.js").Plain} Plain */
/** @typedef {import("./graph.js").Graph} Graph */
/** @typedef {import("./graph.js").Numbers} Numbers */
/** @typedef {import("./graph.js").Run} Run */

/**
 * Refuse fields that the version which the file states does not have.
 * @param {Plain} runs
 * @param {number} version its index
 */
export function checkRunFields(runs, version) {
  for (const run of arrayOf(runs, "runs").filter(isObject)) {
    for (const [field, since] of NEWER_RUN_FIELDS) {
      if (Object.hasOwn(run, field) && VERSIONS.indexOf(since) > version) {
        throw new Refusal("unknown-field", `a run has ${quoted(field)}, which is of format ${since}`);
      }
    }
  }
}

/**
 * @param {Plain} runs
 * @param {Graph} graph
 * @param {boolean} bare whether NaN and infinities may be plain numbers, as in msgpack
 * @param {boolean} packed whether their numbers are columns
 * @returns {Run[]}
 */
export function runsFrom(runs, graph, bare, packed) {
  const all = arrayOf(runs, "runs");
  if (all.length > LIMITS.runs) throw new Refusal("limit", "it has too many runs");
  const asked = askedOf(graph);
  return all.map((item) => {
    const fields = objectOf(item, "a run");
    knownOnly(fields, FIELDS.run);
    const given = (/** @type {string} */ key) => (Object.hasOwn(fields, key) ? fields[key] : {});
    const read = (/** @type {string} */ key) => {
      if (!Object.hasOwn(fields, key)) return null;
      return packed ? packedNumbers(fields[key], graph) : namedNumbers(fields[key], graph, bare);
    };
    const run = {
      inputs: fewNumbers(given("inputs"), "inputs", bare),
      seed: seedFrom(given("seed"), bare),
      tolerance: Object.hasOwn(fields, "tolerance") ? toleranceFrom(fields.tolerance) : undefined,
      origin: textOf(fields, "origin", LIMITS.text) ?? "",
      graph: textOf(fields, "graph", LIMITS.text),
      math: mathFrom(fields),
      data: read("data"),
      grad: read("grad"),
    };
    checkQuestion(run, graph, asked);
    return run;
  });
}

/** @param {import("./bytes.js").PlainObject} fields */
function mathFrom(fields) {
  if (!Object.hasOwn(fields, "math")) return undefined;
  if (fields.math !== EXACT_MATH) throw new Refusal("type", `the math of a run is not “${EXACT_MATH}”`);
  return EXACT_MATH;
}

/**
 * @param {Plain} members
 * @param {string} what
 * @param {boolean} bare
 * @returns {Map<string, number>}
 */
function fewNumbers(members, what, bare) {
  return new Map(Object.entries(objectOf(members, what))
    .map(([id, value]) => [id, checkedNumber(value, bare, `the value of ${quoted(id)}`)]));
}

/**
 * @param {Plain} members
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

/**
 * @param {Plain} members
 * @returns {import("./numbers.js").Tolerance}
 */
function toleranceFrom(members) {
  const halves = objectOf(members, "tolerance");
  knownOnly(halves, FIELDS.tolerance);
  for (const half of Object.values(halves)) {
    if (typeof half !== "number" || !(half >= 0) || half === Infinity) {
      throw new Refusal("number", "a tolerance is negative or not finite");
    }
  }
  return { ...halves };
}

/**
 * @param {Plain} members
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
 * @param {Plain} members
 * @param {Graph} graph
 * @returns {Numbers}
 */
function packedNumbers(members, graph) {
  const columns = objectOf(members, "data");
  knownOnly(columns, FIELDS.sparse);
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
 * Return the outputs, and the inputs that each run must set: looked up once, for all runs.
 * @param {Graph} graph
 */
function askedOf({ count, ops, known, outputs }) {
  const unknown = [];
  for (let i = 0; i < count; i++) if (ops[i] === "input" && !known[i]) unknown.push(i);
  return { unknown, outputs: new Set(outputs) };
}

/**
 * Check what a run asks for: its inputs can be set, none is missing, and there is a seed.
 * @param {Run} run
 * @param {Graph} graph
 * @param {ReturnType<typeof askedOf>} asked
 */
function checkQuestion(run, graph, { unknown, outputs }) {
  for (const id of run.inputs.keys()) {
    if (!["input", "param"].includes(graph.ops[nodeOf(graph, id)])) {
      throw new Refusal("run-node", `a run sets ${quoted(id)}, which is neither an input nor a param`);
    }
  }
  for (const id of run.seed.keys()) {
    if (!outputs.has(nodeOf(graph, id))) {
      throw new Refusal("seed", `a run seeds ${quoted(id)}, which is not an output`);
    }
  }
  if (!run.seed.size && outputs.size > 1) {
    throw new Refusal("seed", "there are several outputs, and a run has no seed");
  }
  for (const i of unknown) {
    if (!run.inputs.has(graph.ids[i])) {
      throw new Refusal("unbound-input", `a run leaves ${quoted(graph.ids[i])} without a value`);
    }
  }
}
