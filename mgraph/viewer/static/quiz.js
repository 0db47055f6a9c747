/** The quiz: its questions, hints and score. */
import { isNear, questions, recognise } from "./answers.js";
import { equation, formulas, nameOf } from "./cards.js";
import { byId, make } from "./elements.js";
import { asOperand } from "./graph.js";
import { shown, typed } from "./numbers.js";
import { go, pause } from "./player.js";
import { contributionsOf, forgetAnswers, quiz, refresh, state } from "./state.js";

export function startQuiz() {
  quiz.on = true;
  forgetAnswers();
  byId("quiz").setAttribute("aria-pressed", "true");
  state.at = Math.min(quiz.passed, state.steps.last);
}

export function toggleQuiz() {
  pause();
  if (quiz.on) {
    quiz.on = false;
    byId("quiz").setAttribute("aria-pressed", "false");
  } else startQuiz();
  refresh();
}

/**
 * Return the score in words, once there is one.
 * @param {string} kind of the element
 */
export function score(kind) {
  const { right, hinted, helped } = quiz;
  const words = `Quiz: ${right} right on your own, ${hinted ? `${hinted} after a hint, ` : ""}${helped} shown.`;
  return right + hinted + helped ? [make(kind, words)] : [];
}

/** @param {number} node */
export function questionText(node) {
  const { graph, result } = state;
  const asked = askedNow(node);
  const to = nameOf(graph, asked.to);
  const which = asOperand(graph, node, asked.edge);
  const question = asked.first
    ? `What does it pass on to ${to}${which}?`
    : `${to} already has ${shown(asked.before)} from another use. What is its gradient after this${which && ` one,${which}`}?`;
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
    ...score("p.quiet"),
  ];
}

function constsOnly() {
  const on = make("button", "Continue");
  on.addEventListener("click", pass);
  return [make("p", "All arguments of this node are consts, which receive no gradient."), on];
}

/** Go on to the step whose questions are all answered. */
function pass() {
  quiz.asked = 0;
  quiz.passed = state.at + 1;
  go(quiz.passed);
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
  byId("step-body").querySelector(".praise, .answer")?.remove(); // it is about the question before
  if (value === null) hint.textContent = "Type a number, such as -0.5 or 1/3.";
  else if (isNear(value, asked.after)) return passQuestion(node, true);
  else {
    quiz.tried = true;
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
  quiz[!right ? "helped" : quiz.tried ? "hinted" : "right"]++;
  quiz.tried = false;
  const count = questions(contributionsOf(node, state.at)).length;
  const asked = askedNow(node);
  const answer = `${right ? "Right" : "The answer"}: ${shown(asked.upstream)} × ${shown(asked.partial)} = ${shown(asked.sent)}`
    + `${asked.first ? "" : `, and ${shown(asked.before)} + ${shown(asked.sent)} = ${shown(asked.after)}`}.`;
  if (quiz.asked + 1 < count) {
    quiz.asked++;
    refresh();
  } else pass();
  byId("step-body").prepend(make(right ? "p.praise" : "p.answer", answer));
  byId("answer")?.focus();
}
