/** The primitives that rows of the table call: arithmetic that answers as IEEE 754 and C do. */

/**
 * Raise a to the power b. JavaScript says NaN where C says 1: at 1 to the NaN and ±1 to ±inf.
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
