/** The details beside the picture: the card of the present step, and of the selected node. */
import { DIGITS } from "./appearance.js";
import { backwardCard, equation, formulas, forwardCard, nameOf, pathsCard } from "./cards.js";
import { byId, make } from "./elements.js";
import { asOperand } from "./graph.js";
import { counted, shown } from "./numbers.js";
import { explain } from "./paths.js";
import { questionCard, questionText, score } from "./quiz.js";
import { redraw } from "./scene.js";
import { contributionsOf, quiz, state, stepAsked, stepNow } from "./state.js";
import { batchGradient } from "./training.js";

/** @typedef {import("./engine.js").Result} Result */
/** @typedef {import("./paths.js").Explanation} Explanation */

const PATHS = 8;

export function showStep() {
  const { steps, at } = state;
  const step = stepNow();
  const asked = stepAsked();
  byId("scrub").max = String(steps.last);
  byId("scrub").value = String(at);
  byId("phase-forward").style.width = `${(100 * steps.forward) / (steps.last || 2 * steps.forward)}%`;
  byId("scrub").setAttribute("aria-valuetext", stepTitle(step));
  byId("step-title").textContent = asked ? `${stepTitle(asked)}: your turn` : stepTitle(step);
  byId("back").disabled = byId("first").disabled = at === 0;
  byId("next").disabled = byId("last").disabled = at === steps.last;
  byId("play").disabled = byId("quiz").disabled = !steps.last;
  const body = byId("step-body");
  if (asked) body.replaceChildren(...questionCard(asked.node));
  else body.replaceChildren(...stepCard(step));
  if (!quiz.on || !asked) byId("live").textContent = sentence(step);
  if (asked) byId("live").textContent = questionText(asked.node);
}

/** @param {import("./steps.js").Step} step */
function stepTitle({ kind }) {
  const { steps, at } = state;
  if (kind === "start") return "Start";
  if (kind === "forward") return `Forward, ${at} of ${steps.forward}`;
  if (kind === "done") return "Done";
  return `Backward, ${at - steps.forward + (stepAsked() ? 1 : 0)} of ${steps.backward.length + 1}`;
}

/**
 * @param {import("./steps.js").Step} step
 * @returns {(Node | string)[]}
 */
function stepCard({ kind, node }) {
  const { graph, result, seeds } = state;
  if (kind === "start") return [make("p", startText())];
  if (kind === "forward") return forwardCard(graph, result, node);
  if (kind === "seed") {
    const given = [...seeds].map(([output, seed]) => `${nameOf(graph, output)} gets ${shown(seed)}`).join(", ");
    return [make("p", `The backward pass starts at the output: ${given}. A gradient says how fast the output changes with a node. With itself, the output changes at rate 1.`)];
  }
  if (kind === "backward") return backwardCard(graph, result, node, contributionsOf(node, state.at - 1));
  const isWithout = graph.ids.some((_, i) => !result.has[i] && graph.ops[i] !== "const");
  const without = isWithout ? "A node on which the output does not depend has no gradient. " : "";
  return [...(quiz.on ? score("p.score") : []), make("p", `Every value and gradient is known. ${without}Click a node to see why its gradient is what it is. Move the slider of a leaf and watch everything change.`),
    ...outputsLine()];
}

function startText() {
  const missing = state.missing.size;
  return missing
    ? `${counted(missing, "input")} ${missing > 1 ? "have" : "has"} no value yet. Type ${missing > 1 ? "one for each" : "one"} under Leaves to run the graph.`
    : "Nothing is computed yet. Values come first, from the leaves to the output; then gradients, from the output back. Press space or ▸ for one step, End for all of them.";
}

function outputsLine() {
  const { graph, result } = state;
  return graph.outputs.slice(0, 6).map((node) => equation(nameOf(graph, node), shown(result.primals[node], DIGITS)));
}

/**
 * Say what happens in a step, for screen readers.
 * @param {import("./steps.js").Step} step
 */
function sentence({ kind, node }) {
  const { graph, result } = state;
  if (kind === "forward") {
    const parts = formulas(graph, result.primals, node).filter(Boolean);
    return `${stepTitle({ kind, node })}: ${[nameOf(graph, node), ...parts, shown(result.primals[node])].join(" = ")}`;
  }
  if (kind !== "backward") return stepTitle({ kind, node });
  const parts = contributionsOf(node, state.at - 1).filter(({ counts }) => counts).slice(0, 4).map(({ edge, to, upstream, partial, sent, after }) =>
    `${nameOf(graph, to)}${asOperand(graph, node, edge)} receives ${shown(upstream)} times ${shown(partial)} = ${shown(sent)} and now has ${shown(after)}`);
  return `${stepTitle({ kind, node })}, ${nameOf(graph, node)}: ${parts.join("; ")}`;
}

/**
 * The explanation that was shown last, for it takes time in a large graph.
 * @type {{result: Result | null, node: number, explanation: Explanation}}
 */
let shownLast = { result: null, node: -1, explanation: { count: null, paths: [] } };

export function showNode() {
  const { graph, result, selected } = state;
  byId("node-card").hidden = selected < 0;
  if (selected < 0) return;
  byId("node-title").textContent = `Why ${nameOf(graph, selected)}?`;
  const [names, numbers] = formulas(graph, result.primals, selected);
  const lines = [];
  if (graph.labels.has(selected)) lines.push(make("p.quiet", `id ${graph.ids[selected]}`));
  if (names) lines.push(equation("value", names));
  if (state.missing.size) lines.push(make("p", startText()));
  else {
    if (names) lines.push(equation("", numbers));
    lines.push(equation(names ? "" : "value", make("span.num.data", shown(result.primals[selected], DIGITS))), ...gradientLines());
  }
  lines.push(...foldButtons());
  if (graph.docs.has(selected)) lines.push(make("p.quiet", graph.docs.get(selected) ?? ""));
  byId("node-body").replaceChildren(...lines);
}

/** Explain the gradient of the selected node, unless the quiz asks for it. */
function gradientLines() {
  const { graph, result, seeds, selected, at, steps } = state;
  if (quiz.on && at < steps.last) return [make("p", "The quiz is on: the gradient is shown at the end.")];
  if (shownLast.result !== result || shownLast.node !== selected) {
    shownLast = { result, node: selected, explanation: explain(graph, result, seeds, selected, PATHS) };
  }
  const batch = batchGradient(selected);
  return [...pathsCard(graph, result, seeds, selected, shownLast.explanation), ...(batch ? [make("p", batch)] : [])];
}

/** Return buttons that fold the groups of the selected node. */
function foldButtons() {
  const { groups, selected, folded } = state;
  if (!folded) return [];
  const row = make("div.row");
  for (let g = groups.of[selected]; g >= 0; g = groups.parent[g]) {
    if (groups.size[g] < 2) continue;
    const button = make("button.small", `Fold ${groups.path[g]}`);
    button.addEventListener("click", () => { state.folded = new Set(folded).add(g); redraw(); });
    row.prepend(button);
  }
  return row.childElementCount ? [row] : [];
}
