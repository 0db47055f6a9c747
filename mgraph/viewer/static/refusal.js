/** The one shape of every complaint about a file. */

export class Refusal extends Error {
  /**
   * @param {string} code as `mgraph check` says it
   * @param {string} message one line
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * Show a text of a hostile file in a short line of characters that can be seen.
 * @param {unknown} value
 */
export function quoted(value) {
  const text = typeof value === "string" ? value : typeof value;
  const short = text.length > 60 ? `${text.slice(0, 59)}…` : text;
  return `“${short.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`)}”`;
}
