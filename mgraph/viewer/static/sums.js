/** Exact sums of doubles, rounded once to the nearest, ties to even. */

const SMALL = 2 ** 1000; // sums of 2^24 such numbers are finite
const FRACTION = 52n;

const view = new DataView(new ArrayBuffer(8));

/**
 * Return a finite double as an integer, in units of the smallest positive double.
 * @param {number} x
 */
function integer(x) {
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> FRACTION) & 0x7ffn;
  const fraction = bits & ((1n << FRACTION) - 1n);
  const magnitude = exponent ? (fraction | (1n << FRACTION)) << (exponent - 1n) : fraction;
  return bits >> 63n ? -magnitude : magnitude;
}

/**
 * Round an integer in units of the smallest positive double.
 * @param {bigint} total
 */
function roundedTotal(total) {
  const size = total < 0n ? -total : total;
  const shift = Math.max(0, 4 * size.toString(16).length - 64);
  const kept = size >> BigInt(shift);
  // what is cut off lies below the last bit that counts: it only decides what would be a tie
  const isCut = kept << BigInt(shift) !== size;
  const value = Number(isCut ? kept | 1n : kept) * 2 ** (shift - 1074);
  return total < 0n ? -value : value;
}

/**
 * A sum that grows: `high` + `low` + `rest` is exact, in all but NaN and infinities. Almost always, two doubles hold
 * all its digits.
 *
 * Source: Møller's and Knuth's two-sum, which splits a + b into its nearest double and the error.
 */
export class ExactSum {
  high = 0;
  low = 0;
  rest = 0n;
  special = 0; // the sum of NaN and infinities

  clear() {
    this.high = 0;
    this.low = 0;
    this.rest = 0n;
    this.special = 0;
  }

  /**
   * Add the first n values of an array.
   * @param {Float64Array} values
   * @param {number} n
   */
  add(values, n) {
    let { high, low } = this;
    for (let i = 0; i < n; i++) {
      const x = values[i];
      if (!(Math.abs(x) < SMALL)) {
        this.addLarge(x);
        continue;
      }
      const sum = high + x;
      let part = sum - high;
      const error = high - (sum - part) + (x - part);
      const errors = low + error;
      part = errors - low;
      const left = low - (errors - part) + (error - part);
      high = sum;
      low = errors;
      if (left !== 0) this.rest += integer(left);
    }
    this.high = high;
    this.low = low;
  }

  /** @param {number} x a large number, NaN or an infinity */
  addLarge(x) {
    if (Number.isFinite(x)) this.rest += integer(x);
    else this.special += x;
  }

  /** The sum, rounded once. */
  get value() {
    if (this.special !== 0) return this.special;
    if (this.rest === 0n) return this.high + this.low;
    return roundedTotal(this.rest + integer(this.high) + integer(this.low));
  }
}
