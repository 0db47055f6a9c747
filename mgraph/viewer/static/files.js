/** Opens graphs from files and links, and saves them as files and links. */
import { nameOf } from "./cards.js";
import { CORNER, shortener } from "./draw.js";
import { byId, make } from "./elements.js";
import { usersOf } from "./graph.js";
import { foldedAtFirst, groupsOf } from "./groups.js";
import { ask, listInputs, unreadable } from "./leaves.js";
import { pause } from "./player.js";
import { startQuiz } from "./quiz.js";
import { readGraph } from "./read.js";
import { Refusal } from "./refusal.js";
import { listRuns } from "./runs.js";
import { drawScene, picture } from "./scene.js";
import { quiz, refresh, settings, state } from "./state.js";
import { forgetRows } from "./training.js";
import { recorded, toJson, withRun } from "./write.js";
import { fromFragment, toFragment } from "./bytes.js";

const LINK = 32_000;
const NAMES = 20_000;
const READABLE = 100; // nodes of a graph that is folded no more on a page that trains it

/** @typedef {import("./graph.js").Graph} Graph */

/**
 * Show a graph, from the start. If that fails, the page shows again what it showed before.
 * @param {Graph} graph
 * @param {string} file
 * @param {boolean} asRecorded whether to start with the inputs and seed of its first run, as links do
 */
export function open(graph, file, asRecorded) {
  pause();
  const before = { ...state };
  try {
    const groups = groupsOf(graph);
    Object.assign(state, /** @satisfies {Partial<import("./state.js").State>} */ ({
      file, graph, groups, users: usersOf(graph.count, graph.first, graph.args),
      at: 0, selected: -1, focus: graph.outputs[0], differing: new Set(), folded: foldedAtFirst(graph, groups, settings.rows ? READABLE : undefined),
    }));
    state.shorten = shortener(namesIn(graph, groups), state.folded ? 0 : CORNER);
    ask(asRecorded ? graph.runs[0] : undefined);
    if (quiz.on) startQuiz();
    showGraph();
  } catch (error) {
    Object.assign(state, before);
    if (before.graph.count) showGraph();
    throw error;
  }
}

/**
 * Return the names that the page may have to shorten: all, or a sample of very many.
 * @param {Graph} graph
 * @param {import("./groups.js").Groups} groups
 */
function namesIn(graph, { path }) {
  const isSampled = (/** @type {unknown} */ _, /** @type {number} */ i) => i % Math.ceil(graph.count / NAMES) === 0;
  const nodes = [...graph.ids.keys()].filter(isSampled);
  return [...nodes.map((node) => nameOf(graph, node)), ...path.filter(isSampled).map((name) => `${name}.`)];
}

/** Show the graph of the state. */
function showGraph() {
  const { graph, file } = state;
  document.body.className = "";
  byId("name").textContent = graph.header.name || file;
  byId("doc").textContent = graph.header.doc ?? "";
  document.title = `${graph.header.name || file} – mgraph`;
  byId("leaf-filter").value = "";
  byId("search").value = "";
  forgetRows();
  listInputs();
  picture.measure();
  drawScene();
  listRuns();
  refresh();
}

/** How many files and links were opened: only the last one is shown, however long each takes to read. */
let openings = 0;

/**
 * Read a file that was dropped or chosen.
 * @param {File} file
 */
export async function openFile(file) {
  const turn = ++openings;
  try {
    const graph = await readGraph(new Uint8Array(await file.arrayBuffer()));
    if (turn !== openings) return;
    open(graph, file.name, false);
    history.replaceState(null, "", location.pathname);
    byId("alert").hidden = true;
  } catch (error) {
    const why = error instanceof Refusal ? `${error.message} (${error.code})` : "this page can't show it";
    complain(`${file.name} was not opened: ${why}. To list all faults: `, `mgraph check ${inShell(file.name)}`);
  }
}

/**
 * What the page showed when it said something about it.
 * @type {import("./engine.js").Result | null}
 */
let remarked = null;

/** Once something has changed, what was said is not about this page any more. */
export function forgetRemark() {
  if (!remarked || state.result === remarked) return;
  remarked = null;
  byId("alert").hidden = true;
}

