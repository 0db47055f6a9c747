/** Going through the steps: by hand, or by itself. */
import { byId, model, quiz, refresh, stepAsked, stepNow } from "./model.js";
import { drawScene, picture } from "./scene.js";

/** @param {number} at */
export function go(at) {
  const { film, folded, scene } = model;
  model.at = Math.max(0, Math.min(film.last, at));
  quiz.asked = 0;
  quiz.tries = 0;
  const { node } = stepAsked() ?? stepNow();
  if (!folded && node >= 0 && scene.itemOf[node] < 0) {
    model.focus = node;
    drawScene();
  }
  if (node >= 0) follow(node);
  refresh();
}

/** @param {number} node */
function follow(node) {
  const item = model.scene.itemOf[node];
  if (item >= 0) picture.follow(item);
}

let timer = 0;

function play() {
  if (model.at >= model.film.last) go(0);
  byId("play").classList.add("playing");
  byId("play").setAttribute("aria-label", "Pause");
  const tick = () => {
    if (stepAsked()) return pause();
    go(model.at + 1);
    if (model.at >= model.film.last || stepAsked()) return pause();
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

/** One step on; if the quiz is waiting, to its question. */
export function next() {
  pause();
  if (stepAsked()) byId("answer")?.focus();
  else go(model.at + 1);
}
