/** Checks of plain data: its types, fields and sizes. */
import { isObject } from "./bytes.js";
import { ID, ID_IN_WORDS, LIMITS } from "./constants.js";
import { numberFrom } from "./numbers.js";
import { LEAVES, OPS } from "./ops.js";
import { Refusal, quoted } from "./refusal.js";

/** @typedef {import("./bytes.js").Plain} Plain */
/** @typedef {import("./bytes.js").PlainObject} PlainObject */

/**
 * @param {PlainObject} object
 * @param {string[]} known
 */
export function knownOnly(object, known) {
  for (const key of Object.keys(object)) {
    if (!known.includes(key)) throw unknownField(key);
  }
}

/** @param {string} key */
export const unknownField = (key) => new Refusal("unknown-field", `there is no field ${quoted(key)}`);

/**
 * @param {PlainObject} object
 * @param {string[]} keys
 * @param {string} who
 */
export function required(object, keys, who) {
  for (const key of keys) {
    if (!Object.hasOwn(object, key)) throw new Refusal("missing-field", `${who} has no “${key}”`);
  }
}

/**
 * @param {Plain} value
 * @param {string} what
 */
export function arrayOf(value, what) {
  if (!Array.isArray(value)) throw new Refusal("type", `“${what}” is not an array`);
  return value;
}

/**
 * @param {Plain} value
 * @param {string} what
 */
export function objectOf(value, what) {
  if (!isObject(value)) throw new Refusal("type", `“${what}” is not an object`);
  return value;
}

/**
 * Return a text of an object, checked; undefined if it has none.
 * @param {PlainObject} object
 * @param {string} key
 * @param {number} most bytes
 */
export function textOf(object, key, most) {
  if (!Object.hasOwn(object, key)) return undefined;
  return checkedText(object[key], key, most);
}

/**
 * @param {Plain} text
 * @param {string} what
 * @param {number} most bytes
 */
export function checkedText(text, what, most) {
  if (typeof text !== "string") throw new Refusal("type", `“${what}” is not a string`);
  if (text.length * 3 > most && new TextEncoder().encode(text).length > most) {
    throw new Refusal("limit", `“${what}” is longer than ${most.toLocaleString("en-US")} bytes`);
  }
  return text;
}

/** @param {Plain} meta */
export function checkMeta(meta) {
  for (const item of within(meta)) {
    if (typeof item === "string") checkedText(item, "meta", LIMITS.text);
    if (item instanceof Uint8Array) throw new Refusal("type", "a meta contains a byte string");
    if (typeof item === "number" && !Number.isFinite(item)) {
      throw new Refusal("number", "a number in meta is not finite");
    }
  }
}

/**
 * Yield a value and everything in it, keys too.
 * @param {Plain} value
 */
export function* within(value) {
  const todo = [value];
  while (todo.length) {
    const item = /** @type {Plain} */ (todo.pop());
    yield item;
    if (Array.isArray(item)) for (const inner of item) todo.push(inner);
    else if (isObject(item)) for (const pair of Object.entries(item)) todo.push(...pair);
  }
}

/** @param {Plain} id */
export function checkedId(id) {
  if (typeof id !== "string") throw new Refusal("type", "an id is not a string");
  if (!ID.test(id)) throw new Refusal("id", `${quoted(id)} can't be an id: expected ${ID_IN_WORDS}`);
  return id;
}

/**
 * @param {Plain} value
 * @param {boolean} bare whether NaN and infinities may be plain numbers, as in msgpack
 * @param {string} what
 */
export function checkedNumber(value, bare, what) {
  const number = numberFrom(value, bare);
  if (number === null) throw new Refusal("number", `${what} is not a number`);
  return number;
}

/** @param {string} op */
export const isLeafOp = (op) => LEAVES.includes(op);

/**
 * @param {string} id
 * @param {Plain} op
 * @param {number} count of arguments; -1 if that is not known
 */
export function checkOp(id, op, count) {
  if (typeof op !== "string") throw new Refusal("type", `the op of ${quoted(id)} is not a string`);
  const known = OPS.get(op);
  if (!known && !isLeafOp(op)) throw new Refusal("unknown-op", `${quoted(id)} uses op ${quoted(op)}`);
  if (count > LIMITS.args) throw new Refusal("limit", `${quoted(id)} has too many arguments`);
  if (count >= 0 && (known ? (known.fold ? !count : count !== known.inputs) : count)) {
    throw new Refusal("arity", `${quoted(id)} gives ${op} ${count} arguments`);
  }
}
