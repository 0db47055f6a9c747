/** Graphs that come and go: files, downloads, links. */
import { startQuiz } from "./asking.js";
import { fromFragment, toFragment } from "./bytes.js";
import { make } from "./cards.js";
import { foldedAtFirst, groupsOf } from "./groups.js";
import { ask } from "./leaves.js";
import { byId, complain, model, quiz, refresh, settings } from "./model.js";
import { pause } from "./player.js";
import { readGraph, usersOf } from "./read.js";
import { Refusal } from "./refusal.js";
import { listRuns } from "./runs.js";
import { drawScene, picture } from "./scene.js";
import { recorded, toJson, withRun } from "./write.js";

const LINK = 8000;

/** @typedef {import("./read.js").Graph} Graph */

/**
 * Show a graph.
 * @param {Graph} graph
 * @param {string} file
 * @param {boolean} asRecorded whether to start as its first run says, as links do
 */
export function open(graph, file, asRecorded) {
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

/** Open what the address carries behind its #. Returns whether there was something. */
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
  const { graph, result, seeds, changed, values } = model;
  const inputs = new Map([...changed].sort((a, b) => a - b).map((node) => [graph.ids[node], values[node]]));
  const [first, ...more] = [...seeds];
  const plain = graph.outputs.length === 1 && !more.length && first[1] === 1;
  const seed = plain ? new Map() : new Map([...seeds].map(([node, x]) => [graph.ids[node], x]));
  return recorded(graph, result, inputs, seed, settings.version);
}

export async function download() {
  const { graph, file } = model;
  const text = toJson(graph, withRun(graph, await runNow()));
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const anchor = /** @type {HTMLAnchorElement} */ (make("a"));
  anchor.href = address;
  anchor.download = `${file.replace(/\.[^.]*$/, "").replace(/\.annotated$/, "")}.annotated.json`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export async function copyLink() {
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
