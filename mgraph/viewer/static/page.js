/** The page: what is shown, what is asked, and what follows when somebody does something. */
import { fromFragment, toFragment } from "./bytes.js";
import { backwardCard, equation, formulas, forwardCard, make, nameOf, pathsCard } from "./cards.js";
import { compareRuns } from "./compare.js";
import { Picture, element, outline, shortener } from "./draw.js";
import { evaluate } from "./engine.js";
import { MOST_ITEMS, atDepth, foldedAtFirst, foldedScene, groupsOf, itemCount, linkOf, sceneAround } from "./groups.js";
import { TOLERANCE, counted, exact, shown, squeezed, typed } from "./numbers.js";
import { explain } from "./paths.js";
import { isNear, questions, recognise } from "./quiz.js";
import { hashOf, readGraph, usersOf } from "./read.js";
import { Refusal } from "./refusal.js";
import { accumulators, contributions, filmOf, stepAt } from "./steps.js";
import { numbersOf, recorded, toJson, withRun } from "./write.js";

/** @typedef {import("./read.js").Graph} Graph */
/** @typedef {import("./groups.js").Scene} Scene */

const LINK = 8000;
const NOTE = 40;
const PATHS = 8;
const LEAF_ROWS = 40;
const LEAF_WIDTH = 112;
const FOUND = 12;
const DIFFERENCES = 100;

const byId = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const settings = JSON.parse(byId("settings").textContent);

/** What the page is about; all of it changes when another file is opened. */
const model = {
  file: "", graph: /** @type {Graph} */ (/** @type {unknown} */ (null)),
  groups: /** @type {any} */ (null), users: /** @type {any} */ (null),
  values: new Float64Array(0), seeds: new Map(), changed: new Set(), given: new Set(),
  result: /** @type {any} */ (null), film: /** @type {any} */ (null), ranks: new Uint32Array(0),
  at: 0, selected: -1,
  folded: /** @type {Set<number> | null} */ (null), focus: -1,
  scene: /** @type {any} */ (null), differing: new Set(),
};
const quiz = { on: false, asked: 0, right: 0, helped: 0, tries: 0 };

const picture = new Picture(byId("picture"), {
  select: (item) => selectItem(item),
  hover: (item) => showTooltip(item),
  leave: () => { byId("tooltip").hidden = true; },
  moved: () => { byId("tooltip").hidden = true; paintSoon(); },
});

// --- opening -----------------------------------------------------------------------------------

/**
 * Show a graph.
 * @param {Graph} graph
 * @param {string} file
 * @param {boolean} asRecorded whether to start as its first run says, as links do
 */
function open(graph, file, asRecorded) {
  pause();
  Object.assign(model, {
    file, graph, groups: groupsOf(graph), users: usersOf(graph.count, graph.first, graph.args),
    selected: -1, focus: graph.outputs[0], differing: new Set(),
  });
  model.folded = foldedAtFirst(graph, model.groups);
  byId("name").textContent = graph.header.name || file;
  byId("doc").textContent = graph.header.doc ?? "";
  document.title = `${graph.header.name || file} – mgraph`;
  byId("node-card").hidden = true;
  byId("leaf-filter").value = "";
  byId("search").value = "";
  ask(asRecorded ? graph.runs[0] : undefined);
  model.at = model.film.last;
  if (quiz.on) startQuiz();
  picture.measure();
  drawScene();
  listRuns();
  refresh();
}

/**
 * Take the declared values, or those of a run, and run the graph.
 * @param {import("./read.js").Run | undefined} run
 */
function ask(run) {
  const { graph } = model;
  model.values = graph.data.slice();
  model.changed = new Set();
  model.given = new Set();
  const unknown = [...graph.ids.keys()].filter((node) => graph.ops[node] === "input" && !graph.known[node]);
  const from = run ?? (unknown.length || graph.outputs.length > 1 ? graph.runs[0] : undefined);
  for (const [id, value] of run?.inputs ?? []) setLeaf(graph.index.get(id), value);
  for (const node of unknown) setLeaf(node, from?.inputs.get(graph.ids[node]) ?? 0);
  if (!from) unknown.forEach((node) => model.given.add(node));
  model.seeds = from?.seed.size
    ? new Map([...from.seed].map(([id, seed]) => [graph.index.get(id), seed]))
    : new Map([[graph.outputs[0], 1]]);
  runAll();
  listSeeds();
  listLeaves();
}

/**
 * @param {any} node
 * @param {number} value
 */
