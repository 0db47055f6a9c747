/** The card of the runs in the file: load one, compare two. */
import { ABSENT, DIGITS } from "./appearance.js";
import { nameOf } from "./cards.js";
import { compareRuns, isComplete } from "./compare.js";
import { TOLERANCE } from "./constants.js";
import { byId, make } from "./elements.js";
import { ask, runAnew } from "./leaves.js";
import { counted, shown } from "./numbers.js";
import { goTo, paint } from "./scene.js";
import { refresh, state } from "./state.js";
import { numbersOf } from "./write.js";

const MOST_DIFFERENCES = 100;

export function listRuns() {
  const { graph } = state;
  byId("runs-card").hidden = !graph.runs.length;
  byId("runs-card").open = false;
  const list = make("ul.runs");
  graph.runs.slice(0, 50).forEach((run, k) => {
    const load = make("button.small", "Load");
    load.setAttribute("aria-label", `Load run ${k}`);
    load.addEventListener("click", () => runAnew(() => ask(run)));
    const inputs = [...run.inputs].slice(0, 4).map(([id, x]) => `${id} = ${shown(x)}`).join(", ");
    const math = run.math ? `, ${run.math} math` : "";
    list.append(make("li", make("span", `Run ${k}: ${run.origin || "no origin"}${math}${inputs ? `, ${inputs}` : ""}`), load));
  });
  byId("runs").replaceChildren(list);
  if (graph.runs.length) listChoices();
}

function listChoices() {
  const row = make("div.row", make("span", "Compare"));
  for (const [id, label, start] of [["run-a", "Run A", "0"], ["run-b", "Run B", "now"]]) {
    const choice = make("select");
    choice.id = id;
    choice.setAttribute("aria-label", label);
    choice.append(new Option("this page, now", "now"));
    state.graph.runs.slice(0, 50).forEach((_, k) => choice.append(new Option(`run ${k}`, String(k))));
    choice.value = start;
    choice.addEventListener("change", refresh);
    row.append(choice, ...(id === "run-a" ? ["with"] : []));
  }
  const result = make("div");
  result.id = "differences";
  byId("compare").replaceChildren(row, result);
}

export function showComparison() {
  const { graph } = state;
  const before = state.differing.size;
  state.differing = new Set();
  if (byId("runs-card").open && graph.runs.length) {
    const [a, b] = [chosenRun("run-a"), chosenRun("run-b")];
    const differences = compareRuns(graph, a, b, a.tolerance ?? b.tolerance ?? TOLERANCE);
    state.differing = new Set(differences.map(({ node }) => node));
    byId("differences").replaceChildren(...differenceTable(differences));
  }
  if (before || state.differing.size) paint();
}

/**
 * @param {"run-a" | "run-b"} id
 * @returns {import("./compare.js").Results & {tolerance?: import("./numbers.js").Tolerance}}
 */
function chosenRun(id) {
  const run = state.graph.runs[Number(byId(id).value)];
  if (!run) return { ...numbersOf(state.result), complete: true };
  return { ...run, complete: isComplete(state.graph, run) };
}

/**
 * @param {import("./compare.js").Difference[]} differences
 * @param {number} digits of the numbers, if they differ in them
 */
export function differenceTable(differences, digits = DIGITS) {
  const { graph } = state;
  if (!differences.length) return [make("p", "No differences, within the tolerance.")];
  const body = make("tbody");
  const spelled = (/** @type {number | null} */ x, /** @type {number} */ to) => (x === null ? ABSENT : shown(x, to));
  for (const { node, kind, a, b } of differences.slice(0, MOST_DIFFERENCES)) {
    const name = make("button.plain", nameOf(graph, node));
    name.addEventListener("click", () => goTo(node));
    const to = spelled(a, digits) === spelled(b, digits) ? DIGITS : digits;
    body.append(make("tr", make("td", name), make("td.quiet", kind), make("td.num", spelled(a, to)), make("td.num", spelled(b, to))));
  }
  const heads = ["node", "", "A", "B"].map((text) => make("th", text));
  const rest = differences.length - MOST_DIFFERENCES;
  return [
    make("p", `${counted(differences.length, "difference")}; the nodes are marked.`),
    make("div.scroll", make("table", make("thead", make("tr", ...heads)), body)),
    ...(rest > 0 ? [make("p.quiet", `… and ${rest.toLocaleString("en-US")} more.`)] : []),
  ];
}
