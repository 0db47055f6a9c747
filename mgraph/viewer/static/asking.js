/** The quiz as people see it: questions, answers, hints, the score. */
import { equation, formulas, make, nameOf } from "./cards.js";
import { byId, contributionsOf, model, quiz, refresh } from "./model.js";
import { shown, typed } from "./numbers.js";
import { go, pause } from "./player.js";
import { isNear, questions, recognise } from "./quiz.js";

export function startQuiz() {
  quiz.on = true;
  Object.assign(quiz, { asked: 0, right: 0, helped: 0, tries: 0 });
  byId("quiz").setAttribute("aria-pressed", "true");
  model.at = model.film.forward.length + 1;
}

export function toggleQuiz() {
  pause();
  if (quiz.on) {
    quiz.on = false;
    byId("quiz").setAttribute("aria-pressed", "false");
  } else startQuiz();
  refresh();
}

export const scoreText = () => `Quiz: ${quiz.right} right at your own hand, ${quiz.helped} shown.`;

/** @param {number} node */
export function questionText(node) {
  const { graph, result } = model;
  const each = askedNow(node);
  const name = nameOf(graph, node);
  const to = nameOf(graph, each.to);
  const before = each.first
    ? `What gradient does it give ${to}?`
    : `${to} already has ${shown(each.before)} from another use. What is its gradient after this?`;
  return `${name} has the gradient ${shown(result.adjoints[node])}. ${before}`;
}

/** @param {number} node */
function askedNow(node) {
  const all = questions(contributionsOf(node, model.at));
  return all[Math.min(quiz.asked, all.length - 1)];
}

/** @param {number} node */
export function questionCard(node) {
  const { graph, result } = model;
  if (!questions(contributionsOf(node, model.at)).length) return constsOnly();
  const [names, numbers] = formulas(graph, result.primals, node);
  const answer = /** @type {HTMLInputElement} */ (make("input"));
  Object.assign(answer, { id: "answer", type: "text", autocomplete: "off", inputMode: "text" });
  answer.setAttribute("aria-label", "Your answer");
  const hint = make("p.hint");
  hint.id = "hint";
  hint.setAttribute("role", "status");
  const check = make("button", "Check");
  const show = make("button.plain", "Show me");
  const submit = () => answered(node, answer.value, hint);
  check.addEventListener("click", submit);
  show.addEventListener("click", () => passQuestion(node, false));
  answer.addEventListener("keydown", (event) => { if (event.key === "Enter") submit(); });
  check.id = "check";
  show.id = "show";
  return [
    equation(nameOf(graph, node), `${names} = ${numbers} = ${shown(result.primals[node])}`),
    make("p", questionText(node)),
    make("div.row", answer, check, show), hint,
    ...(quiz.right + quiz.helped ? [make("p.quiet", scoreText())] : []),
  ];
}

function constsOnly() {
  const on = make("button", "Go on");
  on.addEventListener("click", () => go(model.at + 1));
  return [make("p", "Only consts stand before this node; they receive no gradient."), on];
}

/**
 * @param {number} node
 * @param {string} text
 * @param {HTMLElement} hint
 */
function answered(node, text, hint) {
  const value = typed(text);
  const asked = askedNow(node);
  if (value === null) hint.textContent = "Type a number, such as −0.5 or 1/3.";
  else if (isNear(value, asked.after)) return passQuestion(node, true);
  else {
    quiz.tries++;
    const found = recognise(model.graph, model.result, node, asked, value);
    hint.textContent = found.hint;
    hint.dataset.mistake = found.mistake;
  }
}

/**
 * @param {number} node
 * @param {boolean} right
 */
function passQuestion(node, right) {
  quiz[right ? "right" : "helped"]++;
  const count = questions(contributionsOf(node, model.at)).length;
  const asked = askedNow(node);
  const told = `${right ? "Right" : "It is"}: ${shown(asked.upstream)} × ${shown(asked.slope)} = ${shown(asked.sent)}`
    + `${asked.first ? "" : `, and ${shown(asked.before)} + ${shown(asked.sent)} = ${shown(asked.after)}`}.`;
  if (quiz.asked + 1 < count) {
    quiz.asked++;
    quiz.tries = 0;
    refresh();
  } else go(model.at + 1);
  byId("step-body").prepend(make(right ? "p.praise" : "p.told", told));
  byId("answer")?.focus();
}
