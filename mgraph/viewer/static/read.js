/** Reads the bytes of a graph file into a checked graph. Refuses the first fault. */
import { decode, isObject } from "./bytes.js";
import { arrayOf, checkMeta, knownOnly, required, textOf, unknownField, within } from "./checks.js";
import { FIELDS, HEADER, INTEGERS, LIMITS, VERSIONS } from "./constants.js";
import { blank, inOrder, versionOf } from "./graph.js";
import { hashOf } from "./hash.js";
import { OPS } from "./ops.js";
import { checkRunFields, runsFrom } from "./read-runs.js";
import { Refusal, quoted } from "./refusal.js";
import { fromPacked } from "./read-columns.js";
import { fromList } from "./read-nodes.js";

/** @typedef {import("./bytes.js").Plain} Plain */
/** @typedef {import("./graph.js").Graph} Graph */

/**
 * Read the bytes of a graph file.
 * @param {Uint8Array} bytes
 * @returns {Promise<Graph>}
 */
export async function readGraph(bytes) {
  const { document, binary, rounded } = decode(bytes);
  const graph = graphFrom(document, binary);
  if (rounded) checkIntegers([graph.header.meta ?? null, ...graph.metas.values()]);
  for (const run of graph.runs) {
    if (run.graph !== undefined && run.graph !== ((await hashOf(graph)) ?? run.graph)) {
      throw new Refusal("hash", "a run was recorded from another graph");
    }
  }
  return graph;
}

/**
 * Check plain data.
 * @param {Plain} document
 * @param {boolean} binary whether it came as msgpack
 * @returns {Graph}
 */
function graphFrom(document, binary) {
  if (!isObject(document) || !Object.hasOwn(document, "mgraph")) {
    throw new Refusal("format", "it has no field “mgraph”, so it is not a graph file");
  }
  const version = VERSIONS.findIndex((known) => known === document.mgraph);
  if (version < 0) {
    throw new Refusal("version", `it is of format ${quoted(document.mgraph)}; this page reads ${VERSIONS.join(" and ")}`);
  }
  // the missing one may be misspelt
  if (!document.nodes || !document.outputs) knownOnly(document, FIELDS.document);
  required(document, ["nodes", "outputs"], "the document");
  const { nodes } = document;
  const packed = binary && isObject(nodes);
  let graph = blank(0, 0);
  for (const key of Object.keys(document)) {
    if (!FIELDS.document.includes(key)) throw unknownField(key);
    if (key === "$schema" || key === "name") textOf(document, key, LIMITS.text);
    if (key === "doc") textOf(document, key, LIMITS.doc);
    if (key === "meta") checkMeta(document.meta);
    if (key === "nodes") graph = packed ? fromPacked(nodes) : fromList(nodes, binary);
  }
  graph.header = Object.fromEntries(
    HEADER.filter((key) => Object.hasOwn(document, key)).map((key) => [key, document[key]]),
  );
  graph.outputs = outputsFrom(document.outputs, graph);
  const ordered = inOrder(graph);
  ordered.entries = ordered.ops.map((op) => OPS.get(op));
  const needed = versionOf(ordered, []);
  if (VERSIONS.indexOf(needed) > version) {
    throw new Refusal("unknown-op", `it has ops of format ${needed}, but states ${quoted(document.mgraph)}`);
  }
  const runs = "runs" in document ? document.runs : [];
  checkRunFields(runs, version);
  ordered.runs = runsFrom(runs, ordered, binary, packed);
  return ordered;
}

/**
 * Refuse integers that doubles can't hold exactly.
 * @param {Plain[]} metas
 */
function checkIntegers(metas) {
  for (const item of within(metas)) {
    if (typeof item === "number" && Number.isInteger(item) && Math.abs(item) >= INTEGERS) {
      throw new Refusal("number", "an integer in meta is too large");
    }
  }
}

/**
 * @param {Plain} names
 * @param {Graph} graph
 */
function outputsFrom(names, graph) {
  const outputs = arrayOf(names, "outputs").map((name) => {
    if (typeof name !== "string") throw new Refusal("type", "an output is not a string");
    const node = graph.index.get(name);
    if (node === undefined) throw new Refusal("output", `the output ${quoted(name)} is not a node`);
    return node;
  });
  if (!outputs.length) throw new Refusal("output", "the graph has no outputs");
  if (new Set(outputs).size < outputs.length) throw new Refusal("output", "an output is listed twice");
  return outputs;
}
