/**
 * What a tab remembers until it is closed: the token of a class, the class whose link had it (if that is known), the
 * class whose page was open, the name of its pupil.
 */

/** @typedef {"token" | "allowed" | "class" | "name"} Kept */

const PREFIX = "mgraph.";

/**
 * Where the browser keeps nothing, as some do in private windows, the page itself does.
 * @type {Map<Kept, string>}
 */
const here = new Map();

/**
 * @param {Kept} what
 * @param {string} text
 */
export function remember(what, text) {
  here.set(what, text);
  try {
    sessionStorage.setItem(PREFIX + what, text);
  } catch {
    // the page keeps it
  }
}

/** @param {Kept} what */
export function remembered(what) {
  try {
    return sessionStorage.getItem(PREFIX + what) ?? here.get(what) ?? "";
  } catch {
    return here.get(what) ?? "";
  }
}

/**
 * Take a token from the address, where it comes after #, which no server sees. It is removed there, so that nobody
 * passes it on by mistake.
 * @param {string} [prefix] the class whose page this is
 * @returns {boolean} whether there was one
 */
export function takeToken(prefix = "") {
  const [, token] = /^#token=([\w-]{1,200})$/.exec(location.hash) ?? [];
  if (!token) return false;
  remember("token", token);
  remember("allowed", prefix);
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}
