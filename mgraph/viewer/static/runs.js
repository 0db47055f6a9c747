/** The runs of the file: load one, compare two. */
import { ABSENT, DIGITS } from "./appearance.js";
import { make, nameOf } from "./cards.js";
import { compareRuns } from "./compare.js";
import { ask } from "./leaves.js";
import { byId, model, refresh, views } from "./model.js";
import { TOLERANCE, counted, shown } from "./numbers.js";
import { goTo, paint } from "./scene.js";
import { numbersOf } from "./write.js";

const DIFFERENCES = 100;

export function listRuns() {
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

export function showComparison() {
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

views.push(showComparison);

/** @param {import("./compare.js").Difference[]} found */
function differenceTable(found) {
  const { graph } = model;
  if (!found.length) return [make("p", "No differences, within the tolerance.")];
  const body = make("tbody");
  const spelled = (/** @type {number | null} */ x) => (x === null ? ABSENT : shown(x, DIGITS));
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
