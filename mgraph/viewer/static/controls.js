/** Buttons, links and other elements that pages from a server have besides. */
import { make } from "./elements.js";

/**
 * Make an element with an id.
 * @param {string} tag
 * @param {string} id
 * @param {(Node | string)[]} children
 */
export function named(tag, id, ...children) {
  return Object.assign(make(tag, ...children), { id });
}

/**
 * @param {string} id
 * @param {string} words
 * @param {() => void} act
 */
export function button(id, words, act) {
  const made = Object.assign(make("button", words), { id, type: "button" });
  made.addEventListener("click", act);
  return made;
}

/**
 * @param {string} words
 * @param {string} address
 */
export const link = (words, address) => Object.assign(make("a", words), { href: address });
