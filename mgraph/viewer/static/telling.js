/** The cards of the present step, and of the node that was clicked. */
import { DIGITS } from "./appearance.js";
import { questionCard, questionText, scoreText } from "./asking.js";
import { backwardCard, equation, formulas, forwardCard, make, nameOf, pathsCard } from "./cards.js";
import { byId, contributionsOf, model, quiz, stepAsked, stepNow, views } from "./model.js";
import { shown } from "./numbers.js";
import { explain } from "./paths.js";
import { redraw } from "./scene.js";

const PATHS = 8;

function showStep() {
  const { film, at } = model;
  const step = stepNow();
  const asked = stepAsked();
  byId("scrub").value = at;
  byId("scrub").setAttribute("aria-valuetext", stepTitle(step));
  byId("step-title").textContent = asked ? `${stepTitle(asked)}: your turn` : stepTitle(step);
  byId("back").disabled = byId("first").disabled = at === 0;
  byId("next").disabled = byId("last").disabled = at === film.last;
  const body = byId("step-body");
  if (asked) body.replaceChildren(...questionCard(asked.node));
  else body.replaceChildren(...stepCard(step));
  if (!quiz.on || !asked) byId("live").textContent = sentence(step);
  if (asked) byId("live").textContent = questionText(asked.node);
}

/** @param {import("./steps.js").Step} step */
function stepTitle({ kind }) {
  const { film, at } = model;
  const done = at - film.forward.length - 1 + (stepAsked() ? 1 : 0);
  if (kind === "leaves") return "Start: the leaves";
  if (kind === "forward") return `Forward, ${at} of ${film.forward.length}`;
  if (kind === "seed") return "The seed";
  if (kind === "backward") return `Backward, ${done} of ${film.backward.length}`;
  return "Done";
}

/**
 * @param {import("./steps.js").Step} step
 * @returns {(Node | string)[]}
 */
function stepCard({ kind, node }) {
  const { graph, result, seeds } = model;
  if (kind === "leaves") return [make("p", "Inputs, params and consts have their values. Next, each other node computes its own from its arguments.")];
  if (kind === "forward") return forwardCard(graph, result, node);
  if (kind === "seed") {
    const given = [...seeds].map(([each, seed]) => `${nameOf(graph, each)} with ${shown(seed)}`).join(", ");
    return [make("p", `Backward begins at the output: ${given}. A gradient says how fast the output changes with a node; with itself, at the rate 1.`)];
  }
  if (kind === "backward") return backwardCard(graph, result, node, contributionsOf(node, model.at - 1));
  const score = quiz.on && quiz.right + quiz.helped ? [make("p.score", scoreText())] : [];
  return [...score, make("p", "Every value and gradient is known. Click a node to see why its gradient is what it is; move a leaf and watch all of it change."),
    ...outputsLine()];
}

function outputsLine() {
  const { graph, result } = model;
  return graph.outputs.slice(0, 6).map((node) => equation(nameOf(graph, node), shown(result.primals[node], DIGITS)));
}

/** @param {import("./steps.js").Step} step */
function sentence({ kind, node }) {
  const { graph, result } = model;
  if (kind === "forward") {
    const [names, numbers] = formulas(graph, result.primals, node);
    return `${stepTitle({ kind, node })}: ${nameOf(graph, node)} = ${names} = ${numbers} = ${shown(result.primals[node])}`;
  }
  if (kind !== "backward") return stepTitle({ kind, node });
  const parts = contributionsOf(node, model.at - 1).filter((each) => each.counts).slice(0, 4).map((each) =>
    `${nameOf(graph, each.to)} receives ${shown(each.upstream)} times ${shown(each.slope)} = ${shown(each.sent)} and has ${shown(each.after)}`);
  return `${stepTitle({ kind, node })}, ${nameOf(graph, node)}: ${parts.join("; ")}`;
}

/** @type {{result: any, node: number, found: any}} */
let explained = { result: null, node: -1, found: null };

function showNode() {
  const { graph, result, seeds, selected } = model;
  byId("node-card").hidden = selected < 0;
  if (selected < 0) return;
  byId("node-title").textContent = `Why ${nameOf(graph, selected)}?`;
  const [names, numbers] = formulas(graph, result.primals, selected);
  const lines = [];
  if (graph.labels.has(selected)) lines.push(make("p.quiet", `id ${graph.ids[selected]}`));
  if (names) lines.push(equation("value", names));
  if (names) lines.push(equation("", numbers));
  lines.push(equation(names ? "" : "value", make("span.num.data", shown(result.primals[selected], DIGITS))));
  if (quiz.on && model.at < model.film.last) lines.push(make("p", "The quiz is on: its gradient is told at the end."));
  else {
    if (explained.result !== result || explained.node !== selected) {
      explained = { result, node: selected, found: explain(graph, result, seeds, selected, PATHS) };
    }
    lines.push(...pathsCard(graph, result, seeds, selected, explained.found));
  }
  lines.push(...foldButtons());
  if (graph.docs.has(selected)) lines.push(make("p.quiet", graph.docs.get(selected) ?? ""));
  byId("node-body").replaceChildren(...lines);
}

views.push(showStep, showNode);

/** Offer to fold the groups that the selected node is in. */
function foldButtons() {
  const { groups, selected, folded } = model;
  if (!folded) return [];
  const row = make("div.row");
  for (let g = groups.of[selected]; g >= 0; g = groups.parent[g]) {
    if (groups.size[g] < 2) continue;
    const button = make("button.small", `Fold ${groups.path[g]}`);
    button.addEventListener("click", () => { model.folded = new Set(folded).add(g); redraw(); });
    row.prepend(button);
  }
  return row.childElementCount ? [row] : [];
}
