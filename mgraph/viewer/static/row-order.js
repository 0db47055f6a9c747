/** The order in which an epoch visits the rows, by SplitMix64: the formula is in docs/training.md. */

const GAMMA = 0x9e3779b97f4a7c15n;

/** @param {bigint} z */
const word = (z) => BigInt.asUintN(64, z);

/** @param {bigint} z a word */
function mix(z) {
  z = word((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = word((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

/**
 * Return the numbers of the rows in the order of an epoch.
 * @param {bigint} seed
 * @param {number} epoch from 1
 * @param {number} count of rows
 */
export function orderOf(seed, epoch, count) {
  const start = mix(word(seed + BigInt(epoch) * GAMMA));
  const keys = BigUint64Array.from({ length: count }, (_, i) => mix(word(start + BigInt(i) * GAMMA)));
  return Uint32Array.from(keys.keys()).sort((i, k) => (keys[i] < keys[k] ? -1 : keys[i] > keys[k] ? 1 : i - k));
}
