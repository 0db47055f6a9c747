/** Finds nodes by their names. */
import { nameOf } from "./cards.js";
import { byId, make } from "./elements.js";
import { goTo } from "./scene.js";
import { state } from "./state.js";

const FOUND = 12;

/** @type {number[]} */
let hits = [];
let chosen = 0;

export function search() {
  const { graph } = state;
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
    const option = make("li", make("b", nameOf(state.graph, node)), ` ${state.graph.ops[node]}`);
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
export function searchKey(event) {
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
