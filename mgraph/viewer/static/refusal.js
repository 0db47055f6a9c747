/** The error that says why a file is refused. */

export class Refusal extends Error {
  /**
   * @param {string} code the code of the diagnostic of `mgraph check`
   * @param {string} message one line
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * Quote a text of a file that may be hostile: short, in one line, and without invisible characters.
 * @param {unknown} value
 */
export function quoted(value) {
  const text = typeof value === "string" ? value : typeof value;
  const short = text.length > 60 ? `${text.slice(0, 59)}…` : text;
  return `“${short.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`)}”`;
}
