/** Reads CSV: a header, then rows of as many cells; quotes as in RFC 4180. */
import { Refusal, quoted } from "./refusal.js";

const LARGEST = 32 * 2 ** 20;
const MOST_ROWS = 200_000;
const CELL = /"((?:[^"]|"")*)"|([^,"\r\n][^,\r\n]*)?/y;

/** @typedef {{header: string[], rows: string[][]}} Table */

/**
 * Read a file.
 * @param {Uint8Array} bytes
 * @returns {Table}
 */
export function readCsv(bytes) {
  if (bytes.length > LARGEST) throw new Refusal("size", "it is larger than 32 MiB; train on it with mgraph train");
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Refusal("encoding", "it is not UTF-8");
  }
  const [header, ...rows] = records(text);
  if (!header) throw new Refusal("syntax", "it is empty: the first line has the names of the columns");
  const seen = new Set();
  const twice = header.find((name) => seen.size === seen.add(name).size);
  if (seen.has("")) throw new Refusal("column", "it has a column without a name");
  if (twice) throw new Refusal("column", `it has two columns named ${quoted(twice)}`);
  const ragged = rows.findIndex((row) => row.length !== header.length);
  if (ragged >= 0) {
    throw new Refusal("syntax", `row ${ragged}, counted from 0, has ${rows[ragged].length} values; the header has ${header.length}`);
  }
  if (!rows.length) throw new Refusal("syntax", "it has no rows");
  return { header, rows };
}

/**
 * Return the cells of each line that is not empty.
 * @param {string} text
 */
function records(text) {
  /** @type {string[][]} */
  const all = [];
  /** @type {string[]} */
  let cells = [];
  for (let at = 0; at < text.length;) {
    CELL.lastIndex = at;
    const cell = /** @type {RegExpExecArray} */ (CELL.exec(text));
    cells.push(cell[1]?.replaceAll('""', '"') ?? cell[2] ?? "");
    at = CELL.lastIndex;
    if (text[at] === ",") {
      at++;
      if (at < text.length) continue;
      cells.push("");
    } else {
      const end = /\r?\n|\r|$/y;
      end.lastIndex = at;
      if (!end.test(text)) {
        throw new Refusal("syntax", `row ${all.length - 1}, counted from 0, has a quote that does not end or is inside a value`);
      }
      at = end.lastIndex;
    }
    if (cells.length > 1 || cells[0] || cell[1] !== undefined) all.push(cells);
    if (all.length > MOST_ROWS + 1) throw new Refusal("size", `it has more than ${MOST_ROWS.toLocaleString("en-US")} rows; train on it with mgraph train`);
    cells = [];
  }
  return all;
}
