/** What the picture shows: groups, surroundings, the present step, tooltips. */
import { ARROW_DIGITS } from "./appearance.js";
import { formulas, nameOf } from "./cards.js";
import { Picture } from "./draw.js";
import { byId, make } from "./elements.js";
import { atDepth, foldedAtFirst, foldedScene, isDrawable, linkOf, sceneAround } from "./groups.js";
import { counted, exact, shown, squeezed } from "./numbers.js";
import { refresh, state, stepAsked, stepNow } from "./state.js";
import { accumulators } from "./steps.js";

const NOTE = 40;

export const picture = new Picture(byId("picture"), {
  select: (item) => selectItem(item),
  hover: (item) => showTooltip(item),
  leave: () => { byId("tooltip").hidden = true; },
  moved: () => { byId("tooltip").hidden = true; paintSoon(); },
});

/** Lay out and draw the scene. */
export function drawScene() {
  const { graph, groups, folded, users, focus } = state;
  state.scene = folded ? foldedScene(graph, groups, folded) : sceneAround(graph, users, focus);
  noteScene();
  picture.show(state.scene, state.scene.items.map(lookOf), state.shorten);
  showAll();
  if (picture.tooSmall) picture.reveal(state.scene.itemOf[state.focus]);
}

export function showAll() {
  picture.fit(byId("scene-note").hidden ? 0 : NOTE);
}

/**
 * @param {import("./groups.js").Item} item
 * @returns {import("./draw.js").Look}
 */
function lookOf({ node, group, hidden }) {
  const { graph, groups } = state;
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

/** Show a note that says what is not drawn, with buttons to change it. */
function noteScene() {
  const { graph, groups, folded, scene } = state;
  const total = counted(graph.count, "node");
  const parts = [];
  const whole = isDrawable(graph, groups, new Set());
  const button = (/** @type {string} */ words, /** @type {() => void} */ act) => {
    const element = make("button.small", words);
    element.addEventListener("click", act);
    return element;
  };
  const show = (/** @type {Set<number> | null} */ set) => () => { state.folded = set; redraw(); };
  const levels = Math.max(0, ...groups.depth.slice(0, 5000));
  if (!folded) {
    parts.push(`${total}; ${scene.items.length} of them around ${nameOf(graph, state.focus)} are shown. Click a node to see its surroundings.`);
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
  const { node, group } = state.scene.items[i];
  if (group >= 0) {
    const folded = opened(group);
    if (!isDrawable(state.graph, state.groups, folded)) {
      state.folded = null;
      state.focus = state.groups.last[group];
    } else state.folded = folded;
    redraw();
    return;
  }
  select(node);
}

/**
 * Return the folded groups after one is opened: its inner groups stay folded if it has many nodes.
 * @param {number} group
 */
function opened(group) {
  const { groups } = state;
  const folded = new Set(state.folded);
  folded.delete(group);
  if (groups.size[group] <= 60) return folded;
  groups.parent.forEach((parent, g) => {
    if (parent === group && groups.size[g] > 1) folded.add(g);
  });
  return folded;
}

/** @param {number} node */
function select(node) {
  state.selected = node;
  if (!state.folded) {
    state.focus = node;
    drawScene();
  }
  refresh();
}

/**
 * Select a node, and bring it into view.
 * @param {number} node
 */
export function goTo(node) {
  if (state.folded && state.scene.items[state.scene.itemOf[node]]?.node !== node) unfoldTo(node);
  select(node);
  picture.reveal(state.scene.itemOf[node]);
  paint();
}

/** @param {number} node */
function unfoldTo(node) {
  const { graph, groups } = state;
  for (;;) {
    const folded = /** @type {Set<number>} */ (state.folded);
    let outer = -1;
    for (let g = groups.of[node]; g >= 0; g = groups.parent[g]) if (folded.has(g)) outer = g;
    if (outer < 0) break;
    state.folded = opened(outer);
  }
  if (!isDrawable(graph, groups, /** @type {Set<number>} */ (state.folded))) state.folded = null;
  state.focus = node;
  drawScene();
}

let painting = 0;

function paintSoon() {
  painting ||= requestAnimationFrame(() => {
    painting = 0;
    paint();
  });
}

export function paint() {
  const { graph, result, steps, seeds, at, scene } = state;
  const step = stepNow();
  const { sums, has } = accumulators(graph, result, steps, seeds, at);
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
    if (item.node >= 0 && item.node === state.selected) classes.push("selected");
    if (item.node >= 0 && state.differing.has(item.node)) classes.push("differs");
    if (node < 0) return { data: "", grad: "", classes: classes.join(" ") };
    const known = node < at;
    if (!known) classes.push("pending");
    if (has[node] && visited > steps.settled[node]) classes.push("partial");
    return {
      data: known ? squeezed(result.primals[node], room) : "",
      grad: has[node] ? squeezed(sums[node], room) : "",
      classes: classes.join(" "),
    };
  }, passingNow(active, asked !== null));
}

/**
 * @param {import("./steps.js").Step} step
 * @param {boolean} secret whether to hide the partials
 */
function passingNow({ kind, node }, secret) {
  const { graph, result, scene } = state;
  const passing = new Map();
  if (node < 0) return passing;
  for (let e = graph.first[node]; e < graph.first[node + 1]; e++) {
    const link = linkOf(scene, e, graph.args[e], node);
    if (link === undefined) continue;
    const single = scene.links[link].edge === e;
    const back = kind === "backward";
    if (back && !result.has[graph.args[e]]) continue;
    passing.set(link, { text: back && single && !secret ? `× ${shown(result.partials[e], ARROW_DIGITS)}` : "", classes: kind });
  }
  return passing;
}

/** @param {number} item */
function showTooltip(item) {
  const { graph, result, scene, missing, at } = state;
  const { node, group, hidden } = scene.items[item];
  const tip = byId("tooltip");
  if (group >= 0) tip.replaceChildren(make("b", state.groups.path[group]), make("div", `${counted(state.groups.size[group], "node")}; click to open`));
  else {
    const [names, numbers] = formulas(graph, result.primals, node);
    const lines = [make("b", nameOf(graph, node)), ...(graph.labels.has(node) ? [make("div.quiet", graph.ids[node])] : [])];
    if (names) lines.push(make("div", `= ${names}`));
    if (names && node < at) lines.push(make("div", `= ${numbers}`), make("div", `= ${exact(result.primals[node])}`));
    if (!names) lines.push(make("div", missing.has(node) ? "input without a value" : `${graph.ops[node]} = ${exact(result.primals[node])}`));
    if (graph.docs.has(node)) lines.push(make("div.quiet", (graph.docs.get(node) ?? "").slice(0, 300)));
    if (hidden) lines.push(make("div.quiet", `${counted(hidden, "neighbour")} not shown`));
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
