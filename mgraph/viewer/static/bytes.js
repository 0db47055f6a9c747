/** Converts bytes to plain data and back: strict JSON, strict msgpack, links. */
import { COMPRESSED, INTEGERS, LIMITS, LONGEST_INTEGER, OTHER_TEXT } from "./constants.js";
import { Refusal, quoted } from "./refusal.js";

/**
 * What JSON can say, and byte strings, which only msgpack has.
 * @typedef {null | boolean | number | string | Uint8Array | Plain[] | PlainObject} Plain
 */
/** @typedef {{[key: string]: Plain}} PlainObject */

/** @typedef {string | number | Uint8Array | Packable[] | {[key: string]: Packable}} Packable */

/**
 * Read the bytes of a graph file.
 * @param {Uint8Array} bytes
 * @returns {{document: Plain, binary: boolean, rounded: boolean}} rounded: integers may be
 */
export function decode(bytes) {
  if (bytes.length > LIMITS.size) {
    throw new Refusal("size", `it is larger than ${LIMITS.size / 2 ** 20} MB, too large for this page`);
  }
  const startsWith = (/** @type {number[]} */ magic) => magic.every((byte, i) => bytes[i] === byte);
  for (const [name, magic] of COMPRESSED) {
    if (startsWith(magic)) throw new Refusal("compressed", `it is compressed (${name}): decompress it first`);
  }
  if (OTHER_TEXT.some(startsWith)) throw new Refusal("encoding", "it is not plain UTF-8 without a byte-order mark");
  if (bytes[0] >= 0x80) {
    const unpacker = new Unpacker(bytes);
    const document = unpacker.whole();
    // a node's meta is one level deeper in packed columns than in a list of nodes
    if (unpacker.deepest > LIMITS.depth && isObject(document) && Array.isArray(document.nodes)) throw tooDeep();
    return { document, binary: true, rounded: unpacker.rounded };
  }
  const text = utf8(bytes, "its text");
  return { document: decodeJson(text), binary: false, rounded: hasLarge(text) };
}

/**
 * Whether an integer lies beyond those that a double holds exactly.
 * @param {bigint} integer
 */
const isLarge = (integer) => integer > INTEGERS || integer < -INTEGERS;

/** @param {string} text */
function hasLarge(text) {
  for (const [, digits] of text.matchAll(/[\s:,[](-?\d{16,400})(?=[\s,\]}])/g)) {
    if (isLarge(BigInt(digits))) return true;
  }
  return false;
}

/**
 * @param {Plain | undefined} value
 * @returns {value is PlainObject}
 */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    && !(value instanceof Uint8Array);
}

/**
 * @param {Uint8Array} bytes
 * @param {string} what
 */
function utf8(bytes, what) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refusal("encoding", `${what} is not valid UTF-8`);
  }
}

// --- JSON ---

/**
 * @param {string} text
 * @returns {Plain}
 */
function decodeJson(text) {
  let document;
  try {
    document = JSON.parse(text);
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep();
    document = lenient(text);
  }
  scan(text);
  if (/\\u[dD][89a-fA-F]/.test(text)) checkSurrogates(document);
  return document;
}

