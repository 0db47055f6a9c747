/**
 * Exact math: functions that give the double nearest to the exact result. This is a port of
 * mgraph/ops/exact, line by line; the bounds and thresholds are derived there.
 */
import { arcTangents, bitLength, keptFor, lnTwo, logarithms, nearestDouble, partsOf, piTo, powersOfTwo, quotientBelow, settled, shifted, sinesTo, squareRoot, twoOverRootPi, workingPrecision } from "./exact-integers.js";

/** @typedef {import("./exact-integers.js").Bounded} Bounded */

/**
 * Return a result with the sign of x.
 * @param {number} result
 * @param {number} x
 */
const signed = (result, x) => (x < 0 || Object.is(x, -0) ? -result : result);

const seriesOfExp = keptFor((q) => {
  const coefficients = [];
  for (let k = 0, factorial = 1n; 9 * k + bitLength(factorial) <= q + 1; k++, factorial *= BigInt(k)) coefficients.push((1n << BigInt(q)) / factorial);
  const log = lnTwo(q + 20);
  return { log, half: log >> 1n, coefficients: coefficients.reverse(), powers: powersOfTwo(q) };
});

/**
 * Return [n, k] with e^(t·2^-q) = n·2^(k - q).
 * @param {bigint} t
 * @param {number} q
 * @returns {[bigint, number]}
 */
function scaledExp(t, q) {
  const { log, half, coefficients, powers } = seriesOfExp(q);
  const by = BigInt(q);
  const all = (t << 28n) + half;
  const place = quotientBelow(all, log);
  const r = (all - place * log - half) >> 28n;
  const j = Number(place);
  let sum = 0n;
  for (const c of coefficients) sum = (sum * r >> by) + c;
  return [sum * powers[j & 255] >> by, j >> 8];
}

/** @param {number} x */
function exactExp(x) {
  if (!(x <= 709.79)) return x !== x ? x : Infinity;
  if (x < -745.14) return 0;
  if (Math.abs(x) <= 2 ** -54) return 1;
  const [m, e] = partsOf(x);
  return settled((p) => {
    const q = workingPrecision(p);
    const [n, k] = scaledExp(shifted(m, q + e), q);
    return [n, k - q, 256n];
  });
}

/** @param {number} x */
function exactExpm1(x) {
  if (!(x <= 709.79)) return x !== x ? x : Infinity;
  if (x < -37.5) return -1;
  if (Math.abs(x) <= 2 ** -54) return x;
  const [m, e] = partsOf(x);
  return settled((p) => {
    const q = workingPrecision(p + Math.max(0, -52 - e));
    const [n, k] = scaledExp(shifted(m, q + e), q);
    return [n - shifted(1n, q - k), k - q, 256n];
  });
}

/**
 * Return (e^x + sign·e^-x)/2.
 * @param {number} x positive
 * @param {bigint} sign
 */
function halfSum(x, sign) {
  if (x > 711) return Infinity;
  const [m, e] = partsOf(x);
  return settled((p) => {
    const q = workingPrecision(p + Math.max(0, -52 - e));
    const [n, k] = scaledExp(shifted(m, q + e), q);
    return [n + sign * ((1n << BigInt(2 * q)) / n >> BigInt(2 * k)), k - q - 1, 512n];
  });
}

/** @param {number} x */
const exactSinh = (x) => (x !== x || Math.abs(x) <= 2 ** -26 ? x : signed(halfSum(Math.abs(x), -1n), x));

/** @param {number} x */
const exactCosh = (x) => (x !== x ? x : Math.abs(x) <= 2 ** -27 ? 1 : halfSum(Math.abs(x), 1n));

/** @param {number} x */
function exactTanh(x) {
  if (x !== x || Math.abs(x) <= 2 ** -27) return x;
  if (Math.abs(x) > 19.1) return signed(1, x);
  const [m, e] = partsOf(Math.abs(x));
  return signed(settled((p) => {
    const q = workingPrecision(p + Math.max(0, -52 - e));
    const [n, k] = scaledExp(-shifted(m, q + e + 1), q);
    const [u, one] = [n >> BigInt(-k), 1n << BigInt(q)];
    return [((one - u) << BigInt(q)) / (one + u), -q, 512n];
  }), x);
}

/**
 * Return coefficients 1/k for odd k, with alternating signs or without, beginning with the last.
 * @param {number} q
 * @param {number} each how many bits a step of the series gives
 * @param {boolean} alternate
 */
