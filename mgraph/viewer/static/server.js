/** Asks the server that sent the page, and says in words what went wrong. */
import { remembered } from "./session.js";

const PATIENCE = 20_000; // milliseconds
const JSON_TYPE = "application/json";

/** Why a request has no answer, in words for people. */
export class ServerError extends Error {
  /**
   * @param {number} status 0 if there was no answer at all
   * @param {string} message
   * @param {number} wait in how many seconds to come again; 0 if it was not said
   */
  constructor(status, message, wait = 0) {
    super(message);
    this.status = status;
    this.wait = wait;
  }
}

/**
 * Ask the server. Only what stores something has the token with it.
 * @param {string} path
 * @param {{method?: string, body?: string, headers?: Record<string, string>}} [request]
 * @returns {Promise<Response>} an answer of status 2xx
 */
export async function request(path, { method = "GET", body, headers = {} } = {}) {
  const token = method === "GET" ? "" : remembered("token");
  /** @type {Record<string, string>} */
  const all = { accept: JSON_TYPE, ...(body === undefined ? {} : { "content-type": JSON_TYPE }), ...headers };
  if (token) all.authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, { method, body, headers: all, credentials: "omit", redirect: "error", signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    throw new ServerError(0, "The server can't be reached. Check that you are in the network of your class, then try again.");
  }
  if (!answer.ok) throw await refusalOf(answer);
  return answer;
}

/** @param {Response} answer */
async function refusalOf(answer) {
  const { status } = answer;
  const wait = Number(answer.headers.get("retry-after")) || 0;
  if (status === 401) return new ServerError(status, "The token of your class is missing or has ended. Open the link or the QR code of your class again.");
  if (status === 429 || status === 503) {
    return new ServerError(status, `The server has too much to do. Wait ${wait || 5} s, then try again.`, wait || 5);
  }
  const why = await detailOf(answer);
  return new ServerError(status, `The server refused that: ${why}.`);
}

/**
 * Return what the server says is wrong.
 * @param {Response} answer
 */
async function detailOf(answer) {
  try {
    const { detail, diagnostics } = await answer.json();
    const fix = diagnostics?.[0]?.fix;
    return typeof detail === "string" ? `${detail}${typeof fix === "string" && fix ? ` (${fix})` : ""}` : `status ${answer.status}`;
  } catch {
    return `status ${answer.status}`;
  }
}