/**
 * @param {string} words
 * @param {string} command
 */
export function complain(words, command = "") {
  remarked = null;
  byId("alert").replaceChildren(words, ...(command ? [make("code", command)] : []));
  byId("alert").hidden = false;
}

/**
 * Write a file name as it can be typed into a shell.
 * @param {string} name
 */
function inShell(name) {
  const plain = name.replace(/[\p{C}]/gu, "?");
  return /^[\w.][\w./-]*$/.test(plain) ? plain : `'${plain.replace(/'/g, "'\\''")}'`;
}

/** Open the graph in the address after its #. Returns whether there was one. */
export async function openFragment() {
  const turn = ++openings;
  try {
    const bytes = await fromFragment(location.hash);
    const graph = bytes && await readGraph(bytes);
    if (!graph || turn !== openings) return false;
    open(graph, "linked.json", true);
    return true;
  } catch (error) {
    complain(`The graph in this link was not opened: ${error instanceof Refusal ? error.message : "it is damaged"}. Copy the whole link again.`);
    return false;
  }
}

/** Return the run on the page as a file records it. */
function runNow() {
  const { graph, result, seeds, changed, values, isExact } = state;
  const inputs = new Map([...changed].sort((a, b) => a - b).map((node) => [graph.ids[node], values[node]]));
  const [first, ...more] = [...seeds];
  const plain = graph.outputs.length === 1 && !more.length && first[1] === 1;
  const seed = plain ? new Map() : new Map([...seeds].map(([node, x]) => [graph.ids[node], x]));
  return recorded(graph, result, inputs, seed, isExact, settings.version);
}

export async function download() {
  if (isRefused("Nothing was downloaded.")) return;
  const { graph, file, missing } = state;
  const text = toJson(graph, missing.size ? graph.runs : withRun(graph, await runNow()));
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const anchor = make("a");
  anchor.href = address;
  anchor.download = `${file.replace(/\.[^.]*$/, "").replace(/\.annotated$/, "")}.annotated.json`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export async function copyLink() {
  if (isRefused("No link was made.")) return;
  const { graph, missing } = state;
  const run = { ...(await runNow()), data: null, grad: null, origin: "", graph: undefined };
  const compact = JSON.stringify(JSON.parse(toJson(graph, missing.size ? [] : [run])));
  const fragment = await toFragment(compact);
  if (fragment.length > LINK) {
    complain("This graph is too large for a link. Download the file and pass it on instead.");
    return;
  }
  history.replaceState(null, "", `#${fragment}`);
  byId("alert").hidden = true;
  const isLocal = location.protocol === "file:" || /^(localhost|127\..*|\[::1\])$/.test(location.hostname);
  const words = "This page is on your computer, where a friend can't open it. Send the page itself, the file (Download), or this link, which the command mgraph open reads.";
  await passOn(isLocal ? `mgraph:${fragment}` : location.href, isLocal ? words : "");
  byId("live").textContent = "The link is ready: it contains the whole graph.";
}

/**
 * Say that nothing was done if a field can't be read: the graph still has the number before it.
 * @param {string} words what was not done
 * @returns {boolean} whether that is so
 */
export function isRefused(words) {
  const wrong = unreadable();
  if (wrong) remark(`${words} ${wrong}.`);
  return Boolean(wrong);
}

/**
 * Complain about what the page shows now, until that changes.
 * @param {string} words
 */
export function remark(words) {
  complain(words);
  remarked = state.result;
}

/**
 * Put a link into the clipboard. Where that is not allowed, the link is shown in the address bar, or in the message.
 * @param {string} link
 * @param {string} words what has to be said about it, in sentences; may be empty
 */
export async function passOn(link, words) {
  try {
    await navigator.clipboard.writeText(link);
    byId("link").textContent = "Copied";
    if (words) complain(`${words} The link has been copied.`);
  } catch {
    if (words) complain(`${words} The link: `, link);
    else byId("link").textContent = "In the address bar";
  }
  remarked = words ? state.result : null;
  setTimeout(() => { byId("link").textContent = "Link"; }, 2500);
}
