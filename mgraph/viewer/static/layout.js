/** A layered layout: all arrows go one way, and long ones keep clear of the boxes. */

/** @typedef {import("./groups.js").Scene} Scene */
/** @typedef {{w: number, h: number}} Size */

/**
 * Where everything is drawn.
 * @typedef {object} Layout
 * @property {Float64Array} x of the middle of each item
 * @property {Float64Array} y
 * @property {[number, number][][]} bends of each link: points on its way, two for each level passed
 * @property {boolean} down whether arrows go down, else to the right
 * @property {{left: number, top: number, right: number, bottom: number}} bounds
 */

/**
 * Cells of the layers: the items, then the passages of long links through a layer.
 * @typedef {object} Cells
 * @property {number} count
 * @property {number[]} level
 * @property {number[]} breadth along the layer
 * @property {number[]} from pairs of cells in neighbouring layers
 * @property {number[]} to
 * @property {number[][]} through the passages of each link
 */

const BETWEEN_LAYERS = { across: 72, down: 54 };
const BETWEEN_ITEMS = 14;
const PASSAGE = 10;
const MOST_PASSAGES = 12_000;

/**
 * @param {Scene} scene
 * @param {Size[]} sizes of the items
 * @param {boolean} down
 * @returns {Layout}
 */
export function layOut(scene, sizes, down) {
  const level = levelsOf(scene);
  const breadths = sizes.map(({ w, h }) => (down ? w : h));
  const cells = cellsOf(scene, level, breadths);
  const near = neighbours(cells);
  const layers = sorted(cells, near, scene);
  const across = placed(cells, near, layers);
  const { along, thickness } = stacked(cells, sizes, down);
  return arranged(scene, sizes, cells, across, along, thickness, down);
}

/**
 * Return the level of each item: the longest path to it, or for a start the level before its first user.
 * @param {Scene} scene
 */
function levelsOf({ items, links }) {
  const level = new Array(items.length).fill(0);
  const order = [...items.keys()].sort((a, b) => items[a].key - items[b].key);
  const rank = new Uint32Array(items.length);
  order.forEach((item, i) => (rank[item] = i));
  const forward = links.filter(({ from, to }) => rank[from] < rank[to]);
  forward.sort((a, b) => rank[a.from] - rank[b.from]);
  for (const { from, to } of forward) level[to] = Math.max(level[to], level[from] + 1);
  const hasInput = new Uint8Array(items.length);
  for (const { to } of forward) hasInput[to] = 1;
  const nearest = new Array(items.length).fill(Infinity);
  for (const { from, to } of forward) nearest[from] = Math.min(nearest[from], level[to]);
  return level.map((own, i) => (!hasInput[i] && nearest[i] < Infinity ? nearest[i] - 1 : own));
}

/**
 * @param {Scene} scene
 * @param {number[]} level of the items
 * @param {number[]} breadths of the items
 * @returns {Cells}
 */
function cellsOf({ items, links }, level, breadths) {
  /** @type {Cells} */
  const cells = {
    count: items.length, level: level.slice(), breadth: breadths.slice(), from: [], to: [], through: [],
  };
  /**
   * The cells that links from each item pass through: they share their way.
   * @type {number[][]}
   */
  const passages = items.map(() => []);
  for (const { from, to } of links) {
    const way = [];
    const isLong = level[to] - level[from] > 1 && cells.count < items.length + MOST_PASSAGES;
    for (let l = level[from] + 1; isLong && l < level[to]; l++) {
      const known = passages[from][l - level[from] - 1];
      const cell = known ?? cells.count++;
      if (known === undefined) {
        cells.level.push(l);
        cells.breadth.push(PASSAGE);
        passages[from].push(cell);
        connect(cells, way.at(-1) ?? from, cell);
      }
      way.push(cell);
    }
    if (isLong || level[to] - level[from] === 1) connect(cells, way.at(-1) ?? from, to);
    cells.through.push(way);
  }
  return cells;
}

/**
 * @param {Cells} cells
 * @param {number} from
 * @param {number} to
 */
function connect(cells, from, to) {
  cells.from.push(from);
  cells.to.push(to);
}

/**
 * Return the neighbours of each cell in the layers before and after it, as flat lists.
 * @param {Cells} cells
 */