function inversesOfOdd(q, each, alternate) {
  const list = [];
  for (let j = 0; j < Math.ceil(q / each); j++) list.push(shifted(1n, q) / BigInt(alternate && j & 1 ? -2 * j - 1 : 2 * j + 1));
  return list.reverse();
}

const seriesOfLog = keptFor((q) => inversesOfOdd(q, 17, false));

/**
 * Return the logarithm of n·2^e, not 1.
 * @param {number} p
 * @param {bigint} n
 * @param {number} e
 * @returns {Bounded}
 */
function logOf(p, n, e) {
  const b = bitLength(n) - 1;
  let i = (Number(n << 8n >> BigInt(b)) - 255) >> 1;
  e += b + (i >> 7);
  const [top, point] = [n << 7n, shifted(BigInt(128 + i), b)];
  const [above, below] = [top - point, top + point];
  i &= 127;
  const isNear = !e && !i;
  const q = workingPrecision(isNear ? p + bitLength(below) - bitLength(above) : p + 10);
  const by = BigInt(q);
  const whole = isNear ? 0n : logarithms(q)[i] + (BigInt(e) * lnTwo(q + 12) >> 12n);
  const z = (above << by) / below;
  const w = z * z >> by;
  let sum = 0n;
  for (const c of seriesOfLog(q)) sum = (sum * w >> by) + c;
  return [whole + (z * sum >> (by - 1n)), -q, 128n];
}

/** @param {number} x */
function exactLog(x) {
  if (!(x > 0 && x < Infinity)) return x === 0 ? -Infinity : x > 0 ? x : NaN;
  const [m, e] = partsOf(x);
  return x === 1 ? 0 : settled((p) => logOf(p, m, e));
}

/** @param {number} x */
function exactLog1p(x) {
  if (!(x > -1 && x < Infinity)) return x === -1 ? -Infinity : x > 0 ? x : NaN;
  if (Math.abs(x) <= 2 ** -54) return x;
  const [m, e] = partsOf(x);
  return settled((p) => (e >= 0 ? logOf(p, shifted(m, e) + 1n, 0) : logOf(p, m + shifted(1n, -e), e)));
}

const seriesOfSine = keptFor((q) => {
  const pairs = [];
  for (let j = 0, factorial = 1n; 18 * j + bitLength(factorial) <= q + 1; j++, factorial *= BigInt(2 * j * (2 * j - 1))) {
    const one = shifted(j & 1 ? -1n : 1n, q);
    pairs.push([one / (factorial * BigInt(2 * j + 1)), one / factorial]);
  }
  return { table: sinesTo(q), pairs: pairs.reverse() };
});

/**
 * Return the sine of x and that of x + π/2, in units of 2^-q, and q.
 * @param {number} p
 * @param {bigint} m
 * @param {number} e
 * @returns {[bigint, bigint, number]}
 */
function sineAndCosine(p, m, e) {
  const bits = e + 53;
  const q = workingPrecision(p + Math.max(0, 1 - bits));
  const wide = workingPrecision(q + Math.max(0, bits) + 2);
  const period = piTo(wide);
  const half = period >> 1n;
  const all = shifted(m, wide + e + 10) + half;
  const place = quotientBelow(all, period);
  const r = (all - place * period - half) >> BigInt(wide - q + 10);
  const by = BigInt(q);
  const w = r * r >> by;
  const { table, pairs } = seriesOfSine(q);
  let [s, c] = [0n, 0n];
  for (const [a, b] of pairs) {
    s = (s * w >> by) + a;
    c = (c * w >> by) + b;
  }
  s = r * s >> by;
  const j = Number(BigInt.asUintN(11, place));
  const turned = (/** @type {number} */ at) => (table[at] * c + table[at + 512] * s) >> by;
  return [turned(j), turned((j + 512) & 2047), q];
}

/** @param {number} x */
function exactSin(x) {
  if (Math.abs(x) <= 2 ** -26) return x;
  if (!Number.isFinite(x)) return NaN;
  const [m, e] = partsOf(x);
  return settled((p) => {
    const [s, , q] = sineAndCosine(p, m, e);
    return [s, -q, 128n];
  });
}

/** @param {number} x */
function exactCos(x) {
  if (Math.abs(x) <= 2 ** -27) return 1;
  if (!Number.isFinite(x)) return NaN;
  const [m, e] = partsOf(x);
  return settled((p) => {
    const [, c, q] = sineAndCosine(p, m, e);
    return [c, -q, 128n];
  });
}

