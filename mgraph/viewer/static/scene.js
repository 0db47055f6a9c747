/** What the picture shows: groups, surroundings, the present step; and what pointing at it tells. */
import { ARROW_DIGITS } from "./appearance.js";
import { formulas, make, nameOf } from "./cards.js";
import { Picture } from "./draw.js";
import { MOST_ITEMS, atDepth, foldedAtFirst, foldedScene, itemCount, linkOf, sceneAround } from "./groups.js";
import { byId, model, refresh, stepAsked, stepNow, views } from "./model.js";
import { counted, exact, shown, squeezed } from "./numbers.js";
import { accumulators } from "./steps.js";

const NOTE = 40;

export const picture = new Picture(byId("picture"), {
  select: (item) => selectItem(item),
  hover: (item) => showTooltip(item),
  leave: () => { byId("tooltip").hidden = true; },
  moved: () => { byId("tooltip").hidden = true; paintSoon(); },
});

/** Lay out and draw what is to be seen. */
export function drawScene() {
  const { graph, groups, folded, users, focus } = model;
  model.scene = folded ? foldedScene(graph, groups, folded) : sceneAround(graph, users, focus);
  noteScene();
  picture.show(model.scene, model.scene.items.map(lookOf));
  showAll();
  if (picture.tooSmall) picture.reveal(model.scene.itemOf[model.focus]);
}

export function showAll() {
  picture.fit(byId("scene-note").hidden ? 0 : NOTE);
}

/**
 * @param {import("./groups.js").Item} item
 * @returns {import("./draw.js").Look}
 */
function lookOf({ node, group, hidden }) {
  const { graph, groups } = model;
  if (group >= 0) {
    const size = groups.size[group];
    return {
      shape: "group", output: false, title: groups.path[group], note: "", corner: String(size),
      about: `group ${groups.path[group]}, ${counted(size, "node")}, folded`,
    };
  }
  const op = graph.ops[node];
  const leaf = /** @type {"input"} */ (op);
  return {
    shape: ["input", "param", "const"].includes(op) ? leaf : "op",
    output: graph.outputs.includes(node), title: nameOf(graph, node), note: op,
    corner: hidden ? `+${hidden}` : "",
    about: `${nameOf(graph, node)}, ${op}${graph.outputs.includes(node) ? ", output" : ""}`,
  };
}

/** Say what is not drawn, and offer to change it. */
function noteScene() {
  const { graph, groups, folded, scene } = model;
  const total = counted(graph.count, "node");
  const parts = [];
  const whole = graph.count <= MOST_ITEMS;
  const button = (/** @type {string} */ words, /** @type {() => void} */ act) => {
    const made = make("button.small", words);
    made.addEventListener("click", act);
    return made;
  };
  const show = (/** @type {Set<number> | null} */ set) => () => { model.folded = set; redraw(); };
  const levels = Math.max(0, ...groups.depth.slice(0, 5000));
  if (!folded) {
    parts.push(`${total}; ${scene.items.length} of them around ${nameOf(graph, model.focus)} are shown. Click a node to look around it.`);
    if (groups.path.length) parts.push(button("Groups", () => show(foldedAtFirst(graph, groups))()));
  } else if (folded.size) {
    parts.push(`${total}, folded by their names: click a group to open it.`);
  }
  if (folded && levels && graph.count > 12) {
    const deepest = atDepth(groups, 1);
    if (folded.size < deepest.size || [...folded].some((g) => groups.depth[g] > 1)) parts.push(button("Fold groups", show(deepest)));
  }
  if ((!folded || folded.size) && whole) parts.push(button("Show all nodes", show(new Set())));
  byId("scene-note").replaceChildren(...parts);
  byId("scene-note").hidden = !parts.length;
}

export function redraw() {
  drawScene();
  refresh();
}

/** @param {number} i */
function selectItem(i) {
  const { node, group } = model.scene.items[i];
  if (group >= 0) {
    const folded = opened(group);
    if (itemCount(model.graph, model.groups, folded) > MOST_ITEMS) {
      model.folded = null;
      model.focus = model.groups.last[group];
    } else model.folded = folded;
    redraw();
    return;
  }
  select(node);
}

/**
 * Return the folded groups when one is opened: its inner groups stay folded if there are many nodes.
 * @param {number} group
 */
function opened(group) {
  const { groups } = model;
  const folded = new Set(model.folded);
  folded.delete(group);
  if (groups.size[group] <= 60) return folded;
  groups.parent.forEach((/** @type {number} */ parent, /** @type {number} */ g) => {
    if (parent === group && groups.size[g] > 1) folded.add(g);
  });
  return folded;
}

/** @param {number} node */
function select(node) {
  model.selected = node;
  if (!model.folded) {
    model.focus = node;
    drawScene();
  }
  refresh();
}

/**
 * Select a node wherever it is, and bring it into sight.
 * @param {number} node
 */