const WORD = /[^\s,:"[\]{}]+/y;
const LONG = new RegExp(`^-?\\d{${LONGEST_INTEGER + 1}}`);

/**
 * Parse JSON that may also have NaN and infinities, which are refused later, where they occur.
 * Refuse the first fault of any other text.
 * @param {string} text
 * @returns {Plain}
 */
function lenient(text) {
  let [json, from, end, closing] = ["", 0, text.length, ""];
  let fault = new Refusal("trailing", "something follows the document");
  let rest = "";
  for (let at = 0; at < end; at++) {
    const c = text[at];
    WORD.lastIndex = at;
    const [word] = WORD.exec(text) ?? [""];
    if (c === '"') at = stringEnd(text, at);
    else if (c === "{" || c === "[") {
      if (closing.length === LIMITS.depth) {
        fault = tooDeep();
        rest = `0${closing}`;
        end = at;
        break;
      }
      closing = (c === "{" ? "}" : "]") + closing;
    } else if (c === "}" || c === "]") closing = closing.slice(1);
    else if (word) {
      if (/^(-?Infinity|NaN)$/.test(word)) [json, from] = [`${json}${text.slice(from, at)}1e999`, at + word.length];
      if (LONG.test(word)) fault = new Refusal("number", `an integer has more than ${LONGEST_INTEGER} digits`);
      at += word.length - 1;
    } else continue;
    if (!closing) end = at + 1;
  }
  try {
    const document = JSON.parse(`${json}${text.slice(from, end)}${rest}`);
    if (fault.code === "trailing" && /^[ \t\r\n]*$/.test(text.slice(end))) return document;
  } catch {
    fault = new Refusal("syntax", text.trim() ? "it is neither JSON nor msgpack" : "it is empty");
  }
  throw fault;
}

/**
 * Find the closing quote of a string.
 * @param {string} text
 * @param {number} at the index of the opening quote
 */
function stringEnd(text, at) {
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let slashes = 0;
    while (text[at - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return at;
  }
}

/**
 * Refuse what JSON.parse accepts: repeated keys, deep nesting.
 * @param {string} text valid JSON
 */
function scan(text) {
  /** @type {(Set<string> | null)[]} */
  const open = [];
  for (let at = 0; at < text.length; at++) {
    const c = text[at];
    if (c === '"') {
      const end = stringEnd(text, at);
      const keys = open.at(-1);
      if (keys && /^\s*:/.test(text.slice(end + 1, end + 8))) addKey(keys, text.slice(at, end + 1));
      at = end;
    } else if (c === "{" || c === "[") {
      if (open.push(c === "{" ? new Set() : null) > LIMITS.depth) throw tooDeep();
    } else if (c === "}" || c === "]") {
      open.pop();
    }
  }
}

/**
 * @param {Set<string>} keys
 * @param {string} raw
 */
function addKey(keys, raw) {
  const key = raw.includes("\\") ? JSON.parse(raw) : raw.slice(1, -1);
  if (keys.size === keys.add(key).size) {
    throw new Refusal("duplicate-key", `an object has the key ${quoted(key)} twice`);
  }
}

const tooDeep = () => new Refusal("depth", `values are nested more than ${LIMITS.depth} levels deep`);

/**
 * Refuse half a surrogate pair: JSON.stringify escapes it again.
 * @param {Plain} document no deeper than the limit
 */
function checkSurrogates(document) {
  if (/(^|[^\\])(\\\\)*\\ud[89a-f]/.test(JSON.stringify(document))) {
    throw new Refusal("encoding", "a text has half a surrogate pair");
  }
}

// --- msgpack ---

/** A strict reader: no extension types, keys are strings, none is repeated, nothing follows. */
class Unpacker {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    this.deepest = 0;
    this.rounded = false;
  }

  whole() {
    const value = this.value(0);
    if (this.at < this.bytes.length) throw new Refusal("trailing", "something follows the document");
    return value;
  }

  /**
   * Advance over some bytes.
   * @param {number} width how many
   * @returns {number} where they start
   */
  take(width) {
    const start = this.at;
    if (start + width > this.bytes.length) throw new Refusal("syntax", "the msgpack is cut off");
    this.at += width;
    return start;
  }

  /** @param {number} width */
  unsigned(width) {
    const at = this.take(width);
    if (width === 8) return this.integer(this.view.getBigUint64(at));
    return width === 1 ? this.bytes[at] : width === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  /** @param {bigint} integer */
  integer(integer) {
    this.rounded ||= isLarge(integer);
    return Number(integer);
  }

  /** @param {number} depth how many containers are around one */
  enter(depth) {
    this.deepest = Math.max(this.deepest, depth + 1);
    if (depth > LIMITS.depth) throw tooDeep();
  }

  /**
   * @param {number} depth how many containers are around it
   * @returns {Plain}
   */
  value(depth) {
    const head = this.unsigned(1);
    if (head < 0x80) return head;
    if (head < 0x90) return this.map(head & 15, depth);
    if (head < 0xa0) return this.array(head & 15, depth);
    if (head < 0xc0) return this.text(head & 31);
    if (head >= 0xe0) return head - 256;
    switch (head) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: case 0xc5: case 0xc6: return this.raw(this.unsigned(1 << (head - 0xc4)));
      case 0xca: return this.view.getFloat32(this.take(4));
      case 0xcb: return this.view.getFloat64(this.take(8));
      case 0xcc: case 0xcd: case 0xce: case 0xcf: return this.unsigned(1 << (head - 0xcc));
      case 0xd0: return this.view.getInt8(this.take(1));
      case 0xd1: return this.view.getInt16(this.take(2));
      case 0xd2: return this.view.getInt32(this.take(4));
      case 0xd3: return this.integer(this.view.getBigInt64(this.take(8)));
      case 0xd9: case 0xda: case 0xdb: return this.text(this.unsigned(1 << (head - 0xd9)));
      case 0xdc: case 0xdd: return this.array(this.unsigned(2 << (head - 0xdc)), depth);
      case 0xde: case 0xdf: return this.map(this.unsigned(2 << (head - 0xde)), depth);
      case 0xc1: throw new Refusal("syntax", "it is not msgpack");
      default:
        this.take(1 + (head >= 0xd4 ? 1 << (head - 0xd4) : this.unsigned(1 << (head - 0xc7))));
        throw new Refusal("type", "it contains an extension type");
    }
  }

  /** @param {number} length */
  raw(length) {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** @param {number} length */
  text(length) {
    return utf8(this.raw(length), "a text");
  }

  /**
   * @param {number} count
   * @param {number} depth
   * @returns {Plain[]}
   */
  array(count, depth) {
    this.enter(depth);
    const items = [];
    for (let i = 0; i < count; i++) items.push(this.value(depth + 1));
    return items;
  }

  /**
   * @param {number} count
   * @param {number} depth
   * @returns {PlainObject}
   */
  map(count, depth) {
    this.enter(depth);
    const members = Object.create(null);
    for (let i = 0; i < count; i++) {
      const key = this.value(depth + 1);
      if (typeof key !== "string") throw new Refusal("type", "a key is not a string");
      if (key in members) throw new Refusal("duplicate-key", `an object has the key ${quoted(key)} twice`);
      members[key] = this.value(depth + 1);
    }
    return members;
  }
}

/**
 * Encode plain data as msgpack, each item with its shortest header, as the hash needs it.
 * @param {Packable} value its numbers are integers from 0
 */
export function pack(value) {
  /** @type {Uint8Array[]} */
  const parts = [];
  packInto(parts, value);
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * @param {Uint8Array[]} parts
 * @param {Packable} value nested no deeper than a packed document
 */
function packInto(parts, value) {
  if (typeof value === "string") {
    const text = new TextEncoder().encode(value);
    parts.push(header(text.length, [0xa0, 32], [0xd9, 0xda, 0xdb]), text);
  } else if (typeof value === "number") {
    parts.push(header(value, [0, 128], [0xcc, 0xcd, 0xce]));
  } else if (value instanceof Uint8Array) {
    parts.push(header(value.length, [0, 0], [0xc4, 0xc5, 0xc6]), value);
  } else if (Array.isArray(value)) {
    parts.push(header(value.length, [0x90, 16], [null, 0xdc, 0xdd]));
    for (const item of value) packInto(parts, item);
  } else {
    const members = Object.entries(value);
    parts.push(header(members.length, [0x80, 16], [null, 0xde, 0xdf]));
    for (const [key, member] of members) {
      packInto(parts, key);
      packInto(parts, member);
    }
  }
}

/**
 * @param {number} size
 * @param {[number, number]} small the first byte for sizes below a limit, and that limit
 * @param {(number | null)[]} wide the first bytes for sizes of 1, 2 and 4 bytes
 */
function header(size, [first, below], wide) {
  if (size < below) return Uint8Array.of(first | size);
  const power = size < 0x100 && wide[0] !== null ? 0 : size < 0x10000 ? 1 : 2;
  const bytes = new Uint8Array(1 + (1 << power));
  bytes[0] = /** @type {number} */ (wide[power]);
  for (let i = bytes.length - 1; i > 0; i--, size = Math.floor(size / 256)) bytes[i] = size % 256;
  return bytes;
}

// --- links ---

const UNPACKED = 8 * 2 ** 20;

/**
 * Put text into a URL fragment, `z=` compressed or `j=` plain.
 * @param {string} text
 */
export async function toFragment(text) {
  const bytes = new TextEncoder().encode(text);
  if (typeof CompressionStream === "undefined") return `j=${toBase64(bytes)}`;
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return `z=${toBase64(new Uint8Array(await new Response(stream).arrayBuffer()))}`;
}

/**
 * Read the bytes that a URL fragment carries; null if it carries none.
 * @param {string} fragment with or without `#`
 */
export async function fromFragment(fragment) {
  const parts = /^#?([zj])=([A-Za-z0-9_-]+)$/.exec(fragment);
  if (!parts) return null;
  const bytes = fromBase64(parts[2]);
  if (parts[1] === "j") return bytes;
  try {
    return await inflated(bytes);
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal("compressed", "the link is damaged");
  }
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const reader = stream.getReader();
  const chunks = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.length;
    if (size > UNPACKED) {
      reader.cancel();
      throw new Refusal("size", "the link unpacks to more than 8 MB");
    }
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** @param {Uint8Array} bytes */
function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** @param {string} text */
function fromBase64(text) {
  try {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (c) => c.charCodeAt(0));
  } catch {
    throw new Refusal("syntax", "the link is damaged");
  }
}