function neighbours({ count, from, to }) {
  const listed = (/** @type {number[]} */ of, /** @type {number[]} */ others) => {
    const first = new Uint32Array(count + 1);
    for (const cell of of) first[cell + 1]++;
    for (let i = 0; i < count; i++) first[i + 1] += first[i];
    const next = first.slice();
    const list = new Uint32Array(of.length);
    of.forEach((cell, k) => (list[next[cell]++] = others[k]));
    return { first, list };
  };
  return { before: listed(to, from), behind: listed(from, to) };
}

/** @typedef {ReturnType<typeof neighbours>} Neighbours */

/**
 * Order the cells of each layer by the positions of their neighbours, back and forth.
 * @param {Cells} cells
 * @param {Neighbours} near
 * @param {Scene} scene
 * @returns {number[][]}
 */
function sorted(cells, near, { items }) {
  let deepest = 0;
  for (const level of cells.level) deepest = Math.max(deepest, level);
  /** @type {number[][]} */
  let layers = Array.from({ length: deepest + 1 }, () => []);
  for (let cell = 0; cell < cells.count; cell++) layers[cells.level[cell]].push(cell);
  const key = (/** @type {number} */ cell) => items[cell]?.key ?? cell;
  const position = new Float64Array(cells.count);
  for (const layer of layers) {
    layer.sort((a, b) => key(a) - key(b));
    layer.forEach((cell, i) => (position[cell] = i));
  }
  const small = cells.count < 2000;
  let best = small ? crossings(layers, near, position) : 0;
  let kept = layers.map((layer) => layer.slice());
  for (let sweep = 0; sweep < (small ? 12 : 2); sweep++) {
    const forth = sweep % 2 === 0;
    const side = forth ? near.before : near.behind;
    const order = forth ? layers : layers.slice().reverse();
    for (const layer of order) sortLayer(layer, side, position);
    if (!small) continue;
    const count = crossings(layers, near, position);
    if (count >= best) continue;
    best = count;
    kept = layers.map((layer) => layer.slice());
  }
  return small ? kept : layers;
}

/**
 * @param {number[]} layer
 * @param {{first: Uint32Array, list: Uint32Array}} side
 * @param {Float64Array} position
 */
function sortLayer(layer, { first, list }, position) {
  const wishes = layer.map((cell) => {
    let sum = 0;
    for (let k = first[cell]; k < first[cell + 1]; k++) sum += position[list[k]];
    const count = first[cell + 1] - first[cell];
    return { cell, at: count ? sum / count : position[cell], was: position[cell] };
  });
  wishes.sort((a, b) => a.at - b.at || a.was - b.was);
  wishes.forEach(({ cell }, i) => (position[(layer[i] = cell)] = i));
}

/**
 * Count how often links between neighbouring layers cross.
 * @param {number[][]} layers
 * @param {Neighbours} near
 * @param {Float64Array} position
 */
function crossings(layers, { behind }, position) {
  let count = 0;
  for (const layer of layers) {
    const ends = [];
    for (const cell of layer) {
      const own = Array.from(behind.list.subarray(behind.first[cell], behind.first[cell + 1]), (to) => position[to]);
      for (const end of own.sort((a, b) => a - b)) ends.push(end);
    }
    count += inversions(ends);
  }
  return count;
}

/** @param {number[]} ends */
function inversions(ends) {
  const size = ends.length;
  let highest = 0;
  for (const end of ends) highest = Math.max(highest, end);
  const tree = new Uint32Array(highest + 2);
  let count = 0;
  for (let k = 0; k < size; k++) {
    let before = 0;
    for (let i = ends[k] + 1; i > 0; i -= i & -i) before += tree[i];
    count += k - before;
    for (let i = ends[k] + 1; i < tree.length; i += i & -i) tree[i]++;
  }
  return count;
}

/**
 * Place the cells of each layer as near to their neighbours as their order allows.
 * @param {Cells} cells
 * @param {Neighbours} near
 * @param {number[][]} layers
 * @returns {Float64Array} the middle of each cell, across
 */
function placed(cells, near, layers) {
  const across = new Float64Array(cells.count);
  for (const layer of layers) {
    const offsets = offsetsOf(cells, layer);
    const middle = (offsets.at(-1) ?? 0) / 2;
    layer.forEach((cell, i) => (across[cell] = offsets[i] - middle));
  }
  const sweeps = cells.count < 2000 ? 10 : 3;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const order = sweep % 2 ? layers.slice().reverse() : layers;
    for (const layer of order) alignLayer(cells, near, layer, across);
  }
  return across;
}