export function goTo(node) {
  if (model.folded && model.scene.items[model.scene.itemOf[node]]?.node !== node) unfoldTo(node);
  select(node);
  picture.reveal(model.scene.itemOf[node]);
  paint();
}

/** @param {number} node */
function unfoldTo(node) {
  const { graph, groups } = model;
  for (;;) {
    const folded = /** @type {Set<number>} */ (model.folded);
    let outer = -1;
    for (let g = groups.of[node]; g >= 0; g = groups.parent[g]) if (folded.has(g)) outer = g;
    if (outer < 0) break;
    model.folded = opened(outer);
  }
  if (itemCount(graph, groups, /** @type {Set<number>} */ (model.folded)) > MOST_ITEMS) model.folded = null;
  model.focus = node;
  drawScene();
}

let painting = 0;

function paintSoon() {
  painting ||= requestAnimationFrame(() => {
    painting = 0;
    if (model.scene) paint();
  });
}

export function paint() {
  const { graph, result, film, seeds, at, scene } = model;
  const step = stepNow();
  const { sums, has } = accumulators(graph, result, film, seeds, at);
  const asked = stepAsked();
  const active = asked ?? step;
  const receivers = new Set(active.kind === "backward" ? graph.args.subarray(graph.first[active.node], graph.first[active.node + 1]) : []);
  const visited = step.kind === "backward" ? step.node : step.kind === "done" ? -1 : graph.count;
  picture.paint((i, room) => {
    const item = scene.items[i];
    const node = item.group >= 0 ? item.exit : item.node;
    const classes = [];
    if (active.node >= 0 && scene.itemOf[active.node] === i) classes.push("current", active.kind);
    if (active.kind === "seed" && seeds.has(item.node)) classes.push("current", "backward");
    if (item.node >= 0 && receivers.has(item.node)) classes.push("receiver");
    if (item.node >= 0 && item.node === model.selected) classes.push("selected");
    if (item.node >= 0 && model.differing.has(item.node)) classes.push("differs");
    if (node < 0) return { data: "", grad: "", classes: classes.join(" ") };
    const known = model.ranks[node] <= at;
    if (!known) classes.push("pending");
    if (has[node] && visited > film.settled[node]) classes.push("partial");
    return {
      data: known ? squeezed(result.primals[node], room) : "",
      grad: has[node] ? squeezed(sums[node], room) : "",
      classes: classes.join(" "),
    };
  }, passingNow(active, asked !== null));
}

views.push(paint);

/**
 * @param {import("./steps.js").Step} step
 * @param {boolean} secret whether the slopes are not to be told
 */
function passingNow({ kind, node }, secret) {
  const { graph, result, scene } = model;
  const passing = new Map();
  if (node < 0) return passing;
  for (let e = graph.first[node]; e < graph.first[node + 1]; e++) {
    const link = linkOf(scene, e, graph.args[e], node);
    if (link === undefined) continue;
    const single = scene.links[link].edge === e;
    const back = kind === "backward";
    if (back && !result.has[graph.args[e]]) continue;
    passing.set(link, { text: back && single && !secret ? `× ${shown(result.slopes[e], ARROW_DIGITS)}` : "", classes: kind });
  }
  return passing;
}

/** @param {number} item */
function showTooltip(item) {
  const { graph, result, scene, ranks, at } = model;
  const { node, group, hidden } = scene.items[item];
  const tip = byId("tooltip");
  if (group >= 0) tip.replaceChildren(make("b", model.groups.path[group]), make("div", `${counted(model.groups.size[group], "node")}; click to open`));
  else {
    const [names, numbers] = formulas(graph, result.primals, node);
    const lines = [make("b", nameOf(graph, node)), ...(graph.labels.has(node) ? [make("div.quiet", graph.ids[node])] : [])];
    if (names) lines.push(make("div", `= ${names}`));
    if (names && ranks[node] <= at) lines.push(make("div", `= ${numbers}`), make("div", `= ${exact(result.primals[node])}`));
    if (!names) lines.push(make("div", `${graph.ops[node]} = ${exact(result.primals[node])}`));
    if (graph.docs.has(node)) lines.push(make("div.quiet", (graph.docs.get(node) ?? "").slice(0, 300)));
    if (hidden) lines.push(make("div.quiet", `${counted(hidden, "neighbour")} of it not shown`));
    tip.replaceChildren(...lines);
  }
  tip.hidden = false;
  const box = picture.boxes[item].group.getBoundingClientRect();
  const stage = byId("stage").getBoundingClientRect();
  const left = Math.min(Math.max(4, box.left - stage.left), stage.width - tip.offsetWidth - 4);
  const below = box.bottom - stage.top + 8;
  const top = below + tip.offsetHeight < stage.height ? below : box.top - stage.top - tip.offsetHeight - 8;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}
