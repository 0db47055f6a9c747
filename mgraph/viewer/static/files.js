/** Opens graphs from files and links, and saves them as files and links. */
import { byId, make } from "./elements.js";
import { usersOf } from "./graph.js";
import { foldedAtFirst, groupsOf } from "./groups.js";
import { ask } from "./leaves.js";
import { pause } from "./player.js";
import { startQuiz } from "./quiz.js";
import { readGraph } from "./read.js";
import { Refusal } from "./refusal.js";
import { listRuns } from "./runs.js";
import { drawScene, picture } from "./scene.js";
import { quiz, refresh, settings, state } from "./state.js";
import { recorded, toJson, withRun } from "./write.js";
import { fromFragment, toFragment } from "./bytes.js";

const LINK = 8000;

/** @typedef {import("./graph.js").Graph} Graph */

/**
 * Show a graph.
 * @param {Graph} graph
 * @param {string} file
 * @param {boolean} asRecorded whether to start with the inputs and seed of its first run, as links do
 */
export function open(graph, file, asRecorded) {
  pause();
  const groups = groupsOf(graph);
  Object.assign(state, /** @satisfies {Partial<import("./state.js").State>} */ ({
    file, graph, groups, users: usersOf(graph.count, graph.first, graph.args),
    selected: -1, focus: graph.outputs[0], differing: new Set(), folded: foldedAtFirst(graph, groups),
  }));
  byId("name").textContent = graph.header.name || file;
  byId("doc").textContent = graph.header.doc ?? "";
  document.title = `${graph.header.name || file} – mgraph`;
  byId("node-card").hidden = true;
  byId("leaf-filter").value = "";
  byId("search").value = "";
  ask(asRecorded ? graph.runs[0] : undefined);
  state.at = state.steps.last;
  if (quiz.on) startQuiz();
  picture.measure();
  drawScene();
  listRuns();
  refresh();
}

/**
 * Read a file that was dropped or chosen.
 * @param {File} file
 */
export async function openFile(file) {
  try {
    const graph = await readGraph(new Uint8Array(await file.arrayBuffer()));
    history.replaceState(null, "", location.pathname);
    byId("alert").hidden = true;
    open(graph, file.name, false);
  } catch (error) {
    const why = error instanceof Refusal ? `${error.message} (${error.code})` : "it can't be read";
    complain(`${file.name} was not opened: ${why}. To list all faults: `, `mgraph check ${inShell(file.name)}`);
  }
}

/**
 * @param {string} words
 * @param {string} command
 */
function complain(words, command = "") {
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

/** Return the run on the page as a file records it. */
function runNow() {
  const { graph, result, seeds, changed, values } = state;
  const inputs = new Map([...changed].sort((a, b) => a - b).map((node) => [graph.ids[node], values[node]]));
  const [first, ...more] = [...seeds];
  const plain = graph.outputs.length === 1 && !more.length && first[1] === 1;
  const seed = plain ? new Map() : new Map([...seeds].map(([node, x]) => [graph.ids[node], x]));
  return recorded(graph, result, inputs, seed, settings.version);
}

export async function download() {
  const { graph, file } = state;
  const text = toJson(graph, withRun(graph, await runNow()));
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const anchor = make("a");
  anchor.href = address;
  anchor.download = `${file.replace(/\.[^.]*$/, "").replace(/\.annotated$/, "")}.annotated.json`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export async function copyLink() {
  const { graph } = state;
  const run = { ...(await runNow()), data: null, grad: null, origin: "", graph: undefined };
  const compact = JSON.stringify(JSON.parse(toJson(graph, [run])));
  const fragment = await toFragment(compact);
  if (fragment.length > LINK) {
    complain("This graph is too large for a link. Download the file and pass it on instead.");
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
  byId("live").textContent = "The link is ready: it contains the whole graph.";
  setTimeout(() => { byId("link").textContent = "Link"; }, 2500);
}