/**
 * Return the distances of the cells of a layer from its first one when they are packed tightly.
 * @param {Cells} cells
 * @param {number[]} layer
 */
function offsetsOf({ breadth }, layer) {
  const offsets = [0];
  for (let i = 1; i < layer.length; i++) {
    const gap = (breadth[layer[i - 1]] + breadth[layer[i]]) / 2 + BETWEEN_ITEMS;
    offsets.push(offsets[i - 1] + gap);
  }
  return offsets;
}

/**
 * Move cells close to where they would like to be, by least squares in a fixed order: neighbours that
 * would overlap form blocks that move as one.
 * @param {Cells} cells
 * @param {Neighbours} near
 * @param {number[]} layer
 * @param {Float64Array} across
 */
function alignLayer(cells, near, layer, across) {
  const offsets = offsetsOf(cells, layer);
  /** @type {{start: number, sum: number, weight: number}[]} */
  const blocks = [];
  layer.forEach((cell, i) => {
    const [wish, weight] = wishOf(near, cell, across);
    let block = { start: i, sum: (wish - offsets[i]) * weight, weight };
    for (let last = blocks.at(-1); last && last.sum / last.weight > block.sum / block.weight; last = blocks.at(-1)) {
      block = { start: last.start, sum: last.sum + block.sum, weight: last.weight + block.weight };
      blocks.pop();
    }
    blocks.push(block);
  });
  blocks.forEach(({ start, sum, weight }, b) => {
    const end = blocks[b + 1]?.start ?? layer.length;
    for (let i = start; i < end; i++) across[layer[i]] = sum / weight + offsets[i];
  });
}

/**
 * Return where a cell would like to be, and the weight of that wish.
 * @param {Neighbours} near
 * @param {number} cell
 * @param {Float64Array} across
 * @returns {[number, number]}
 */
function wishOf(near, cell, across) {
  let sum = 0;
  let count = 0;
  for (const { first, list } of [near.before, near.behind]) {
    for (let k = first[cell]; k < first[cell + 1]; k++) {
      sum += across[list[k]];
      count++;
    }
  }
  return count ? [sum / count, count] : [across[cell], 0.1];
}

/**
 * Put the layers one after the other.
 * @param {Cells} cells
 * @param {Size[]} sizes
 * @param {boolean} down
 */
function stacked({ level }, sizes, down) {
  /** @type {number[]} */
  const thickness = [];
  sizes.forEach(({ w, h }, item) => {
    thickness[level[item]] = Math.max(thickness[level[item]] ?? 0, down ? h : w);
  });
  const along = [];
  let at = 0;
  for (let l = 0; l < thickness.length; l++) {
    thickness[l] ??= 0;
    along.push(at + thickness[l] / 2);
    at += thickness[l] + (down ? BETWEEN_LAYERS.down : BETWEEN_LAYERS.across);
  }
  return { along, thickness };
}

/**
 * @param {Scene} scene
 * @param {Size[]} sizes
 * @param {Cells} cells
 * @param {Float64Array} across
 * @param {number[]} along
 * @param {number[]} thickness
 * @param {boolean} down
 * @returns {Layout}
 */
function arranged({ items }, sizes, cells, across, along, thickness, down) {
  const x = new Float64Array(items.length);
  const y = new Float64Array(items.length);
  const bounds = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  items.forEach((_, i) => {
    const at = along[cells.level[i]];
    [x[i], y[i]] = down ? [across[i], at] : [at, across[i]];
    bounds.left = Math.min(bounds.left, x[i] - sizes[i].w / 2);
    bounds.right = Math.max(bounds.right, x[i] + sizes[i].w / 2);
    bounds.top = Math.min(bounds.top, y[i] - sizes[i].h / 2);
    bounds.bottom = Math.max(bounds.bottom, y[i] + sizes[i].h / 2);
  });
  const bends = cells.through.map((way) => way.flatMap((cell) => {
    const l = cells.level[cell];
    const ends = [along[l] - thickness[l] / 2, along[l] + thickness[l] / 2];
    return ends.map((at) => /** @type {[number, number]} */ (down ? [across[cell], at] : [at, across[cell]]));
  }));
  return { x, y, bends, down, bounds };
}
