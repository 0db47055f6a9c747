/** The elements of the page: those of page.html by their ids, and new ones. */

/**
 * What the scripts look up, by its id: all of page.html, and what is made for one question of the
 * quiz or for the comparison of runs.
 * @typedef {Record<"back" | "closer" | "download" | "farther" | "first" | "help-button" | "help-close"
 *   | "last" | "link" | "next" | "node-close" | "open" | "play" | "quiz" | "reset" | "theme" | "whole",
 *   HTMLButtonElement> &
 *   Record<"file" | "leaf-filter" | "scrub" | "search", HTMLInputElement> &
 *   Record<"run-a" | "run-b" | "speed", HTMLSelectElement> &
 *   Record<"leaves-card" | "runs-card", HTMLDetailsElement> &
 *   Record<"graph" | "settings", HTMLScriptElement> &
 *   Record<"help", HTMLDialogElement> & Record<"picture", SVGSVGElement> &
 *   Record<"alert" | "compare" | "differences" | "doc" | "drop" | "found" | "help-title" | "keys"
 *   | "leaves" | "leaves-note" | "legend" | "live" | "name" | "node-body" | "node-card" | "node-title"
 *   | "phase-backward" | "phase-forward" | "runs" | "scene-note" | "seed-row" | "stage" | "step-body"
 *   | "step-card" | "step-title" | "tooltip" | "transport", HTMLElement> &
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
