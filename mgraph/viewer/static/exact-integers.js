/** Integers of any precision as doubles, and the constants of exact math: a port of mgraph/ops/exact. */

/**
 * (n, e, error): a real number within error·2^e of n·2^e.
 * @typedef {[bigint, number, bigint]} Bounded
 */

const VIEW = new DataView(new ArrayBuffer(8));
const FIRST_PRECISION = 80;
const SUBNORMAL_UNIT = -1074;

/** @param {number} e between -1022 and 1023 */
function powerOfTwo(e) {
  VIEW.setUint32(0, (e + 1023) << 20);
  VIEW.setUint32(4, 0);
  return VIEW.getFloat64(0);
}

/** @param {bigint} n */
export function bitLength(n) {
  const digits = (n < 0n ? -n : n).toString(16);
  return 4 * digits.length + 28 - Math.clz32(parseInt(digits[0], 16));
}

/**
 * Return n·2^by; rounded down if `by` is negative.
 * @param {bigint} n
 * @param {number} by
 */
export const shifted = (n, by) => n << BigInt(by);

/**
 * Return a/b, rounded down; b is positive.
 * @param {bigint} a
 * @param {bigint} b
 */
export function quotientBelow(a, b) {
  const quotient = a / b;
  return a < 0n && quotient * b !== a ? quotient - 1n : quotient;
}

/**
 * Return the double nearest to n·2^e: ties to even, subnormals and infinities as in IEEE 754.
 * `Number` rounds an integer correctly.
 * @param {bigint} n
 * @param {number} e
 */
export function nearestDouble(n, e) {
  if (!n) return 0;
  const bits = bitLength(n);
  const isSmall = bits + e < -1021;
  const drop = isSmall ? SUBNORMAL_UNIT - e : Math.max(0, bits - 200);
  if (drop > 0) {
    const by = BigInt(drop);
    const kept = n >> by;
    const rest = n - (kept << by);
    e += drop;
    if (!isSmall) n = rest ? kept | 1n : kept; // as before for rounding, since 200 bits are left
    else {
      const half = 1n << (by - 1n);
      n = rest > half || (rest === half && kept & 1n) ? kept + 1n : kept;
    }
  }
  let x = Number(n);
  for (; e > 900; e -= 900) x *= powerOfTwo(900);
  for (; e < -900; e += 900) x *= powerOfTwo(-900);
  return x * powerOfTwo(e);
}

/**
 * Return the double nearest to what a core computes, with a precision that is doubled until both
 * ends of the interval round to it.
 * @param {(p: number) => Bounded} core
 */
export function settled(core) {
  for (let p = FIRST_PRECISION; ; p += p) {
    const [n, e, error] = core(p);
    const low = nearestDouble(n - error, e);
    if (low === nearestDouble(n + error, e)) return low;
  }
}

/** @param {number} bits */
export const workingPrecision = (bits) => (bits + 31) & -32;

/**
 * Return [m, e] with x = m·2^e and 2^52 ≤ |m| < 2^53.
 * @param {number} x finite, and not zero
 * @returns {[bigint, number]}
 */
export function partsOf(x) {
  const isTiny = Math.abs(x) < 2 ** -1022;
  VIEW.setFloat64(0, isTiny ? x * 2 ** 54 : x);
  const high = VIEW.getUint32(0);
  const m = BigInt(((high & 0xfffff) | 0x100000) * 2 ** 32 + VIEW.getUint32(4));
  return [x < 0 ? -m : m, ((high >> 20) & 2047) - 1075 - (isTiny ? 54 : 0)];
}

/**
 * Keep what a function returns for each precision.
 * @template T
 * @param {(q: number) => T} make
 */
export function keptFor(make) {
  /** @type {Map<number, T>} */
  const known = new Map();
  return (/** @type {number} */ q) => {
    let value = known.get(q);
    if (value === undefined) known.set(q, (value = make(q)));
    return value;
  };
}

/** @param {number} q */
const guardFor = (q) => 41 + Math.floor(Math.log2(q));

/**
 * Return atan(a/b) for sign -1, or atanh(a/b) for sign 1.
 * @param {bigint} a
 * @param {bigint} b
 * @param {number} q
 * @param {number} sign
 */
function arcSeries(a, b, q, sign) {
  let total = 0n;
  let power = shifted(a, q) / b;
  for (let k = 1n; power; k += 2n) {
    total += sign > 0 || !(k & 2n) ? power / k : -(power / k);
    power = power * (a * a) / (b * b);
  }
  return total;
}

/** @param {bigint} n */
export function squareRoot(n) {
  if (!n) return n;
  let root = 1n << BigInt((bitLength(n) + 1) >> 1);
  for (;;) {
    const next = (root + n / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

export const lnTwo = keptFor((q) => {
  const g = q + guardFor(q);
  return (18n * arcSeries(1n, 26n, g, 1) - 2n * arcSeries(1n, 4801n, g, 1) + 8n * arcSeries(1n, 8749n, g, 1)) >> BigInt(g - q);
});

export const piTo = keptFor((q) => {
  const g = q + guardFor(q);
  return (16n * arcSeries(1n, 5n, g, -1) - 4n * arcSeries(1n, 239n, g, -1)) >> BigInt(g - q);
});

/** 2^(i/256). */
export const powersOfTwo = keptFor((q) => {
  const g = BigInt(q + guardFor(q));
  let root = 2n << g;
  for (let i = 0; i < 8; i++) root = squareRoot(root << g);
  const table = [];
  for (let i = 0, power = 1n << g; i < 256; i++, power = power * root >> g) table.push(power >> (g - BigInt(q)));
  return table;
});

/** ln(1 + i/128). */
export const logarithms = keptFor((q) => {
  const g = q + guardFor(q);
  const table = [0n];
  for (let i = 1; i < 128; i++) table.push(table[i - 1] + 2n * arcSeries(1n, BigInt(255 + 2 * i), g, 1));
  return table.map((x) => x >> BigInt(g - q));
});

/** atan(i/128). */
export const arcTangents = keptFor((q) => {
  const g = q + guardFor(q);
  const table = [0n];
  for (let i = 1; i <= 128; i++) table.push(table[i - 1] + arcSeries(128n, BigInt(128 * 128 + i * (i - 1)), g, -1));
  return table.map((x) => x >> BigInt(g - q));
});

/** sin(i·π/1024), for a turn and a quarter. */
export const sinesTo = keptFor((q) => {
  const g = q + guardFor(q);
  const [guard, by] = [BigInt(g - q), BigInt(g)];
  const [sine, cosine] = firstSines(g);
  const quarter = [];
  for (let i = 0, s = 0n, c = 1n << by; i <= 512; i++, [s, c] = [(s * cosine + c * sine) >> by, (c * cosine - s * sine) >> by]) quarter.push(s >> guard);
  const half = [...quarter, ...quarter.slice(1, 512).reverse()];
  return [...half, ...half.map((x) => -x), ...half.slice(0, 512)];
});

/**
 * Return the sine and the cosine of π/1024.
 * @param {number} q
 */
function firstSines(q) {
  const g = q + guardFor(q) - 40;
  const x = piTo(g) >> 10n;
  const sums = [0n, 0n];
  for (let k = 0, term = 1n << BigInt(g); term; k++, term = (term * x >> BigInt(g)) / BigInt(k)) sums[(k + 1) & 1] += k & 2 ? -term : term;
  return sums.map((sum) => sum >> BigInt(g - q));
}

export const twoOverRootPi = keptFor((q) => {
  const g = q + guardFor(q);
  return squareRoot((4n << BigInt(3 * g)) / piTo(g)) >> BigInt(g - q);
});