/** @param {number} x */
function exactTan(x) {
  if (Math.abs(x) <= 2 ** -27) return x;
  if (!Number.isFinite(x)) return NaN;
  const [m, e] = partsOf(x);
  return settled((p) => {
    const [s, c, q] = sineAndCosine(p, m, e);
    if (c < 1024n && c > -1024n) return [0n, 0, 1n << 1100n];
    return [(s << BigInt(q)) / c, -q, 192n * ((1n << BigInt(2 * q)) / (c * c) + 1n)];
  });
}

const seriesOfAtan = keptFor((q) => inversesOfOdd(q, 16, true));

/**
 * Return the angle of the point (x, y), y ≥ 0; it is not 0.
 * @param {number} p
 * @param {bigint} y
 * @param {bigint} x
 * @returns {Bounded}
 */
function angleOf(p, y, x) {
  const across = x < 0n ? -x : x;
  const [a, b] = y < across ? [y, across] : [across, y];
  const q = workingPrecision(p + 2 + (y && y < x ? bitLength(b) - bitLength(a) : 0));
  const by = BigInt(q);
  const i = ((a << 8n) + b) / (2n * b);
  const z = (((a << 7n) - i * b) << by) / ((b << 7n) + i * a);
  const w = z * z >> by;
  let sum = 0n;
  for (const c of seriesOfAtan(q)) sum = (sum * w >> by) + c;
  let turn = arcTangents(q)[Number(i)] + (z * sum >> by);
  if (y > across) turn = piTo(q - 1) - turn;
  return [x >= 0n ? turn : piTo(q) - turn, -q, 128n];
}

/**
 * Return whole coordinates in the direction of (x, y).
 * @param {number} y
 * @param {number} x
 */
function pointOf(y, x) {
  const [[m, e], [n, f]] = [partsOf(y), partsOf(x)];
  return [shifted(m, Math.max(0, e - f)), shifted(n, Math.max(0, f - e))];
}

/** @param {number} x */
function exactAtan(x) {
  if (x !== x || Math.abs(x) <= 2 ** -27) return x;
  if (Math.abs(x) === Infinity) return signed(Math.PI / 2, x);
  const [a, b] = pointOf(Math.abs(x), 1);
  return signed(settled((p) => angleOf(p, a, b)), x);
}

/**
 * @param {number} y
 * @param {number} x
 */
function exactAtan2(y, x) {
  return x !== x || y !== y ? NaN : signed(upperAngle(Math.abs(y), x), y);
}

/**
 * Return the angle of the point (x, y), y ≥ 0.
 * @param {number} y
 * @param {number} x
 */
function upperAngle(y, x) {
  if (y === Infinity || Math.abs(x) === Infinity) [y, x] = [Number(y === Infinity), signed(Number(Math.abs(x) === Infinity), x)];
  if (!y) return signed(1, x) < 0 ? settled((p) => angleOf(p, 0n, -1n)) : 0;
  if (!x) return settled((p) => angleOf(p, 1n, 0n));
  const [a, b] = pointOf(y, x);
  return a << 54n < b ? tinyAngle(a, b) : settled((p) => angleOf(p, a, b));
}

/**
 * Return the angle whose tangent is a/b < 2^-54, rounded as a/b·(1 - 2^-110). This is no double and
 * no middle, so its quotient by integers rounds alike with a bit that says that something is left.
 * @param {bigint} a
 * @param {bigint} b
 */
function tinyAngle(a, b) {
  const by = bitLength(b) - bitLength(a) + 200;
  return nearestDouble((((a << 110n) - a) << BigInt(by - 110)) / b | 1n, -by);
}

/**
 * Return √(1 - x²), where x = m·2^e, in the unit in which x is m·2^(p + 64).
 * @param {number} p
 * @param {bigint} m
 * @param {number} e
 */
const legOf = (p, m, e) => squareRoot((shifted(1n, -2 * e) - m * m) << BigInt(2 * (p + 64)));

/** @param {number} x */
function exactAsin(x) {
  if (Math.abs(x) <= 2 ** -26) return x;
  if (!(Math.abs(x) <= 1)) return NaN;
  const [m, e] = partsOf(Math.abs(x));
  return signed(settled((p) => angleOf(p, shifted(m, p + 64), legOf(p, m, e))), x);
}