function setLeaf(node, value) {
  model.values[node] = value;
  const declared = model.graph.known[node] && Object.is(value, model.graph.data[node]);
  if (declared) model.changed.delete(node);
  else model.changed.add(node);
}

/** Evaluate, and cut the film anew. */
function runAll() {
  evaluateNow();
  model.film = filmOf(model.graph, model.result);
  model.ranks = new Uint32Array(model.graph.count);
  model.film.forward.forEach((/** @type {number} */ node, /** @type {number} */ k) => (model.ranks[node] = k + 1));
  byId("scrub").max = model.film.last;
  model.at = Math.min(model.at, model.film.last);
  const share = model.film.forward.length / model.film.last;
  byId("phase-forward").style.width = `${(100 * share).toFixed(1)}%`;
}

function evaluateNow() {
  model.result = evaluate(model.graph, model.values, model.seeds);
}

/**
 * Read a file that was dropped or chosen.
 * @param {File} file
 */
async function openFile(file) {
  try {
    const graph = await readGraph(new Uint8Array(await file.arrayBuffer()));
    history.replaceState(null, "", location.pathname);
    byId("alert").hidden = true;
    open(graph, file.name, false);
  } catch (error) {
    const why = error instanceof Refusal ? `${error.message} (${error.code})` : "it can't be read";
    complain(`${file.name} was not opened: ${why}. Every fault, with its place: `, `mgraph check ${inShell(file.name)}`);
  }
}

/**
 * Spell a file name as it can be typed into a shell.
 * @param {string} name
 */
function inShell(name) {
  const plain = name.replace(/[\p{C}]/gu, "?");
  return /^[\w.][\w./-]*$/.test(plain) ? plain : `'${plain.replace(/'/g, "'\\''")}'`;
}

/**
 * @param {string} words
 * @param {string} command
 */
function complain(words, command = "") {
  byId("alert").replaceChildren(words, ...(command ? [make("code", command)] : []));
  byId("alert").hidden = false;
}

/** Open what the address carries behind its #. Returns whether there was something. */
async function openFragment() {
  try {
    const bytes = await fromFragment(location.hash);
    if (!bytes) return false;
    open(await readGraph(bytes), "linked.json", true);
    return true;
  } catch (error) {
    complain(`The graph in this link was not opened: ${error instanceof Refusal ? error.message : "it is damaged"}.`);
    return false;
  }
}

// --- the scene ---------------------------------------------------------------------------------

/** Lay out and draw what is to be seen. */
function drawScene() {
  const { graph, groups, folded, users, focus } = model;
  model.scene = folded ? foldedScene(graph, groups, folded) : sceneAround(graph, users, focus);
  noteScene();
  picture.show(model.scene, model.scene.items.map(lookOf));
  showAll();
  if (picture.tooSmall) picture.reveal(model.scene.itemOf[model.focus]);
}

