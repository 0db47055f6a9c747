/** Saves what the page shows as a graph on the server, under a name. */
import { button, named } from "./controls.js";
import { byId, make } from "./elements.js";
import { isRefused } from "./files.js";
import { addressOf, folderOf, freeName, lastPart, nameLike, namesBelow } from "./names.js";
import { request, ServerError } from "./server.js";
import { remember, remembered } from "./session.js";
import { settings, state } from "./state.js";
import { recorded, toJson } from "./write.js";

/** @typedef {import("./graph.js").Graph} Graph */

const MOST_NAMES = 1000;
const NEEDS = "Type a name with letters a–z or digits.";

/**
 * What is on the server, as the page showed it then.
 * @typedef {object} Kept
 * @property {string} name under which it is there; empty for an id
 * @property {string} id
 * @property {Graph} graph
 * @property {Float64Array} values
 * @property {[number, number][]} seeds
 */

/** @type {Kept | null} */
let kept = null;

/** Is called with the name of a saved copy. */
let saved = (/** @type {string} */ _) => {};

/**
 * Note that the page shows what is on the server.
 * @param {string} name
 * @param {string} id
 */
export function keepAs(name, id) {
  const { graph, values, seeds } = state;
  kept = { name, id, graph, values: values.slice(), seeds: [...seeds] };
}

/** Return what is on the server if the page shows just that; else null. */
export function keptNow() {
  const { graph, values, seeds } = state;
  const isSame = kept !== null && kept.graph === graph
    && kept.values.every((x, node) => Object.is(x, values[node]))
    && String(kept.seeds) === String([...seeds]);
  return isSame ? kept : null;
}

/** Return the name under which the page's graph was opened or saved; empty if it was opened by its id. */
export const nameNow = () => kept?.name || settings.served?.name || "";

/** The graph of a class, if the page shows one: there are names below its own. */
let withNames = "";

/** Look whether there are names below that of the page's graph: then it is the graph of a class of its own. */
export async function lookBelow() {
  const name = nameNow();
  if (name && (await namesBelow(name, 1)).names.length) withNames = name;
}

/** Return the prefix of the class: that of the graph's name, or else the one that the tab came from. */
export function classNow() {
  const [prefix, name] = [remembered("class"), nameNow()];
  if (!name) return prefix;
  return name === prefix || name === withNames ? name : folderOf(name) || name;
}

/** Whether the link that the token came with was of this class, or of one above it, as far as is known. */
function isAllowed() {
  const allowed = remembered("allowed");
  return !allowed || `${classNow()}/`.startsWith(`${allowed}/`);
}

/**
 * Write the graph with the numbers of the page as its own, and with their run.
 * @returns {Promise<string>}
 */
async function asCopy() {
  const { graph, values, seeds, missing, result, isExact } = state;
  const isGiven = (/** @type {number} */ node) => !graph.entries[node] && !missing.has(node);
  const copy = { ...graph, data: values, known: graph.known.map((_, node) => (isGiven(node) ? 1 : 0)), runs: [] };
  if (missing.size) return toJson(copy, []);
  const seed = new Map(Array.from(seeds, ([node, x]) => [graph.ids[node], x]));
  return toJson(copy, [await recorded(copy, result, new Map(), seed, isExact, settings.version)]);
}

/**
 * Store the graph of the page, unless it is there already; return its id.
 * @returns {Promise<string>}
 */
async function stored() {
  const there = keptNow();
  if (there) return there.id;
  const answer = await request("/api/graphs", { method: "POST", body: await asCopy() });
  return (await answer.json()).id;
}

/**
 * Give a stored graph a name that nothing has yet.
 * @param {string} name
 * @param {string} id
 * @returns {Promise<boolean>} false if another graph has the name
 */
async function nameIt(name, id) {
  const path = `/api/names/${name}`;
  try {
    await request(path, { method: "PUT", body: JSON.stringify({ id }), headers: { "if-none-match": "*" } });
  } catch (error) {
    if (!(error instanceof ServerError) || error.status !== 412) throw error;
    const entry = await (await request(path)).json();
    return entry.id === id; // it was saved before, and only the answer was lost
  }
  return true;
}

/**
 * Let somebody save a copy.
 * @param {(name: string) => void} whenSaved what to do with its name
 */
