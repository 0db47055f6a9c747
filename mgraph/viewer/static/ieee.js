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

export const ieee = {
  div: (/** @type {number} */ a, /** @type {number} */ b) => a / b,
  power,
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
};
