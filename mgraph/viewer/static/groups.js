/** What is drawn: nodes, groups folded to one box each, or the surroundings of one node. */

/** @typedef {import("./graph.js").Graph} Graph */
/** @typedef {import("./graph.js").Users} Users */

/**
 * The groups that dots and slashes in ids make; each comes after the group that contains it.
 * @typedef {object} Groups
 * @property {string[]} path `layer1.neuron3`
 * @property {number[]} parent of each group; -1 at the top
 * @property {number[]} depth from 1
 * @property {number[]} size the number of nodes in it and in its inner groups
 * @property {number[]} last the last node in it
 * @property {Int32Array} of the innermost group of each node; -1: none
 */

/**
 * A box of the picture.
 * @typedef {object} Item
 * @property {number} node -1 for a group
 * @property {number} group -1 for a node
 * @property {number} key its position in the order of evaluation
 * @property {number} exit the only node of a group that others use; -1 if there are several
 * @property {number} hidden the number of neighbours that are not drawn
 */

/**
 * An arrow: one entry of `args`; or all entries between two boxes, if one of them is a group or the
 * user has very many arguments.
 * @typedef {object} Link
 * @property {number} from item
 * @property {number} to item
 * @property {number} edge the entry of `args`; -1 for several
 * @property {number} count
 * @property {number} port which argument of `to` it is
 * @property {number} ports how many arguments `to` has
 */

/**
 * @typedef {object} Scene
 * @property {Item[]} items
 * @property {Link[]} links
 * @property {Int32Array} itemOf the item of each node; -1: it is not drawn
 * @property {Map<number, number>} byEdge the link of an entry of `args`
 * @property {Map<number, number>} byPair the link that stands for all entries between two items
 */

const FOLD_ABOVE = 300;
const MOST_ITEMS = 1600;
const FOLDED_ITEMS = 120;
const SURROUNDINGS = 24;
const MOST_LINKS = 8000;
const MOST_PORTS = 64;

/**
 * @param {Graph} graph
 * @returns {Groups}
 */
export function groupsOf({ count, ids }) {
  /** @type {Groups} */
  const groups = { path: [], parent: [], depth: [], size: [], last: [], of: new Int32Array(count).fill(-1) };
  const known = new Map();
  for (let node = 0; node < count; node++) {
    let inner = -1;
    for (const match of ids[node].matchAll(/[./]/g)) {
      const path = ids[node].slice(0, match.index);
      inner = known.get(path) ?? addGroup(groups, path, inner);
      known.set(path, inner);
      groups.size[inner]++;
      groups.last[inner] = node;
    }
    groups.of[node] = inner;
  }
  return groups;
}

/**
 * @param {Groups} groups
 * @param {string} path
 * @param {number} parent
 */
function addGroup(groups, path, parent) {
  groups.parent.push(parent);
  groups.depth.push(parent < 0 ? 1 : groups.depth[parent] + 1);
  groups.size.push(0);
  groups.last.push(-1);
  return groups.path.push(path) - 1;
}

/**
 * Return the groups to fold at first: those of the innermost level at which the picture is readable.
 * @param {Graph} graph
 * @param {Groups} groups
 * @returns {Set<number> | null} null: there is too much to draw, however it is folded
 */
export function foldedAtFirst(graph, groups, most = FOLD_ABOVE) {
  if (isDrawable(graph, groups, new Set(), most)) return new Set();
  const deepest = groups.depth.reduce((a, b) => Math.max(a, b), 0);
  for (let depth = deepest; depth > 0; depth--) {
    const folded = atDepth(groups, depth);
    if (isDrawable(graph, groups, folded, depth > 1 ? FOLDED_ITEMS : FOLD_ABOVE)) return folded;
  }
  return null;
}

/**
 * @param {Groups} groups
 * @param {number} depth
 */
export function atDepth(groups, depth) {
  return new Set([...groups.path.keys()].filter((g) => groups.depth[g] === depth && groups.size[g] > 1));
}

/**
 * Return for each group the outermost folded one that it is in, or itself; -1: it is open.
 * @param {Groups} groups
 * @param {Set<number>} folded
 */
function shownAs({ parent }, folded) {
  const shown = new Int32Array(parent.length);
  for (let g = 0; g < parent.length; g++) {
    const outer = parent[g] < 0 ? -1 : shown[parent[g]];
    shown[g] = outer >= 0 ? outer : folded.has(g) ? g : -1;
  }
  return shown;
}

/**
 * Return the link that an entry of `args` is drawn as; undefined if it is not drawn.
 * @param {Scene} scene
 * @param {number} edge
 * @param {number} arg
 * @param {number} user
 */
export function linkOf({ items, itemOf, byEdge, byPair }, edge, arg, user) {
  return byEdge.get(edge) ?? byPair.get(itemOf[arg] * items.length + itemOf[user]);
}

/**
 * Whether the boxes and arrows of a picture are few enough to be drawn.
 * @param {Graph} graph
 * @param {Groups} groups
 * @param {Set<number>} folded
 * @param {number} most boxes
 */
export function isDrawable({ count, first, args }, groups, folded, most = MOST_ITEMS) {
  const shown = shownAs(groups, folded);
  const size = groups.path.length;
  const box = Float64Array.from(groups.of, (group, node) => (group < 0 || shown[group] < 0 ? size + node : shown[group]));
  const boxes = new Set();
  const pairs = new Set();
  for (let node = 0; node < count; node++) {
    boxes.add(box[node]);
    for (let e = first[node]; e < first[node + 1]; e++) pairs.add(box[args[e]] * (size + count) + box[node]);
    if (boxes.size > most || pairs.size > MOST_LINKS) return false;
  }
  return true;
}

