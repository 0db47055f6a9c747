/** Names of stored graphs: what the server calls them, and what a pupil may call a copy. */
import { request } from "./server.js";

/**
 * A name and what it points to.
 * @typedef {{name: string, id: string, revision: string, updated: string}} Entry
 */

/**
 * A page of names below a prefix, those whose records are damaged, and what the prefix itself points to.
 * @typedef {{names: Entry[], damaged: string[], next: string | null, prefix: Entry | null}} Names
 */

const LONGEST_PART = 64;

/** Letters that are not a plain letter with a mark. */
const LETTERS = new Map([["ß", "ss"], ["æ", "ae"], ["œ", "oe"], ["ø", "o"], ["ł", "l"], ["đ", "d"], ["ð", "d"], ["þ", "th"], ["ı", "i"]]);

/**
 * Return a name that is like a text: for “Jürgen M.” jurgen-m; empty if it has no letters a-z and digits.
 * @param {string} text
 */
export function nameLike(text) {
  const plain = text.slice(0, 4 * LONGEST_PART).toLowerCase().replace(/[ßæœøłđðþı]/g, (letter) => LETTERS.get(letter) ?? "");
  const letters = plain.normalize("NFKD").replace(/\p{M}/gu, "");
  return letters.replace(/[^a-z0-9_]+/g, "-").replace(/^[-_]+|[-_]+$/g, "").slice(0, LONGEST_PART - 4).replace(/[-_]+$/, "");
}

/**
 * Return a name that is not taken: anna, or else anna-2, anna-3 …
 * @param {string} name
 * @param {string[]} taken
 */
export function freeName(name, taken) {
  const stem = name.replace(/-\d{1,3}$/, "");
  for (let count = 2; taken.includes(name); count++) name = `${stem}-${count}`;
  return name;
}

/**
 * Return names below a prefix, and that of the prefix itself.
 * @param {string} prefix
 * @param {number} limit
 * @param {string} [after]
 * @returns {Promise<Names>}
 */
export async function namesBelow(prefix, limit, after = "") {
  const query = new URLSearchParams({ prefix, limit: String(limit), ...(after ? { after } : {}) });
  const answer = await request(`/api/names?${query}`);
  return await answer.json();
}

/** @param {string} name */
export const addressOf = (name) => `/g/${name}`;

/**
 * Return the last part of a name.
 * @param {string} name
 */
export const lastPart = (name) => name.slice(name.lastIndexOf("/") + 1);

/**
 * Return all parts of a name but the last.
 * @param {string} name
 */
export const folderOf = (name) => name.slice(0, Math.max(0, name.lastIndexOf("/")));