export function askForName(whenSaved) {
  if (isRefused("Nothing was saved.")) return;
  saved = whenSaved;
  const dialog = byId("saving");
  const needed = settings.served?.needsToken && !remembered("token");
  byId("saving-form").hidden = Boolean(needed);
  byId("saving-needs").hidden = !needed;
  byId("saving-name").value ||= remembered("name");
  offered = "";
  showName();
  dialog.showModal();
  if (!needed) offerNext();
}

/** The name that was offered because an earlier copy has the one before it. */
let offered = "";

/** If the name that is filled in has been used already, by an earlier copy, offer the next one. */
async function offerNext() {
  const [text, name] = [byId("saving-name").value, nameAsked()];
  if (!name || text.trim() !== remembered("name")) return;
  try {
    const next = await nextFree(name);
    if (next === name || byId("saving-name").value !== text) return;
    offered = next;
    fillIn(next);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error; // saving says the same
  }
}

/** @param {string} name */
async function nextFree(name) {
  const { names } = await namesBelow(folderOf(name), MOST_NAMES);
  return freeName(name, names.map((entry) => entry.name));
}

/** @param {string} name */
function fillIn(name) {
  byId("saving-name").value = classNow() ? lastPart(name) : name;
  showName();
}

/** @param {string} words */
function tellFault(words) {
  byId("saving-fault").textContent = words;
  byId("saving-name").toggleAttribute("aria-invalid", Boolean(words));
}

/** Return the full name that is asked for; empty if nothing is left of it. */
function nameAsked() {
  const [prefix, text] = [classNow(), byId("saving-name").value];
  const own = prefix ? nameLike(text) : text.split("/").map(nameLike).filter(Boolean).join("/");
  return own && prefix ? `${prefix}/${own}` : own;
}

/** Say what the copy will be called, or why it can't be saved. */
function showName() {
  const [name, isTyped] = [nameAsked(), Boolean(byId("saving-name").value.trim())];
  const stays = name === offered ? " Your earlier copy stays." : "";
  const right = isAllowed();
  tellFault(right ? (isTyped && !name ? NEEDS : "") : `This graph belongs to another exercise. To save a copy, open the link or the QR code of ${classNow()}.`);
  byId("saving-as").textContent = name && right ? `It will be called ${name}.${stays} Everybody who can open this server sees it.` : "";
}

/** @param {SubmitEvent} event */
async function save(event) {
  event.preventDefault();
  const name = nameAsked();
  if (!name) {
    tellFault(NEEDS);
    return;
  }
  byId("saving-save").disabled = true;
  tellFault("");
  try {
    const id = await stored();
    if (await nameIt(name, id)) finish(name, id);
    else await offerAnother(name);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    tellFault(`${error.message}${error.status ? "" : " Nothing of your work is lost."}`);
  } finally {
    byId("saving-save").disabled = false;
  }
}

/**
 * @param {string} name
 * @param {string} id
 */
function finish(name, id) {
  remember("name", byId("saving-name").value.trim());
  keepAs(name, id);
  history.replaceState(null, "", addressOf(name));
  byId("saving").close();
  saved(name);
}

/** @param {string} name that is taken */
async function offerAnother(name) {
  const other = await nextFree(name);
  fillIn(other);
  tellFault(`${lastPart(name)} is taken: there is another graph of that name. Save again to call this one ${lastPart(other)}, or type another name.`);
}

/** Make the dialog, once. */
export function makeSaving() {
  const close = () => byId("saving").close();
  const field = Object.assign(make("input"), { id: "saving-name", maxLength: 60, autocomplete: "nickname", spellcheck: false });
  field.setAttribute("aria-describedby", "saving-as saving-fault");
  field.addEventListener("input", showName);
  const buttons = make("div.row", named("button", "saving-save", "Save"), button("saving-cancel", "Cancel", close));
  const form = Object.assign(make("form", make("label", "Your name ", field), named("p", "saving-as", ""), named("p", "saving-fault", ""), buttons), { id: "saving-form" });
  form.addEventListener("submit", save);
  const why = "To save a copy here, open the link or the QR code of your class: the permission is in it. Until then, Download keeps your work on this device.";
  const needs = named("div", "saving-needs", make("p", why), button("saving-close", "Close", close));
  const dialog = named("dialog", "saving", named("h2", "saving-title", "Save a copy"), form, needs);
  dialog.setAttribute("aria-labelledby", "saving-title");
  document.body.append(dialog);
  byId("saving-as").className = "quiet";
  byId("saving-fault").setAttribute("role", "alert");
}