/** @param {number} x */
function exactAcos(x) {
  if (!(Math.abs(x) <= 1)) return NaN;
  if (x === 1) return 0;
  if (!x) return Math.PI / 2;
  const [m, e] = partsOf(x);
  return settled((p) => angleOf(p, legOf(p, m, e), shifted(m, p + 64)));
}

/**
 * @param {number} a
 * @param {number} b
 */
function exactPower(a, b) {
  if (b === 0 || a === 1) return 1;
  if (a !== a || b !== b) return NaN;
  const size = Math.abs(a);
  const isMinus = signed(1, a) < 0;
  const isOdd = Math.abs(b % 2) === 1;
  if (Math.abs(b) === Infinity || size === 0 || size === Infinity) {
    if (size === 1) return 1;
    const result = size > 1 === b > 0 ? Infinity : 0;
    return isMinus && isOdd ? -result : result;
  }
  if (isMinus && b !== Math.floor(b)) return NaN;
  return isMinus && isOdd ? -positivePower(size, b) : positivePower(size, b);
}

/**
 * @param {number} a
 * @param {number} b
 */
function positivePower(a, b) {
  if (b === 1) return a;
  if (b === 2) return a * a;
  if (a === 1 || Math.abs(b) <= 2 ** -64) return 1;
  if (Math.abs(b) >= 2 ** 64) return a > 1 === b > 0 ? Infinity : 0;
  const [[m, e], [n, f]] = [partsOf(a), partsOf(b)];
  const known = rationalPower(...oddPart(m, e), ...oddPart(n, f));
  if (known) return nearestDouble(...known);
  return settled((p) => {
    const q = workingPrecision(p);
    const [log, g] = logOf(q + Math.max(0, f + 53), m, e);
    const t = shifted(log * n, g + f + q);
    const whole = (t < 0n ? -t : t) >> BigInt(q);
    if (whole >= 1050n) return [1n, t > 0n ? 1100 : -1200, 0n];
    const [scaled, k] = scaledExp(t, q);
    return [scaled, k - q, 512n];
  });
}

/**
 * Return (m·2^e)^(n·2^f), not of 1, as [v, g], v·2^g, if it may be a double or a middle.
 * @param {bigint} m odd
 * @param {number} e
 * @param {bigint} n odd
 * @param {number} f
 * @returns {[bigint, number] | null}
 */
function rationalPower(m, e, n, f) {
  for (; f < 0; f++) {
    const root = squareRoot(m);
    if (e & 1 || root * root !== m) return null;
    [m, e] = [root, e >> 1];
  }
  const times = n << BigInt(f);
  if (m === 1n) return [1n, Math.max(-1200, Math.min(1200, e * Number(times)))];
  if (n < 0n || times > 34n) return null;
  const v = m ** times;
  return v < 1n << 54n ? [v, e * Number(times)] : null;
}

/**
 * @param {bigint} m
 * @param {number} e
 * @returns {[bigint, number]}
 */
function oddPart(m, e) {
  const zeros = bitLength(m & -m) - 1;
  return [m >> BigInt(zeros), e + zeros];
}

/** @param {number} x */
function exactErf(x) {
  if (!x) return x;
  if (Math.abs(x) >= 6) return signed(1, x);
  const [m, e] = partsOf(Math.abs(x));
  return signed(settled((p) => {
    const q = workingPrecision(p + 24);
    const by = BigInt(q);
    const z = shifted(m * m, q + 2 * e);
    const [n, k] = scaledExp(-z, q);
    let term = 1n << by;
    let total = term;
    let j = 0n;
    while (term) {
      j++;
      term = (term * z >> (by - 1n)) / (2n * j + 1n);
      total += term;
    }
    const factor = (n * total >> by) * twoOverRootPi(q) >> by;
    const error = (factor * 32n * (54n + (j + 1n) ** 2n) >> by) + 1n;
    return [factor * m, k - q + e, error * m];
  }), x);
}

/** Correctly rounded functions with the names of `ieee`, except those that every engine has. */
export const EXACT_FUNCTIONS = {
  power: exactPower,
  exp: exactExp,
  expm1: exactExpm1,
  log: exactLog,
  log1p: exactLog1p,
  sin: exactSin,
  cos: exactCos,
  tan: exactTan,
  asin: exactAsin,
  acos: exactAcos,
  atan: exactAtan,
  atan2: exactAtan2,
  sinh: exactSinh,
  cosh: exactCosh,
  tanh: exactTanh,
  erf: exactErf,
};
