/** The page of a class: the graphs below a prefix, each with its picture. It keeps itself up to date. */
import { button, link } from "./controls.js";
import { make } from "./elements.js";
import { addressOf, folderOf, namesBelow } from "./names.js";
import { ServerError } from "./server.js";
import { remember, remembered, takeToken } from "./session.js";

/** @typedef {import("./names.js").Entry} Entry */

/**
 * What the server says to the page.
 * @typedef {object} ClassSettings
 * @property {string} prefix of the names on it; empty for all
 * @property {boolean} needsToken whether only the holders of a token can store something
 * @property {boolean} readOnly whether nothing can be stored
 */

const EVERY = 3000; // milliseconds between questions
const RARELY = 30_000; // after many failures
const SHOWN = 200; // graphs, until somebody asks for more

/** @param {string} id */
const part = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @type {ClassSettings} */
const { prefix, needsToken, readOnly } = JSON.parse(part("settings").textContent);

/**
 * The cards by the names of their graphs, with what they show: the revision, and whether it is of a class.
 * @type {Map<string, {shown: string, card: HTMLElement}>}
 */
const cards = new Map();

let most = SHOWN;
let failures = 0;
let timer = 0;
let isFirst = true;

/**
 * The names that came last.
 * @type {string[]}
 */
let news = [];

// --- cards ---

/**
 * Return the name of a graph as its card shows it.
 * @param {string} name
 */
const short = (name) => (prefix && name !== prefix ? name.slice(prefix.length + 1) : name);

/**
 * @param {string} tag
 * @param {Entry} entry
 * @param {string} words
 * @param {boolean} isClass whether there are names below it: then the card leads to their page
 */
function newCard(tag, { name, id, updated }, words, isClass) {
  const address = isClass ? `/c/${name}` : addressOf(name);
  const kind = isClass ? [prefix ? "an exercise, " : "a class, "] : [];
  const time = Object.assign(make("time", whenOf(updated)), { dateTime: updated });
  const picture = link("", address);
  picture.tabIndex = -1;
  picture.setAttribute("aria-hidden", "true");
  picture.append(pictureOf(id));
  return make(`${tag}.card`, picture, make("div", make("h2", link(words, address)), make("p.quiet", ...kind, time)), pickOf(name));
}

/** @param {string} id of the graph */
function pictureOf(id) {
  const dark = Object.assign(make("source"), { srcset: `/t/${id}/dark.svg`, media: "(prefers-color-scheme: dark)" });
  const image = Object.assign(make("img"), { alt: "", loading: "lazy", src: `/t/${id}/light.svg` });
  return make("picture", dark, image);
}

/** @param {string} updated in UTC */
function whenOf(updated) {
  const time = new Date(updated);
  const today = time.toDateString() === new Date().toDateString();
  return today ? time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : time.toLocaleDateString();
}

/**
 * Show a graph in a list: as a new card, or in its card if that shows an older revision.
 * @param {HTMLElement} list
 * @param {Entry} entry
 * @param {string} words
 * @param {boolean} isClass
 * @returns {boolean} whether something changed
 */
function show(list, entry, words, isClass) {
  const old = cards.get(entry.name);
  const shown = `${entry.revision} ${isClass}`;
  if (old?.shown === shown) return false;
  const card = newCard(list.tagName === "UL" ? "li" : "div", entry, words, isClass);
  if (!isFirst) card.classList.add("came");
  if (old) old.card.replaceWith(card);
  else list.append(card);
  cards.set(entry.name, { shown, card });
  return true;
}

/**
 * Show the graphs, in order. What has not changed stays as it is, so that nothing flickers.
 * @param {import("./names.js").Names} names
 */
function showAllNames({ names, damaged, next, prefix: teacher }) {
  const direct = names.filter(({ name }) => folderOf(name) === prefix);
  const classes = new Set(names.map(({ name }) => partBelow(name)));
  const came = direct.filter((entry) => show(part("cards"), entry, short(entry.name), classes.has(entry.name)));
  if (teacher) show(part("teacher"), teacher, "The teacher's graph", false);
  part("teacher").hidden = !teacher;
  const there = new Set([...direct, ...(teacher ? [teacher] : [])].map(({ name }) => name));
  for (const [name, { card }] of cards) {
    if (!there.has(name)) {
      card.remove();
      cards.delete(name);
    }
  }
  inOrder(direct.map(({ name }) => name));
  showFolders(names);
  showDamaged(damaged);
  part("more").hidden = !next;
  part("empty").hidden = names.length > 0 || damaged.length > 0 || teacher !== null;
  tell(there.size, Boolean(next), isFirst ? [] : came);
  isFirst = false;
}

/**
 * Return the name on this page that another name is below; empty if that one is on this page itself.
 * @param {string} name
 */
function partBelow(name) {
  const start = prefix ? prefix.length + 1 : 0;
  const end = name.indexOf("/", start);
  return end < 0 ? "" : name.slice(0, end);
}

/** @param {string[]} names in the order of their cards */
function inOrder(names) {
  let next = part("cards").firstElementChild;
  for (const name of names) {
    const card = cards.get(name)?.card;
    if (card === next) next = next?.nextElementSibling ?? null;
    else if (card) part("cards").insertBefore(card, next);
  }
}

