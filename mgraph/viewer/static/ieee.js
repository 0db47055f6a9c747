/** The functions that the op table calls: arithmetic by IEEE 754, as in C. */

/**
 * Raise a to the power b. Unlike JavaScript, C says 1 for 1 to the NaN and for ±1 to ±inf.
 * @param {number} a
 * @param {number} b
 */
function power(a, b) {
  if (a === 1 || (a === -1 && Math.abs(b) === Infinity)) return 1;
  return Math.pow(a, b);
}

/** The coefficients of x·zⁿ in erf x, where z = x·x; of x itself, one less. */
const SERIES = [0.12837916709551257];
for (let n = 1, c = -2 / Math.sqrt(Math.PI); n < 21; n++, c /= -n) SERIES[n] = c / (2 * n + 1);

/**
 * The error function. Below 1 it is the sum of its power series; above, 1 minus a sum of integrals
 * by the trapezoidal rule, with steps of a half. It is within 2 ulp of the exact result.
 *
 * Source: NIST, Digital Library of Mathematical Functions, 7.6.1; Matta and Reichel, Uniform
 * computation of the error function and other related functions, Math. Comp. 25 (1971).
 * @param {number} x
 */
function erf(x) {
  const z = x * x;
  if (z < 1) return x + x * SERIES.reduceRight((sum, c) => sum * z + c);
  if (!(z < 36)) return x === x ? Math.sign(x) : x;
  let sum = 0.5 / z;
  for (let n = 1; n < 13; n++) sum += Math.exp(-n * n / 4) / (n * n / 4 + z);
  const a = Math.abs(x);
  const rest = a * Math.exp(-z) / Math.PI * sum - 2 / Math.expm1(4 * Math.PI * a);
  return Math.sign(x) * (1 - rest);
}

export const ieee = {
  div: (/** @type {number} */ a, /** @type {number} */ b) => a / b,
  power,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  atan2: Math.atan2,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  erf,
};

const ownMath = { ...ieee };

/** @type {Partial<typeof ieee> | null} */
let exactMath = null;

/** @param {Partial<typeof ieee>} functions that are correctly rounded, for pages that have them */
export function bringExactMath(functions) {
  exactMath = functions;
}

/**
 * Let the op table call correctly rounded functions, if the page has them, or those of the browser.
 * @param {boolean} isWanted
 * @returns {boolean} whether it calls correctly rounded ones
 */
export function useExactMath(isWanted) {
  Object.assign(ieee, ownMath, isWanted ? exactMath : null);
  return isWanted && exactMath !== null;
}
