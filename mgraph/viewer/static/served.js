/** Starts the page where a server sends it: the class's links, saving a copy, comparing, a short link. */
import { compareWith, makeComparing } from "./comparing.js";
import { button, link, named } from "./controls.js";
import { byId, make } from "./elements.js";
import { complain, isRefused, passOn } from "./files.js";
import { addressOf, lastPart, namesBelow } from "./names.js";
import { started } from "./page.js";
import { askForName, classNow, keepAs, keptNow, lookBelow, makeSaving, nameNow } from "./saving.js";
import { picture, redraw } from "./scene.js";
import { ServerError } from "./server.js";
import { takeToken } from "./session.js";
import { settings, state, views } from "./state.js";

/**
 * What a page that a server sends knows of it.
 * @typedef {object} Served
 * @property {string} name of the graph on the server; empty if it was asked for by its id, or there is none
 * @property {string} id of the graph; empty if there is none
 * @property {boolean} needsToken whether only the holders of a token can store something
 * @property {boolean} readOnly whether nothing can be stored
 */

const MOST_CHOICES = 500;

/** @type {Served} */
const served = settings.served ?? { name: "", id: "", needsToken: true, readOnly: true };

/** Make the bar below the header: where the class is, and what can be done with the server. */
function makeBar() {
  const bar = Object.assign(named("nav", "class-bar"), { className: "tools" });
  bar.setAttribute("aria-label", "Class");
  document.querySelector("header")?.after(bar, Object.assign(named("p", "notice"), { hidden: true }));
  byId("notice").setAttribute("role", "status");
  fillBar();
}

let hasTeachers = false;

/** Show the link to the teacher's graph, if there is one: a graph with the name of the class. */
async function lookForTeachers() {
  try {
    await lookBelow();
    hasTeachers = (await namesBelow(classNow(), 1)).prefix !== null;
    fillBar();
  } catch (error) {
    if (!(error instanceof ServerError)) throw error; // the bar does without
  }
}

function fillBar() {
  const prefix = classNow();
  const home = prefix ? link(`‹ ${prefix}`, `/c/${prefix}`) : link("‹ All graphs", "/");
  const isTeachers = !prefix || nameNow() === prefix;
  const own = isTeachers || !hasTeachers ? [] : [link("Teacher's", addressOf(prefix))];
  const save = served.readOnly ? [] : [button("save-copy", "Save a copy", () => askForName(afterSaving))];
  const name = isTeachers ? [] : [named("b", "shown-name", nameShown())];
  byId("class-bar").replaceChildren(home, ...name, ...own, button("compare-with", "Compare", choose), ...save);
}

const nameShown = () => lastPart(nameNow()) + (nameNow() && !keptNow() ? ", changed" : "");

/** @type {import("./engine.js").Result} */
let resultBefore = state.result;

/** Once something has changed, the bar says so, and what was said before is not true any more. */
function noteChange() {
  if (state.result === resultBefore) return;
  resultBefore = state.result;
  say("");
  const name = document.getElementById("shown-name");
  if (name) name.textContent = nameShown();
}

/** @param {string} name */
function afterSaving(name) {
  fillBar();
  byId("alert").hidden = true;
  say(`Saved as ${name}. Link copies its address.`);
}

/** @param {string} words */
function say(words) {
  byId("notice").hidden = !words;
  byId("notice").textContent = words;
}

// --- comparing ---

/** Let somebody choose the graph to compare with. */
async function choose() {
  const prefix = classNow();
  try {
    const names = await namesBelow(prefix, MOST_CHOICES);
    const all = [...(names.prefix ? [names.prefix] : []), ...names.names].map((entry) => entry.name);
    const others = all.filter((name) => name !== nameNow());
    if (others.length) showChoices(others);
    else say("There is no other graph here yet.");
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    complain(error.message);
  }
}

/** @param {string[]} names */
function showChoices(names) {
  const choice = named("select", "other-name", ...names.map((name) => new Option(name === classNow() ? "The teacher's graph" : name, name)));
  choice.setAttribute("aria-label", "Graph to compare with");
  const dialog = named("dialog", "choosing", named("h2", "choosing-title", "Compare with"), choice);
  const act = () => { dialog.remove(); compareWith(/** @type {HTMLSelectElement} */ (choice).value); };
  dialog.append(make("div.row", button("choosing-go", "Compare", act), button("choosing-close", "Cancel", () => dialog.remove())));
  dialog.setAttribute("aria-labelledby", "choosing-title");
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  /** @type {HTMLDialogElement} */ (dialog).showModal();
}

/** Compare with the graph that the address names after #with=. */
function compareAsLinked() {
  const [, name] = /^#with=([\w/:.-]{1,300})$/.exec(location.hash) ?? [];
  if (name) compareWith(name);
}

// --- the link ---

/**
 * If the page shows what is on the server, the link is its address; otherwise it holds the whole graph.
 * @param {Event} event
 */
async function copyAddress(event) {
  if (isRefused("No link was made.")) {
    event.stopImmediatePropagation();
    return;
  }
  const there = keptNow();
  if (!there) return;
  event.stopImmediatePropagation();
  history.replaceState(null, "", addressOf(there.name || there.id));
  const isLocal = /^(localhost|127\..*|\[::1\])$/.test(location.hostname);
  await passOn(location.href, isLocal ? "This server is on your computer, where a friend can't reach it unless it was started with --lan." : "");
  byId("live").textContent = "The link is ready: it is the address of this graph.";
}

/** Take the token of a class's link, and what else an address says after its #. */
function followFragment() {
  if (takeToken()) say("This page can now save copies for your class.");
  compareAsLinked();
}

async function serve() {
  await started;
  if (served.id && !location.hash.startsWith("#z=") && !location.hash.startsWith("#j=")) keepAs(served.name, served.id);
  byId("promise").textContent = "Nothing leaves this page until you save a copy.";
  makeSaving();
  makeBar();
  makeComparing();
  resultBefore = state.result;
  views.push(noteChange);
  if (state.graph.count) {
    picture.measure(); // the bar has taken some of its room
    redraw();
  }
  byId("link").addEventListener("click", copyAddress, { capture: true });
  addEventListener("hashchange", followFragment);
  followFragment();
  if (classNow()) await lookForTeachers();
}

await serve();