/**
 * Show a link for each folder: the graphs whose names have one more part.
 * @param {Entry[]} names
 */
function showFolders(names) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { name } of names) {
    const [folder, ...rest] = (prefix ? name.slice(prefix.length + 1) : name).split("/");
    if (rest.length) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  const full = (/** @type {string} */ folder) => (prefix ? `${prefix}/${folder}` : folder);
  const text = JSON.stringify([...counts]);
  if (part("folders").dataset.text === text) return;
  part("folders").dataset.text = text;
  part("folders").replaceChildren(...Array.from(counts, ([folder, count]) =>
    make("li", link(folder, `/c/${full(folder)}`), make("span.quiet", ` ${count}`))));
}

/** @param {string[]} names whose records can't be read */
function showDamaged(names) {
  part("damaged").hidden = names.length === 0;
  const text = `Damaged on the server, and not shown: ${names.map(short).join(", ")}. Whoever runs it finds out more with mgraph store verify.`;
  if (part("damaged").textContent !== text) part("damaged").textContent = text;
}

// --- keeping up to date ---

/**
 * @param {number} count of graphs that are shown
 * @param {boolean} isPart whether there are more
 * @param {Entry[]} came what is new since the last time
 */
function tell(count, isPart, came) {
  const graphs = count ? `${isPart ? "The first " : ""}${count} ${count === 1 ? "graph" : "graphs"}.` : "";
  if (came.length) news = came.map(({ name }) => name);
  const names = news.filter((name) => cards.has(name)).map(short);
  const last = names.length ? ` New: ${names.slice(0, 3).join(", ")}${names.length > 3 ? " …" : ""}.` : "";
  say(`${graphs} This page updates by itself.${last}${mayNotSave()}`.trim(), false);
}

function mayNotSave() {
  if (readOnly) return " This server is read-only.";
  return needsToken && !remembered("token") ? " To save copies, open the link or the QR code of your class." : "";
}

/**
 * @param {string} words
 * @param {boolean} isFault
 */
function say(words, isFault) {
  part("status").className = isFault ? "fault" : "quiet";
  if (part("status").textContent !== words) part("status").textContent = words;
}

/** Ask for the names, show them, and do so again after a while. */
async function update() {
  clearTimeout(timer);
  let wait = EVERY;
  try {
    showAllNames(await allNames());
    failures = 0;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    wait = Math.max(error.wait * 1000, Math.min(RARELY, EVERY * 2 ** failures++));
    const why = error.status ? error.message : "The server can't be reached.";
    say(`${why} This page tries again by itself.`, true);
  }
  if (!document.hidden) timer = setTimeout(update, wait);
}

/** @returns {Promise<import("./names.js").Names>} */
async function allNames() {
  const first = await namesBelow(prefix, Math.min(most, 1000));
  while (first.next && first.names.length < most) {
    const more = await namesBelow(prefix, Math.min(most - first.names.length, 1000), first.next);
    first.names.push(...more.names);
    first.damaged.push(...more.damaged);
    first.next = more.next;
  }
  return first;
}

// --- comparing ---

/** @param {string} name */
function pickOf(name) {
  const box = Object.assign(make("input"), { type: "checkbox", value: name });
  box.addEventListener("change", showPicked);
  box.setAttribute("aria-label", `Compare ${short(name)}`);
  return make("label.pick", box, "Compare");
}

/** @returns {HTMLInputElement[]} */
const picked = () => [...document.querySelectorAll(".pick input")].filter((box) => box instanceof HTMLInputElement).filter((box) => box.checked);

function showPicked() {
  const names = picked().map((box) => box.value);
  const isPair = names.length === 2;
  part("picked").textContent = isPair ? names.map(short).join(" and ") : `Choose two graphs: ${names.length} chosen`;
  const go = /** @type {HTMLAnchorElement} */ (part("compare-picked"));
  go.hidden = !isPair;
  if (isPair) go.href = `${addressOf(names[0])}#with=${names[1]}`;
}

function togglePicking() {
  const isOn = document.body.classList.toggle("picks");
  part("pick").setAttribute("aria-pressed", String(isOn));
  part("picking").hidden = !isOn;
  for (const box of picked()) box.checked = false;
  showPicked();
}

// --- the start ---

function welcome() {
  takeToken(prefix);
  if (prefix) remember("class", prefix);
  if (prefix) part("above").append(link(`‹ ${folderOf(prefix) || "All graphs"}`, folderOf(prefix) ? `/c/${folderOf(prefix)}` : "/"));
  const choose = button("pick", "Compare two", togglePicking);
  choose.setAttribute("aria-pressed", "false");
  document.querySelector("header")?.append(choose);
}

/** Links that hold a graph, but name this page, go to the one that opens them. */
if (/^#[zj]=/.test(location.hash)) location.replace(`/open${location.hash}`);

welcome();
part("more").addEventListener("click", () => { most += SHOWN; update(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) update(); });
addEventListener("online", update);
addEventListener("hashchange", () => { if (takeToken(prefix)) update(); });
addEventListener("pageshow", (event) => { if (event.persisted) update(); });
await update();
document.documentElement.dataset.ready = "1";
