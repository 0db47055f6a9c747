/** Starts the page: keys, buttons, help. */
import { LEGEND } from "./appearance.js";
import { showNode, showStep } from "./details.js";
import { element, outline } from "./draw.js";
import { byId, make } from "./elements.js";
import { evaluate } from "./engine.js";
import { copyLink, download, forgetRemark, open, openFile, openFragment } from "./files.js";
import { hashOf } from "./hash.js";
import { listLeaves, listSelected, reset } from "./leaves.js";
import { explain } from "./paths.js";
import { go, next, pause, toggle } from "./player.js";
import { toggleQuiz } from "./quiz.js";
import { readGraph } from "./read.js";
import { showComparison } from "./runs.js";
import { goTo, paint, picture, redraw, showAll } from "./scene.js";
import { search, searchKey } from "./search.js";
import { refresh, settings, state, views } from "./state.js";
import { changeClasses, pauseTraining, readFields, redrawTraining, resetTraining, takeRows, toggleTraining, trainEpoch, trainStep } from "./training.js";

/** @typedef {import("./elements.js").Elements} Elements */

/**
 * What keys do: the name of the key, the words for the help, the action.
 * @type {[string, string, () => void][]}
 */
const KEYS = [
  [" ", "one step forward", next],
  ["ArrowRight", "one step forward", next],
  ["ArrowLeft", "one step back", () => { pause(); go(state.at - 1); }],
  ["Home", "to the start", () => { pause(); go(0); }],
  ["End", "to the end", () => { pause(); go(state.steps.last); }],
  ["p", "play, pause", toggle],
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
  if (state.selected >= 0) {
    state.selected = -1;
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
  redrawTraining();
}

function listen() {
  const on = (/** @type {Exclude<keyof Elements, "answer">} */ id, /** @type {string} */ event, /** @type {() => void} */ act) => byId(id).addEventListener(event, act);
  on("play", "click", toggle);
  on("next", "click", next);
  on("back", "click", () => { pause(); go(state.at - 1); });
  on("first", "click", () => { pause(); go(0); });
  on("last", "click", () => { pause(); go(state.steps.last); });
  on("scrub", "input", () => { pause(); go(Number(byId("scrub").value)); });
  on("quiz", "click", toggleQuiz);
  on("open", "click", () => byId("file").click());
  on("file", "change", () => { openFirst(byId("file").files); byId("file").value = ""; });
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
  on("choose-rows", "click", () => byId("rows-file").click());
  on("rows-file", "change", () => { openFirst(byId("rows-file").files); byId("rows-file").value = ""; });
  on("train", "click", toggleTraining);
  on("train-step", "click", trainStep);
  on("train-epoch", "click", trainEpoch);
  on("train-reset", "click", resetTraining);
  on("show-row", "click", pauseTraining);
  on("row", "change", pauseTraining);
  on("classes", "change", changeClasses);
  for (const id of /** @type {const} */ (["optimizer", "rate", "batch-size", "schedule", "epochs", "clip", "random-seed"])) on(id, "change", readFields);
  on("search", "input", search);
  byId("search").addEventListener("keydown", searchKey);
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
    redrawTraining();
  });
}

function listenToDrops() {
  const over = (/** @type {boolean} */ shows) => { byId("drop").hidden = !shows; };
  document.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) over(false); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    openFirst(event.dataTransfer?.files);
  });
}

/** @param {FileList | null | undefined} files */
async function openFirst(files) {
  const file = files?.[0];
  if (!file) return;
  if (/\.csv$/i.test(file.name) || file.type === "text/csv") takeRows(new Uint8Array(await file.arrayBuffer()), file.name);
  else await openFile(file);
}

function fillHelp() {
  const names = new Map([[" ", "space"], ["ArrowRight", "→"], ["ArrowLeft", "←"], ["Escape", "Esc"]]);
  byId("keys").replaceChildren(...KEYS.flatMap(([key, what]) => [make("dt", make("kbd", names.get(key) ?? key)), make("dd", what)]));
  byId("legend").replaceChildren(...Object.entries(LEGEND).map(([kind, words]) => make("li", swatch(kind), words)));
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
  views.push(paint, showStep, showNode, listSelected, showComparison, forgetRemark);
  fillHelp();
  listen();
  const text = byId("graph").textContent;
  const isLinked = await openFragment();
  if (!isLinked && text) {
    open(await readGraph(new TextEncoder().encode(text)), settings.file, false);
    if (settings.rows) takeRows(new TextEncoder().encode(settings.rows.text), settings.rows.file);
  } else if (!isLinked) {
    document.body.className = "empty";
    byId("doc").textContent = "Open a graph file, or a link that holds a graph.";
  }
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

/** For the console, and for tests: the reader and the engine as the page uses them. */
Object.assign(window, { mgraph: { state, readGraph, hashOf, evaluate, explain, goTo, go } });

/** Ends when the page is ready. */
export const started = start();

await started;
