/** A priority queue: the uppermost item comes out first. */

/** @template T */
export class Heap {
  /** @param {(a: T, b: T) => boolean} above whether a may stand above b */
  constructor(above) {
    this.above = above;
    /** @type {T[]} */
    this.items = [];
  }

  /** @param {T} item if `above` is true of equals, this one comes out before them */
  push(item) {
    const { items, above } = this;
    let at = items.length;
    while (at > 0 && above(item, items[(at - 1) >> 1])) {
      items[at] = items[(at - 1) >> 1];
      at = (at - 1) >> 1;
    }
    items[at] = item;
  }

  /** @returns {T | undefined} */
  pop() {
    const { items, above } = this;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || !items.length) return top;
    let at = 0;
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      if (child + 1 < items.length && !above(items[child], items[child + 1])) child++;
      if (above(last, items[child])) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = last;
    return top;
  }
}
