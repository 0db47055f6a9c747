/** The quiz: its questions, hints and score. */
import { isNear, questions, recognise } from "./answers.js";
import { equation, formulas, nameOf } from "./cards.js";
import { byId, make } from "./elements.js";
import { shown, typed } from "./numbers.js";
import { go, pause } from "./player.js";
import { contributionsOf, quiz, refresh, state } from "./state.js";

export function startQuiz() {
  quiz.on = true;
  Object.assign(quiz, { asked: 0, right: 0, helped: 0 });
  byId("quiz").setAttribute("aria-pressed", "true");
  state.at = Math.min(state.steps.forward + 1, state.steps.last);
}

export function toggleQuiz() {
  pause();
  if (quiz.on) {
    quiz.on = false;
    byId("quiz").setAttribute("aria-pressed", "false");
  } else startQuiz();
  refresh();
}

export const scoreText = () => `Quiz: ${quiz.right} right on your own, ${quiz.helped} shown.`;

/** @param {number} node */
export function questionText(node) {
  const { graph, result } = state;
  const asked = askedNow(node);
  const to = nameOf(graph, asked.to);
  const question = asked.first
    ? `What does it pass on to ${to}?`
    : `${to} already has ${shown(asked.before)} from another use. What is its gradient after this?`;
  return `${nameOf(graph, node)} has the gradient ${shown(result.adjoints[node])}. ${question}`;
}

/** @param {number} node */
function askedNow(node) {
  const all = questions(contributionsOf(node, state.at));
  return all[Math.min(quiz.asked, all.length - 1)];
}

/** @param {number} node */
export function questionCard(node) {
  const { graph, result } = state;
  if (!questions(contributionsOf(node, state.at)).length) return constsOnly();
  const [names, numbers] = formulas(graph, result.primals, node);
  const answer = make("input");
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
  const on = make("button", "Continue");
  on.addEventListener("click", () => go(state.at + 1));
  return [make("p", "All arguments of this node are consts, which receive no gradient."), on];
}

/**
 * Judge an answer.
 * @param {number} node
 * @param {string} text
 * @param {HTMLElement} hint
 */
function answered(node, text, hint) {
  const value = typed(text);
  const asked = askedNow(node);
  if (value === null) hint.textContent = "Type a number, such as -0.5 or 1/3.";
  else if (isNear(value, asked.after)) return passQuestion(node, true);
  else {
    const guess = recognise(state.graph, state.result, node, asked, value);
    hint.textContent = guess.hint;
    hint.dataset.mistake = guess.mistake;
  }
}

/**
 * Show the answer, and go on to the next question or step.
 * @param {number} node
 * @param {boolean} right
 */
function passQuestion(node, right) {
  quiz[right ? "right" : "helped"]++;
  const count = questions(contributionsOf(node, state.at)).length;
  const asked = askedNow(node);
  const answer = `${right ? "Right" : "The answer"}: ${shown(asked.upstream)} × ${shown(asked.partial)} = ${shown(asked.sent)}`
    + `${asked.first ? "" : `, and ${shown(asked.before)} + ${shown(asked.sent)} = ${shown(asked.after)}`}.`;
  if (quiz.asked + 1 < count) {
    quiz.asked++;
    refresh();
  } else go(state.at + 1);
  byId("step-body").prepend(make(right ? "p.praise" : "p.answer", answer));
  byId("answer")?.focus();
}
