/** Numbers: as files write them, as people read them, as people type them. */
import { BOX_DIGITS } from "./appearance.js";
import { SPECIAL } from "./constants.js";

/** @typedef {{rel?: number, abs?: number}} Tolerance */

const EXACT = 16; // with more digits before the point, Python's repr has an exponent
const TIE = 60; // digits; a double halfway between two shorter numbers has fewer

/**
 * Read a number of a node or run: a number, or the string for one that JSON lacks; else null.
 * @param {unknown} value
 * @param {boolean} bare whether NaN and infinities may be plain numbers, as in msgpack
 * @returns {number | null}
 */
export function numberFrom(value, bare) {
  if (typeof value === "number") return bare || Number.isFinite(value) ? value : null;
  return typeof value === "string" ? SPECIAL.get(value) ?? null : null;
}

/**
 * Write a double as JSON: the shortest text that reads back as it, never like an integer.
 * @param {number} x
 */
export function literal(x) {
  if (Number.isNaN(x)) return '"nan"';
  if (!Number.isFinite(x)) return x > 0 ? '"inf"' : '"-inf"';
  return exact(x);
}

/**
 * Write a double exactly, for people: the shortest text that reads back as it, like Python's repr.
 * @param {number} x
 */
export function exact(x) {
  if (!Number.isFinite(x)) return shown(x);
  const [mantissa, exponent] = Math.abs(x).toExponential().split("e");
  return signOf(x) + laidOut(mantissa.replace(".", ""), Number(exponent), EXACT);
}

/**
 * Write a double for people, like `number` in mgraph/appearance.py.
 * @param {number} x
 * @param {number} digits
 */
export function shown(x, digits = BOX_DIGITS) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  const [figures, exponent] = rounded(Math.abs(x), digits);
  return signOf(x) + laidOut(figures.replace(/(?!^)0+$/, ""), exponent, digits);
}

/**
 * Write a count as an ordinal: 1st, 2nd, 11th.
 * @param {number} n
 */
export const ordinal = (n) => n + (["th", "st", "nd", "rd"][n % 100 - n % 10 === 10 ? 0 : n % 10] ?? "th");

/** @param {number} x */
const signOf = (x) => (x < 0 || Object.is(x, -0) ? "-" : "");

/**
 * Round to some digits. Ties go to the even last digit; toExponential would round them up.
 * @param {number} x
 * @param {number} digits
 * @returns {[string, number]} the digits, and the exponent of the first
 */
function rounded(x, digits) {
  const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
  const figures = mantissa.replace(".", "");
  const last = Number(figures.at(-1));
  const [all, unrounded] = x.toExponential(TIE).split("e");
  const isTie = /^50*$/.test(all.replace(".", "").slice(digits)) && exponent === unrounded;
  return [isTie && last % 2 ? figures.slice(0, -1) + (last - 1) : figures, Number(exponent)];
}

/**
 * Write digits with a point or an exponent, as Python does.
 * @param {string} figures
 * @param {number} exponent of the first one
 * @param {number} most figures before the point
 */
function laidOut(figures, exponent, most) {
  if (exponent < -4 || exponent >= most) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    const rest = figures.length > 1 ? `.${figures.slice(1)}` : "";
    return `${figures[0]}${rest}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${figures}`;
  const whole = figures.padEnd(exponent + 1, "0");
  return `${whole.slice(0, exponent + 1)}.${whole.slice(exponent + 1) || "0"}`;
}

/**
 * Write a double in as many digits as there is room for.
 * @param {number} x
 * @param {number} room in characters
 */
export function squeezed(x, room) {
  let text = shown(x);
  for (let digits = BOX_DIGITS - 1; digits > 0 && text.length > room; digits--) text = shown(x, digits);
  return text;
}

/**
 * Write a factor of a product: in brackets if it starts with a sign.
 * @param {number} x
 * @param {number} digits
 */
export function factor(x, digits = BOX_DIGITS) {
  const text = shown(x, digits);
  return text.startsWith("-") ? `(${text})` : text;
}

const THOUSANDS = /(^|\D)[1-9]\d{0,2},\d{3}(?!\d)/; // 1,000 may be a thousand, or 1 with three decimals
const TYPED = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Read what somebody typed: a number, nan, inf, or a fraction such as 1/3; else null. A comma may be the decimal
 * point, unless it may also separate thousands.
 * @param {string} text
 * @returns {number | null}
 */
export function typed(text) {
  if (THOUSANDS.test(text)) return null;
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
 * Write a count with its noun.
 * @param {number | bigint} count
 * @param {string} noun
 */
export function counted(count, noun) {
  return `${count.toLocaleString("en-US")} ${noun}${BigInt(count) === 1n ? "" : "s"}`;
}
