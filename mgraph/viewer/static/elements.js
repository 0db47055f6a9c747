/** The elements of the page: those of page.html by their ids, and new ones. */

/**
 * What the scripts look up, by its id: all of page.html, and what is made for one question of the
 * quiz, for the comparison of runs, or where a server sends the page.
 * @typedef {Record<"back" | "choose-rows" | "closer" | "download" | "farther" | "first" | "help-button" | "help-close"
 *   | "last" | "link" | "next" | "node-close" | "open" | "play" | "quiz" | "reset" | "show-row" | "theme"
 *   | "train" | "train-epoch" | "train-reset" | "train-step" | "whole",
 *   HTMLButtonElement> &
 *   Record<"batch-size" | "clip" | "epochs" | "file" | "leaf-filter" | "random-seed" | "rate" | "row" | "rows-file" | "scrub" | "search", HTMLInputElement> &
 *   Record<"classes" | "optimizer" | "run-a" | "run-b" | "schedule" | "speed", HTMLSelectElement> &
 *   Record<"leaves-card" | "runs-card" | "training-card", HTMLDetailsElement> &
 *   Record<"graph" | "settings", HTMLScriptElement> &
 *   Record<"help", HTMLDialogElement> & Record<"curve" | "picture", SVGSVGElement> &
 *   Record<"region", HTMLCanvasElement> &
 *   Record<"alert" | "class-row" | "compare" | "curve-note" | "differences" | "doc" | "drop" | "found" | "help-title" | "keys"
 *   | "leaves" | "leaves-note" | "legend" | "live" | "name" | "node-body" | "node-card" | "node-title"
 *   | "phase-backward" | "phase-forward" | "promise" | "region-note" | "region-part" | "runs" | "scene-note" | "seed-row" | "stage" | "step-body"
 *   | "step-card" | "step-title" | "tooltip" | "training" | "training-note" | "training-now" | "training-rows" | "training-step"
 *   | "transport", HTMLElement> &
 *   Record<"saving-save", HTMLButtonElement> & Record<"saving-name", HTMLInputElement> & Record<"saving", HTMLDialogElement> &
 *   Record<"class-bar" | "notice" | "other-body" | "other-card" | "other-title" | "saving-as" | "saving-fault" | "saving-form"
 *   | "saving-needs", HTMLElement> &
 *   {answer: HTMLInputElement | null}} Elements
 */

/**
 * The element that a name such as `p.note` makes.
 * @template {string} Name
 * @typedef {Name extends `${infer Tag}.${string}` ? Made<Tag> :
 *   Name extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[Name] : HTMLElement} Made
 */

/**
 * @template {keyof Elements} Id
 * @param {Id} id
 */
export const byId = (id) => /** @type {Elements[Id]} */ (document.getElementById(id));

/**
 * Make an element. Strings become text, never markup.
 * @template {string} Name
 * @param {Name} name `p.note` for a class
 * @param {(Node | string)[]} children
 */
export function make(name, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  element.append(...children);
  return /** @type {Made<Name>} */ (element);
}
