/** Numbers: as files spell them, as people read them, as people type them. */
import { SPECIAL } from "./constants.js";

/** @typedef {{rel?: number, abs?: number}} Tolerance */

/**
 * Read a number of a node or run: a number, or the string of one that JSON lacks; else null.
 * @param {unknown} value
 * @param {boolean} bare whether NaN and infinities may stand as they are, as in msgpack
 * @returns {number | null}
 */
export function numberFrom(value, bare) {
  if (typeof value === "number") return bare || Number.isFinite(value) ? value : null;
  return typeof value === "string" ? SPECIAL.get(value) ?? null : null;
}

/**
 * Spell a double as JSON: the shortest text that reads back to it, told from an integer.
 * @param {number} x
 */
export function literal(x) {
  if (Number.isNaN(x)) return '"nan"';
  if (!Number.isFinite(x)) return x > 0 ? '"inf"' : '"-inf"';
  return exact(x);
}

/**
 * Spell a double exactly, for people.
 * @param {number} x
 */
export function exact(x) {
  if (!Number.isFinite(x)) return shown(x);
  const text = Object.is(x, -0) ? "-0" : String(x);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/**
 * Spell a double for people, in a few digits and with a true minus sign.
 * @param {number} x
 * @param {number} digits
 */
export function shown(x, digits = 6) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return Object.is(x, -0) ? "−0" : "0";
  const size = Math.abs(x);
  const plain = size >= 1e-4 && size < 10 ** Math.max(digits, 5);
  return plain ? String(Number(x.toPrecision(digits))).replace(/-/g, "−") : scientific(x, digits - 2);
}

/**
 * @param {number} x
 * @param {number} digits
 */
function scientific(x, digits) {
  const text = x.toExponential(Math.max(0, digits - 1));
  return text.replace(/(\.\d*?)0+e/, "$1e").replace(".e", "e").replace("e+", "e").replace(/-/g, "−");
}

/**
 * Spell a double in as many digits as there is room for.
 * @param {number} x
 * @param {number} room in characters
 */
export function squeezed(x, room) {
  if (!Number.isFinite(x)) return shown(x);
  for (let digits = 6; digits > 0; digits--) {
    const text = [shown(x, digits), scientific(x, digits)].find((spelled) => spelled.length <= room);
    if (text) return text;
  }
  return scientific(x, 1);
}

/**
 * Spell a factor of a product: in brackets if it starts with a sign.
 * @param {number} x
 * @param {number} digits
 */
export function factor(x, digits = 6) {
  const text = shown(x, digits);
  return text.startsWith("−") ? `(${text})` : text;
}

const TYPED = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Read what somebody typed: a number, nan, inf, or a fraction such as 1/3; else null.
 * @param {string} text
 * @returns {number | null}
 */
export function typed(text) {
  const plain = text.trim().replace(/[−–]/g, "-").replace(/^(-?)∞$/, "$1inf").replace(",", ".");
  const special = SPECIAL.get(plain.toLowerCase());
  if (special !== undefined) return special;
  const parts = plain.split("/").map((part) => part.trim());
  if (parts.length > 2 || !parts.every((part) => TYPED.test(part))) return null;
  const [above, below] = parts.map(Number);
  const value = below === undefined ? above : above / below;
  return Number.isFinite(value) ? value : null;
}

/**
 * Whether a result counts as what is expected, by the format's rule.
 * @param {number} got
 * @param {number} want
 * @param {Tolerance} tolerance
 */
export function equal(got, want, tolerance) {
  if (Number.isNaN(got) || Number.isNaN(want)) return Number.isNaN(got) && Number.isNaN(want);
  if (Object.is(got, want)) return true;
  if (!Number.isFinite(got) || !Number.isFinite(want)) return false;
  const room = Math.max(tolerance.abs ?? 0, (tolerance.rel ?? 0) * Math.abs(want));
  return Math.abs(got - want) <= room;
}

/**
 * Spell a count with its noun.
 * @param {number | bigint} count
 * @param {string} noun
 */
export function counted(count, noun) {
  return `${count.toLocaleString("en-US")} ${noun}${BigInt(count) === 1n ? "" : "s"}`;
}