/**
 * Return the picture with some groups folded.
 * @param {Graph} graph
 * @param {Groups} groups
 * @param {Set<number>} folded
 * @returns {Scene}
 */
export function foldedScene(graph, groups, folded) {
  const shown = shownAs(groups, folded);
  const itemOf = new Int32Array(graph.count).fill(-1);
  /** @type {Item[]} */
  const items = [];
  const boxes = new Map();
  for (let node = 0; node < graph.count; node++) {
    const group = groups.of[node] < 0 ? -1 : shown[groups.of[node]];
    const known = group < 0 ? undefined : boxes.get(group);
    itemOf[node] = known ?? items.length;
    if (known !== undefined) continue;
    if (group >= 0) boxes.set(group, items.length);
    const key = group < 0 ? node : groups.last[group];
    items.push({ node: group < 0 ? node : -1, group, key, exit: -1, hidden: 0 });
  }
  addExits(graph, items, itemOf);
  return { items, itemOf, ...linksOf(graph, itemOf.keys(), items, itemOf) };
}

/**
 * Set the exit of each folded group.
 * @param {Graph} graph
 * @param {Item[]} items
 * @param {Int32Array} itemOf
 */
function addExits({ count, first, args, outputs }, items, itemOf) {
  const exits = items.map(() => -2);
  const note = (/** @type {number} */ node) => {
    const item = itemOf[node];
    exits[item] = exits[item] === -2 || exits[item] === node ? node : -1;
  };
  for (let node = 0; node < count; node++) {
    for (let e = first[node]; e < first[node + 1]; e++) {
      if (itemOf[args[e]] !== itemOf[node]) note(args[e]);
    }
  }
  for (const node of outputs) note(node);
  items.forEach((item, i) => (item.exit = item.group >= 0 ? Math.max(exits[i], -1) : -1));
}

/**
 * @param {Graph} graph
 * @param {Iterable<number>} nodes those that are drawn
 * @param {Item[]} items
 * @param {Int32Array} itemOf -1 for what is not drawn
 */
function linksOf({ first, args }, nodes, items, itemOf) {
  /** @type {Link[]} */
  const links = [];
  const byEdge = new Map();
  const byPair = new Map();
  for (const node of nodes) {
    const to = itemOf[node];
    const ports = first[node + 1] - first[node];
    for (let edge = first[node]; edge < first[node + 1]; edge++) {
      const from = itemOf[args[edge]];
      if (from < 0 || from === to) continue;
      const isSingle = items[from].group < 0 && items[to].group < 0;
      const pair = from * items.length + to;
      const known = byPair.get(pair);
      if (isSingle && ports <= MOST_PORTS) byEdge.set(edge, links.length);
      else if (known === undefined) byPair.set(pair, links.length);
      else {
        links[known].count++;
        continue;
      }
      links.push(isSingle ? { from, to, edge, count: 1, port: edge - first[node], ports } : { from, to, edge: -1, count: 1, port: 0, ports: 1 });
    }
  }
  return { links, byEdge, byPair };
}

/**
 * Return the surroundings of a node: its nearest arguments and users.
 * @param {Graph} graph
 * @param {Users} users
 * @param {number} focus
 * @returns {Scene}
 */
export function sceneAround(graph, users, focus) {
  const nodes = nearest(graph, users, focus);
  const itemOf = new Int32Array(graph.count).fill(-1);
  nodes.forEach((node, i) => (itemOf[node] = i));
  const items = nodes.map((node) => ({
    node, group: -1, key: node, exit: -1, hidden: hiddenAround(graph, users, itemOf, node),
  }));
  return { items, itemOf, ...linksOf(graph, nodes, items, itemOf) };
}

/**
 * @param {Graph} graph
 * @param {Users} users
 * @param {number} focus
 * @returns {number[]} ascending
 */
function nearest({ first, args }, users, focus) {
  const nodes = [focus];
  const seen = new Set(nodes);
  const visit = (/** @type {number} */ node) => {
    if (seen.has(node) || nodes.length >= SURROUNDINGS) return;
    seen.add(node);
    nodes.push(node);
  };
  for (let k = 0; k < nodes.length && nodes.length < SURROUNDINGS; k++) {
    const node = nodes[k];
    // a node may have thousands of neighbours
    const most = k ? 4 : SURROUNDINGS / 2;
    const last = Math.min(first[node + 1], first[node] + most);
    for (let e = first[node]; e < last; e++) visit(args[e]);
    const end = Math.min(users.first[node + 1], users.first[node] + most);
    for (let u = users.first[node]; u < end; u++) visit(users.node[u]);
  }
  return nodes.sort((a, b) => a - b);
}

/**
 * @param {Graph} graph
 * @param {Users} users
 * @param {Int32Array} itemOf
 * @param {number} node
 */
function hiddenAround({ first, args }, users, itemOf, node) {
  let hidden = 0;
  for (let e = first[node]; e < first[node + 1]; e++) if (itemOf[args[e]] < 0) hidden++;
  for (let u = users.first[node]; u < users.first[node + 1]; u++) if (itemOf[users.node[u]] < 0) hidden++;
  return hidden;
}