function showAll() {
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

function redraw() {
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
  listLeaves();
  refresh();
}

/**
 * Select a node wherever it is, and bring it into sight.
 * @param {number} node
 */
function goTo(node) {
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

// --- painting ----------------------------------------------------------------------------------

let painting = 0;

function paintSoon() {
  painting ||= requestAnimationFrame(() => {
    painting = 0;
    if (model.scene) paint();
  });
}

/** Show the present step: in the picture, and in the cards. */
function refresh() {
  paint();
  showStep();
  showNode();
  showComparison();
}

/** @returns {import("./steps.js").Step} */
const stepNow = () => stepAt(model.film, model.at);

/** Return the step whose gradients are asked for, if the quiz waits for an answer. */
function stepAsked() {
  if (!quiz.on || model.at >= model.film.last) return null;
  const step = stepAt(model.film, model.at + 1);
  return step.kind === "backward" ? step : null;
}

function paint() {
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
    passing.set(link, { text: back && single && !secret ? `× ${shown(result.slopes[e], 3)}` : "", classes: kind });
  }
  return passing;
}

// --- steps -------------------------------------------------------------------------------------

/** @param {number} at */
function go(at) {
  const { film, folded, scene } = model;
  model.at = Math.max(0, Math.min(film.last, at));
  quiz.asked = 0;
  quiz.tries = 0;
  const { node } = stepAsked() ?? stepNow();
  if (!folded && node >= 0 && scene.itemOf[node] < 0) {
    model.focus = node;
    drawScene();
  }
  if (node >= 0) follow(node);
  refresh();
}

/** @param {number} node */
function follow(node) {
  const item = model.scene.itemOf[node];
  if (item >= 0) picture.follow(item);
}

let timer = 0;

function play() {
  if (model.at >= model.film.last) go(0);
  byId("play").classList.add("playing");
  byId("play").setAttribute("aria-label", "Pause");
  const tick = () => {
    if (stepAsked()) return pause();
    go(model.at + 1);
    if (model.at >= model.film.last || stepAsked()) return pause();
    timer = setTimeout(tick, Number(byId("speed").value));
  };
  timer = setTimeout(tick, Math.min(250, Number(byId("speed").value)));
}

function pause() {
  clearTimeout(timer);
  timer = 0;
  byId("play").classList.remove("playing");
  byId("play").setAttribute("aria-label", "Play");
}

const toggle = () => (timer ? pause() : play());

/** One step on; if the quiz is waiting, to its question. */
function next() {
  pause();
  if (stepAsked()) byId("answer")?.focus();
  else go(model.at + 1);
}

function showStep() {
  const { film, at } = model;
  const step = stepNow();
  const asked = stepAsked();
  byId("scrub").value = at;
  byId("scrub").setAttribute("aria-valuetext", stepTitle(step));
  byId("step-title").textContent = asked ? `${stepTitle(asked)}: your turn` : stepTitle(step);
  byId("back").disabled = byId("first").disabled = at === 0;
  byId("next").disabled = byId("last").disabled = at === film.last;
  const body = byId("step-body");
  if (asked) body.replaceChildren(...questionCard(asked.node));
  else body.replaceChildren(...stepCard(step));
  if (!quiz.on || !asked) byId("live").textContent = sentence(step);
  if (asked) byId("live").textContent = questionText(asked.node);
}

/** @param {import("./steps.js").Step} step */
function stepTitle({ kind }) {
  const { film, at } = model;
  const done = at - film.forward.length - 1 + (stepAsked() ? 1 : 0);
  if (kind === "leaves") return "Start: the leaves";
  if (kind === "forward") return `Forward, ${at} of ${film.forward.length}`;
  if (kind === "seed") return "The seed";
  if (kind === "backward") return `Backward, ${done} of ${film.backward.length}`;
  return "Done";
}

/**
 * @param {import("./steps.js").Step} step
 * @returns {(Node | string)[]}
 */
function stepCard({ kind, node }) {
  const { graph, result, seeds } = model;
  if (kind === "leaves") return [make("p", "Inputs, params and consts have their values. Next, each other node computes its own from its arguments.")];
  if (kind === "forward") return forwardCard(graph, result, node);
  if (kind === "seed") {
    const given = [...seeds].map(([each, seed]) => `${nameOf(graph, each)} with ${shown(seed)}`).join(", ");
    return [make("p", `Backward begins at the output: ${given}. A gradient says how fast the output changes with a node; with itself, at the rate 1.`)];
  }
  if (kind === "backward") return backwardCard(graph, result, node, contributionsOf(node, model.at - 1));
  const score = quiz.on && quiz.right + quiz.helped ? [make("p.score", scoreText())] : [];
  return [...score, make("p", "Every value and gradient is known. Click a node to see why its gradient is what it is; move a leaf and watch all of it change."),
    ...outputsLine()];
}

function outputsLine() {
  const { graph, result } = model;
  return graph.outputs.slice(0, 6).map((node) => equation(nameOf(graph, node), shown(result.primals[node], 10)));
}

/**
 * @param {number} node
 * @param {number} before the step before
 */
function contributionsOf(node, before) {
  const { graph, result, film, seeds } = model;
  return contributions(graph, result, accumulators(graph, result, film, seeds, before), node);
}

/** @param {import("./steps.js").Step} step */
function sentence({ kind, node }) {
  const { graph, result } = model;
  if (kind === "forward") {
    const [names, numbers] = formulas(graph, result.primals, node);
    return `${stepTitle({ kind, node })}: ${nameOf(graph, node)} = ${names} = ${numbers} = ${shown(result.primals[node])}`;
  }
  if (kind !== "backward") return stepTitle({ kind, node });
  const parts = contributionsOf(node, model.at - 1).filter((each) => each.counts).slice(0, 4).map((each) =>
    `${nameOf(graph, each.to)} receives ${shown(each.upstream)} times ${shown(each.slope)} = ${shown(each.sent)} and has ${shown(each.after)}`);
  return `${stepTitle({ kind, node })}, ${nameOf(graph, node)}: ${parts.join("; ")}`;
}

// --- the quiz ----------------------------------------------------------------------------------

function startQuiz() {
  quiz.on = true;
  Object.assign(quiz, { asked: 0, right: 0, helped: 0, tries: 0 });
  byId("quiz").setAttribute("aria-pressed", "true");
  model.at = model.film.forward.length + 1;
}

function toggleQuiz() {
  pause();
  if (quiz.on) {
    quiz.on = false;
    byId("quiz").setAttribute("aria-pressed", "false");
  } else startQuiz();
  refresh();
}

const scoreText = () => `Quiz: ${quiz.right} right at your own hand, ${quiz.helped} shown.`;

/** @param {number} node */
function questionText(node) {
  const { graph, result } = model;
  const each = askedNow(node);
  const name = nameOf(graph, node);
  const to = nameOf(graph, each.to);
  const before = each.first
    ? `What gradient does it give ${to}?`
    : `${to} already has ${shown(each.before)} from another use. What is its gradient after this?`;
  return `${name} has the gradient ${shown(result.adjoints[node])}. ${before}`;
}

/** @param {number} node */
function askedNow(node) {
  const all = questions(contributionsOf(node, model.at));
  return all[Math.min(quiz.asked, all.length - 1)];
}

/** @param {number} node */
function questionCard(node) {
  const { graph, result } = model;
  if (!questions(contributionsOf(node, model.at)).length) return constsOnly();
  const [names, numbers] = formulas(graph, result.primals, node);
  const answer = /** @type {HTMLInputElement} */ (make("input"));
  Object.assign(answer, { id: "answer", type: "text", autocomplete: "off", inputMode: "text" });
  answer.setAttribute("aria-label", "Your answer");
  const hint = make("p.hint");
  hint.id = "hint";
  hint.setAttribute("role", "status");
  const check = make("button", "Check");
  const show = make("button.plain", "Show me");
  const submit = () => answered(node, answer.value, hint);
  check.addEventListener("click", submit);
  show.addEventListener("click", () => passQuestion(node, false));
  answer.addEventListener("keydown", (event) => { if (event.key === "Enter") submit(); });
  check.id = "check";
  show.id = "show";
  return [
    equation(nameOf(graph, node), `${names} = ${numbers} = ${shown(result.primals[node])}`),
    make("p", questionText(node)),
    make("div.row", answer, check, show), hint,
    ...(quiz.right + quiz.helped ? [make("p.quiet", scoreText())] : []),
  ];
}

function constsOnly() {
  const on = make("button", "Go on");
  on.addEventListener("click", () => go(model.at + 1));
  return [make("p", "Only consts stand before this node; they receive no gradient."), on];
}

/**
 * @param {number} node
 * @param {string} text
 * @param {HTMLElement} hint
 */
function answered(node, text, hint) {
  const value = typed(text);
  const asked = askedNow(node);
  if (value === null) hint.textContent = "Type a number, such as −0.5 or 1/3.";
  else if (isNear(value, asked.after)) return passQuestion(node, true);
  else {
    quiz.tries++;
    const found = recognise(model.graph, model.result, node, asked, value);
    hint.textContent = found.hint;
    hint.dataset.mistake = found.mistake;
  }
}

/**
 * @param {number} node
 * @param {boolean} right
 */
function passQuestion(node, right) {
  quiz[right ? "right" : "helped"]++;
  const count = questions(contributionsOf(node, model.at)).length;
  const asked = askedNow(node);
  const told = `${right ? "Right" : "It is"}: ${shown(asked.upstream)} × ${shown(asked.slope)} = ${shown(asked.sent)}`
    + `${asked.first ? "" : `, and ${shown(asked.before)} + ${shown(asked.sent)} = ${shown(asked.after)}`}.`;
  if (quiz.asked + 1 < count) {
    quiz.asked++;
    quiz.tries = 0;
    refresh();
  } else go(model.at + 1);
  byId("step-body").prepend(make(right ? "p.praise" : "p.told", told));
  byId("answer")?.focus();
}

// --- cards -------------------------------------------------------------------------------------

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

/** @type {{result: any, node: number, found: any}} */
let explained = { result: null, node: -1, found: null };

function showNode() {
  const { graph, result, seeds, selected } = model;
  byId("node-card").hidden = selected < 0;
  if (selected < 0) return;
  byId("node-title").textContent = `Why ${nameOf(graph, selected)}?`;
  const [names, numbers] = formulas(graph, result.primals, selected);
  const lines = [];
  if (graph.labels.has(selected)) lines.push(make("p.quiet", `id ${graph.ids[selected]}`));
  if (names) lines.push(equation("value", names));
  if (names) lines.push(equation("", numbers));
  lines.push(equation(names ? "" : "value", make("span.num.data", shown(result.primals[selected], 10))));
  if (quiz.on && model.at < model.film.last) lines.push(make("p", "The quiz is on: its gradient is told at the end."));
  else {
    if (explained.result !== result || explained.node !== selected) {
      explained = { result, node: selected, found: explain(graph, result, seeds, selected, PATHS) };
    }
    lines.push(...pathsCard(graph, result, seeds, selected, explained.found));
  }
  lines.push(...foldButtons());
  if (graph.docs.has(selected)) lines.push(make("p.quiet", graph.docs.get(selected) ?? ""));
  byId("node-body").replaceChildren(...lines);
}

/** Offer to fold the groups that the selected node is in. */
function foldButtons() {
  const { groups, selected, folded } = model;
  if (!folded) return [];
  const row = make("div.row");
  for (let g = groups.of[selected]; g >= 0; g = groups.parent[g]) {
    if (groups.size[g] < 2) continue;
    const button = make("button.small", `Fold ${groups.path[g]}`);
    button.addEventListener("click", () => { model.folded = new Set(folded).add(g); redraw(); });
    row.prepend(button);
  }
  return row.childElementCount ? [row] : [];
}

// --- leaves and seed ---------------------------------------------------------------------------

function listSeeds() {
  const { graph, seeds } = model;
  const row = byId("seed-row");
  const label = make("span", "Gradient of");
  const amount = numberField("Seed", [...seeds.values()][0], (seed) => Number.isFinite(seed) && changeSeed(Number(choice.value), seed));
  const choice = /** @type {HTMLSelectElement} */ (make("select"));
  choice.setAttribute("aria-label", "Output to differentiate");
  for (const node of graph.outputs.slice(0, 500)) choice.append(new Option(nameOf(graph, node), String(node)));
  choice.value = String([...seeds.keys()][0]);
  choice.addEventListener("change", () => changeSeed(Number(choice.value), typed(amount.value) ?? 1));
  if (graph.outputs.length === 1) {
    row.replaceChildren(make("div.row", "Gradient of", make("b", nameOf(graph, graph.outputs[0])), "× seed", amount));
    return;
  }
  const more = seeds.size > 1 ? [make("span.quiet", ` and ${counted(seeds.size - 1, "more output")}`)] : [];
  row.replaceChildren(make("div.row", label, choice, make("span", "× seed"), amount, ...more));
}

/**
 * @param {number} output
 * @param {number} seed
 */
function changeSeed(output, seed) {
  model.seeds = new Map([[output, seed]]);
  const done = model.at >= model.film.last;
  runAll();
  if (done) model.at = model.film.last;
  listSeeds();
  refresh();
}

/**
 * @param {string} label
 * @param {number} value
 * @param {(value: number) => unknown} changed
 */
function numberField(label, value, changed) {
  const field = /** @type {HTMLInputElement} */ (make("input.number"));
  Object.assign(field, { type: "text", value: shortest(Number(value.toPrecision(6))), autocomplete: "off", spellcheck: false, title: exact(value) });
  field.setAttribute("aria-label", label);
  field.addEventListener("change", () => {
    const number = typed(field.value);
    const right = number !== null && changed(number) !== false;
    if (right) field.removeAttribute("aria-invalid");
    else field.setAttribute("aria-invalid", "true");
  });
  return field;
}

/** @param {number} x */
const shortest = (x) => (Number.isFinite(x) ? (Object.is(x, -0) ? "-0" : String(x)) : Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf");

function listLeaves() {
  const { graph, selected } = model;
  const wanted = byId("leaf-filter").value.trim().toLowerCase();
  const all = [];
  for (let node = 0; node < graph.count; node++) if (["input", "param"].includes(graph.ops[node])) all.push(node);
  const isFound = (/** @type {number} */ node) => !wanted || graph.ids[node].toLowerCase().includes(wanted) || nameOf(graph, node).toLowerCase().includes(wanted);
  const found = all.filter(isFound);
  const first = found.slice(0, LEAF_ROWS);
  if (all.includes(selected) && !first.includes(selected)) first.unshift(selected);
  const shorten = shortener(first.map((node) => nameOf(graph, node)));
  byId("leaves").replaceChildren(...first.map((node) => leafRow(node, shorten)));
  byId("leaf-filter").hidden = all.length <= 12;
  const hidden = found.length - first.length;
  const notes = [];
  if (model.given.size) notes.push(`The file gives ${model.given.size === 1 ? "one input" : `${model.given.size} inputs`} no value: 0 is taken.`);
  if (hidden > 0) notes.push(`${counted(hidden, "more leaf").replace("leafs", "leaves")}: filter by name.`);
  if (!all.length) notes.push("There are only consts.");
  byId("leaves-note").textContent = notes.join(" ");
}

/**
 * @param {number} node
 * @param {(text: string, width: number) => string} shorten
 */
function leafRow(node, shorten) {
  const { graph, values } = model;
  const name = nameOf(graph, node);
  const slider = /** @type {HTMLInputElement} */ (make("input"));
  Object.assign(slider, { type: "range", step: "any" });
  slider.setAttribute("aria-label", `${name}, slider`);
  slider.dataset.leaf = graph.ids[node];
  spread(slider, values[node]);
  const field = numberField(name, values[node], (value) => {
    setLeaf(node, value);
    spread(slider, value);
    moved();
  });
  slider.addEventListener("input", () => {
    const value = Number(Number(slider.value).toPrecision(4));
    field.value = shortest(value);
    field.removeAttribute("aria-invalid");
    setLeaf(node, value);
    moved();
  });
  const title = make(`span.leaf.${graph.ops[node]}`, shorten(name, LEAF_WIDTH));
  title.title = graph.ids[node];
  return make("div.leaf-row", title, slider, field);
}

/**
 * Give a slider a range around a value.
 * @param {HTMLInputElement} slider
 * @param {number} value
 */
function spread(slider, value) {
  const middle = Number.isFinite(value) && Math.abs(value) < 1e300 ? value : 0;
  const reach = Math.max(2, 2 * Math.abs(middle));
  slider.min = String(middle - reach);
  slider.max = String(middle + reach);
  slider.value = String(middle);
}

let moving = 0;

/** Follow a leaf that moves, once a frame. */
function moved() {
  moving ||= requestAnimationFrame(() => {
    moving = 0;
    evaluateNow();
    refresh();
  });
}

function reset() {
  const done = model.at >= model.film.last;
  ask(undefined);
  if (done) model.at = model.film.last;
  refresh();
}

// --- runs --------------------------------------------------------------------------------------

function listRuns() {
  const { graph } = model;
  byId("runs-card").hidden = !graph.runs.length;
  byId("runs-card").open = false;
  const list = make("ul.runs");
  graph.runs.slice(0, 50).forEach((run, k) => {
    const load = make("button.small", "Load");
    load.setAttribute("aria-label", `Load run ${k + 1}`);
    load.addEventListener("click", () => {
      const done = model.at >= model.film.last;
      ask(run);
      if (done) model.at = model.film.last;
      refresh();
    });
    const inputs = [...run.inputs].slice(0, 4).map(([id, x]) => `${id} = ${shown(x)}`).join(", ");
    list.append(make("li", make("span", `${k + 1}. ${run.origin || "no origin"}${inputs ? `: ${inputs}` : ""}`), load));
  });
  byId("runs").replaceChildren(list);
  if (graph.runs.length) listChoices();
}

function listChoices() {
  const row = make("div.row", make("span", "Compare"));
  for (const [id, label, start] of [["run-a", "Run A", "0"], ["run-b", "Run B", "now"]]) {
    const choice = /** @type {HTMLSelectElement} */ (make("select"));
    choice.id = id;
    choice.setAttribute("aria-label", label);
    choice.append(new Option("this page, now", "now"));
    model.graph.runs.slice(0, 50).forEach((_, k) => choice.append(new Option(`run ${k + 1}`, String(k))));
    choice.value = start;
    choice.addEventListener("change", refresh);
    row.append(choice, ...(id === "run-a" ? ["with"] : []));
  }
  const result = make("div");
  result.id = "differences";
  byId("compare").replaceChildren(row, result);
}

function showComparison() {
  const { graph, result } = model;
  const before = model.differing.size;
  model.differing = new Set();
  if (byId("runs-card").open && graph.runs.length) {
    const chosen = ["run-a", "run-b"].map((id) => graph.runs[byId(id).value] ?? numbersOf(result));
    const tolerance = chosen.find((run) => "tolerance" in run && run.tolerance)?.tolerance ?? TOLERANCE;
    const found = compareRuns(graph, chosen[0], chosen[1], tolerance);
    model.differing = new Set(found.map(({ node }) => node));
    byId("differences").replaceChildren(...differenceTable(found));
  }
  if (before || model.differing.size) paint();
}

/** @param {import("./compare.js").Difference[]} found */
function differenceTable(found) {
  const { graph } = model;
  if (!found.length) return [make("p", "No differences, within the tolerance.")];
  const body = make("tbody");
  const spelled = (/** @type {number | null} */ x) => (x === null ? "–" : shown(x, 8));
  for (const { node, kind, a, b } of found.slice(0, DIFFERENCES)) {
    const name = make("button.plain", nameOf(graph, node));
    name.addEventListener("click", () => goTo(node));
    body.append(make("tr", make("td", name), make("td.quiet", kind), make("td.num", spelled(a)), make("td.num", spelled(b))));
  }
  const heads = ["node", "", "A", "B"].map((text) => make("th", text));
  const rest = found.length - DIFFERENCES;
  return [
    make("p", `${counted(found.length, "difference")}; the nodes are marked.`),
    make("div.scroll", make("table", make("thead", make("tr", ...heads)), body)),
    ...(rest > 0 ? [make("p.quiet", `… and ${rest.toLocaleString("en-US")} more.`)] : []),
  ];
}

// --- files and links ---------------------------------------------------------------------------

/** Return the run on the page as a file records it. */
function runNow() {
  const { graph, result, seeds, changed, values } = model;
  const inputs = new Map([...changed].sort((a, b) => a - b).map((node) => [graph.ids[node], values[node]]));
  const [first, ...more] = [...seeds];
  const plain = graph.outputs.length === 1 && !more.length && first[1] === 1;
  const seed = plain ? new Map() : new Map([...seeds].map(([node, x]) => [graph.ids[node], x]));
  return recorded(graph, result, inputs, seed, settings.version);
}

async function download() {
  const { graph, file } = model;
  const text = toJson(graph, withRun(graph, await runNow()));
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const anchor = /** @type {HTMLAnchorElement} */ (make("a"));
  anchor.href = address;
  anchor.download = `${file.replace(/\.[^.]*$/, "").replace(/\.annotated$/, "")}.annotated.json`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

async function copyLink() {
  const { graph } = model;
  const run = { ...(await runNow()), data: null, grad: null, origin: "", graph: undefined };
  const compact = JSON.stringify(JSON.parse(toJson(graph, [run])));
  const fragment = await toFragment(compact);
  if (fragment.length > LINK) {
    complain("This graph is too large for a link. Download the file, and pass that on.");
    return;
  }
  history.replaceState(null, "", `#${fragment}`);
  byId("alert").hidden = true;
  try {
    await navigator.clipboard.writeText(location.href);
    byId("link").textContent = "Copied";
  } catch {
    byId("link").textContent = "In the address bar";
  }
  byId("live").textContent = "The link is ready: it holds the whole graph.";
  setTimeout(() => { byId("link").textContent = "Link"; }, 2500);
}

// --- search ------------------------------------------------------------------------------------

/** @type {number[]} */
let hits = [];
let chosen = 0;

function search() {
  const { graph } = model;
  const wanted = byId("search").value.trim().toLowerCase();
  hits = [];
  chosen = 0;
  for (let node = 0; wanted && node < graph.count && hits.length < FOUND; node++) {
    const label = graph.labels.get(node);
    if (graph.ids[node].toLowerCase().includes(wanted) || label?.toLowerCase().includes(wanted)) hits.push(node);
  }
  showHits(wanted);
}

/** @param {string} wanted */
function showHits(wanted) {
  const list = byId("found");
  list.replaceChildren(...hits.map((node, k) => {
    const option = make("li", make("b", nameOf(model.graph, node)), ` ${model.graph.ops[node]}`);
    option.id = `hit-${k}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", String(k === chosen));
    option.addEventListener("pointerdown", (event) => { event.preventDefault(); takeHit(k); });
    return option;
  }));
  if (wanted && !hits.length) {
    const none = make("li.quiet", "no such node");
    none.setAttribute("role", "option");
    none.setAttribute("aria-selected", "false");
    list.append(none);
  }
  list.hidden = !wanted;
  byId("search").setAttribute("aria-expanded", String(!list.hidden));
  if (hits.length) byId("search").setAttribute("aria-activedescendant", `hit-${chosen}`);
  else byId("search").removeAttribute("aria-activedescendant");
}

/** @param {number} k */
function takeHit(k) {
  if (hits[k] === undefined) return;
  const node = hits[k];
  byId("search").value = "";
  byId("search").blur();
  search();
  goTo(node);
}

/** @param {KeyboardEvent} event */
function searchKey(event) {
  if (event.key === "Enter") takeHit(chosen);
  else if (event.key === "Escape") {
    byId("search").value = "";
    search();
    byId("search").blur();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const by = event.key === "ArrowDown" ? 1 : -1;
    chosen = hits.length ? (chosen + by + hits.length) % hits.length : 0;
    showHits(byId("search").value.trim());
  } else return;
  event.stopPropagation();
}

// --- keys, help, theme -------------------------------------------------------------------------

/** @type {[string, string, () => void][]} */
const KEYS = [
  [" ", "play, pause", toggle],
  ["ArrowRight", "one step on", next],
  ["ArrowLeft", "one step back", () => { pause(); go(model.at - 1); }],
  ["Home", "to the start", () => { pause(); go(0); }],
  ["End", "to the end", () => { pause(); go(model.film.last); }],
  ["+", "zoom in", () => picture.zoom(1.25)],
  ["-", "zoom out", () => picture.zoom(0.8)],
  ["0", "show all", showAll],
  ["/", "find a node", () => byId("search").focus()],
  ["?", "this help", () => byId("help").showModal()],
  ["Escape", "close", close],
];

function close() {
  byId("alert").hidden = true;
  byId("tooltip").hidden = true;
  if (model.selected >= 0) {
    model.selected = -1;
    refresh();
  }
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = target.matches("input:not([type=range]), select, textarea");
  const onRange = target.matches("input[type=range]") && /^(Arrow|Home|End)/.test(event.key);
  const onButton = target.matches("button, summary") && event.key === " ";
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open || onRange || onButton) return;
  if (typing && event.key !== "Escape") return;
  const key = KEYS.find(([name]) => name === event.key || (name === "+" && event.key === "="));
  if (!key) return;
  event.preventDefault();
  if (typing) target.blur();
  else key[2]();
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

function listen() {
  const on = (/** @type {string} */ id, /** @type {string} */ event, /** @type {(event: any) => void} */ act) => byId(id).addEventListener(event, act);
  on("play", "click", toggle);
  on("next", "click", next);
  on("back", "click", () => { pause(); go(model.at - 1); });
  on("first", "click", () => { pause(); go(0); });
  on("last", "click", () => { pause(); go(model.film.last); });
  on("scrub", "input", (event) => { pause(); go(Number(event.target.value)); });
  on("quiz", "click", toggleQuiz);
  on("open", "click", () => byId("file").click());
  on("file", "change", (event) => { if (event.target.files[0]) openFile(event.target.files[0]); event.target.value = ""; });
  on("download", "click", download);
  on("link", "click", copyLink);
  on("theme", "click", theme);
  on("help-button", "click", () => byId("help").showModal());
  on("help-close", "click", () => byId("help").close());
  on("closer", "click", () => picture.zoom(1.25));
  on("farther", "click", () => picture.zoom(0.8));
  on("whole", "click", showAll);
  on("node-close", "click", close);
  on("reset", "click", reset);
  on("leaf-filter", "input", listLeaves);
  on("runs-card", "toggle", showComparison);
  on("search", "input", search);
  on("search", "keydown", searchKey);
  on("search", "blur", () => { byId("found").hidden = true; });
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", openFragment);
  listenToDrops();
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    picture.measure();
    redraw();
  });
}

function listenToDrops() {
  const over = (/** @type {boolean} */ shows) => { byId("drop").hidden = !shows; };
  document.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) over(false); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    const file = event.dataTransfer?.files[0];
    if (file) openFile(file);
  });
}

function fillHelp() {
  const names = new Map([[" ", "space"], ["ArrowRight", "→"], ["ArrowLeft", "←"], ["Escape", "Esc"]]);
  byId("keys").replaceChildren(...KEYS.flatMap(([key, what]) => [make("dt", make("kbd", names.get(key) ?? key)), make("dd", what)]));
  const kinds = [["input", "input"], ["param", "param, trainable"], ["const", "const, no gradient"], ["op", "operation"], ["op output", "output"]];
  byId("legend").replaceChildren(...kinds.map(([kind, words]) => make("li", swatch(kind), words)));
}

/** @param {string} kind */
function swatch(kind) {
  const svg = element("svg", { viewBox: "-13 -8 26 16", "aria-hidden": "true", class: `box ${kind}` });
  const [shape] = kind.split(" ");
  if (kind !== shape) svg.append(element("path", { class: "rim", d: outline("op", 29, 19) }));
  svg.append(element("path", { class: "shape", d: outline(shape, 24, 14) }));
  return svg;
}

async function start() {
  fillHelp();
  listen();
  quiz.on = settings.quiz;
  if (!(await openFragment())) {
    const bytes = new TextEncoder().encode(byId("graph").textContent);
    open(await readGraph(bytes), settings.file, false);
  }
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

/** For the console, and for tests: the reader and the engine as the page uses them. */
Object.assign(window, { mgraph: { model, readGraph, hashOf, evaluate, explain, goTo, go } });

await start();
