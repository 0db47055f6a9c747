/** Goes through the steps, by hand or automatically. */
import { byId } from "./elements.js";
import { drawScene, picture } from "./scene.js";
import { forgetAnswers, quiz, refresh, state, stepAsked, stepNow } from "./state.js";

/**
 * Go to a step; in a quiz not beyond the next question. At the start, the quiz begins again.
 * @param {number} at
 */
export function go(at) {
  const { steps, folded, scene } = state;
  const last = quiz.on && quiz.passed < steps.last - 1 ? quiz.passed : steps.last;
  state.at = Math.max(0, Math.min(last, at));
  if (!state.at) forgetAnswers();
  const { node } = stepAsked() ?? stepNow();
  if (!folded && node >= 0 && scene.itemOf[node] < 0) {
    state.focus = node;
    drawScene();
  }
  if (node >= 0) follow(node);
  refresh();
  // on a phone the controls cover the end of the page
  if (innerWidth <= 800) byId("step-card").scrollIntoView({ block: "nearest" });
}

/** @param {number} node */
function follow(node) {
  const item = state.scene.itemOf[node];
  if (item >= 0) picture.follow(item);
}

let timer = 0;

function play() {
  if (state.at >= state.steps.last) go(0);
  byId("play").classList.add("playing");
  byId("play").setAttribute("aria-label", "Pause");
  const tick = () => {
    if (stepAsked()) return pause();
    go(state.at + 1);
    if (state.at >= state.steps.last || stepAsked()) return pause();
    timer = setTimeout(tick, Number(byId("speed").value));
  };
  timer = setTimeout(tick, Math.min(250, Number(byId("speed").value)));
}

export function pause() {
  clearTimeout(timer);
  timer = 0;
  byId("play").classList.remove("playing");
  byId("play").setAttribute("aria-label", "Play");
}

export const toggle = () => (timer ? pause() : play());

/** Go one step forward, or to the question of the quiz if it waits for an answer. */
export function next() {
  pause();
  if (stepAsked()) byId("answer")?.focus();
  else go(state.at + 1);
}
