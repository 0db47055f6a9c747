#!/usr/bin/env node
/**
 * An engine for graph files of mgraph's formats 1.0 and 1.1, in JavaScript: node 18 or newer, no packages.
 *
 * It reads documents from standard input, runs each forward and backward, and answers with the same
 * document, with `data` and `grad` added to its run. ../README.md describes the protocol, and
 * ../../docs/format.md the format; this file implements its sections "evaluation" and "ops".
 */

const FORMATS = ["1.0", "1.1"];

/** The document may be right, but this engine can't run it. */
class Unsupported extends Error {}

function check(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

// ---- Ops --------------------------------------------------------------------------------------

// 1 to the power NaN, and ±1 to the power ±inf, are 1 in C and in the format, NaN in JavaScript.
const pow = (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b));
const ramp = (x) => (x > 0 || Number.isNaN(x) ? x : 0);
const logistic = (x) => {
  // Two forms, because e^-x overflows far below zero.
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  return Math.exp(x) / (1 + Math.exp(x));
};

// Not Math.max, which returns the other zero, and doesn't say which argument it chose.
const wins = (isAhead, a) => isAhead || Number.isNaN(a);
const shares = (a, b, isFirst) => (a === b ? [0.5, 0.5] : isFirst ? [1, 0] : [0, 1]);

// JavaScript has no erf. For small x this is its power series; for large ones, 1 minus the integral
// from x to infinity by the trapezoidal rule, with its correction. It is right to the last digits.
const erf = (x) => {
  const square = x * x;
  if (square < 1) {
    let sum = 0;
    for (let n = 20, factorial = 2432902008176640000; n > 0; factorial /= n--) {
      sum = (sum + (n % 2 ? -1 : 1) / (factorial * (2 * n + 1))) * square;
    }
    return x + x * (0.12837916709551257 + (2 / Math.sqrt(Math.PI)) * sum);
  }
  if (!(square < 36)) return Number.isNaN(x) ? x : Math.sign(x);
  let sum = 0.5 / square;
  for (let n = 1; n < 13; n++) sum += Math.exp((-n * n) / 4) / ((n * n) / 4 + square);
  const far = Math.abs(x);
  const rest = ((far * Math.exp(-square)) / Math.PI) * sum - 2 / Math.expm1(4 * Math.PI * far);
  return Math.sign(x) * (1 - rest);
};
const arcSlope = (x) => 1 / Math.sqrt((1 - x) * (1 + x));

/**
 * One line per op: the function for its value, and the function for its partials, one for each
 * argument. Both get the arguments, a and b or x; the partials also get the value, y. Where a
 * shorter formula seems possible, this one is right for zeros, NaN and infinities, as the format
 * defines.
 *
 * It is a Map, because an object has inherited members: OPS["constructor"].
 */
const OPS = new Map(
  Object.entries({
    add: [(a, b) => a + b, () => [1, 1]],
    sub: [(a, b) => a - b, () => [1, -1]],
    mul: [(a, b) => a * b, (a, b) => [b, a]],
    div: [(a, b) => a / b, (a, b, y) => [1 / b, -y / b]],
    pow: [
      pow,
      // The zeros are the format's choice where the formula gives 0·inf.
      (a, b, y) => [
        b === 0 ? 0 : b * pow(a, b - 1),
        a === 0 && b >= 0 ? 0 : y * Math.log(a),
      ],
    ],
    max: [(a, b) => (wins(a > b, a) ? a : b), (a, b) => shares(a, b, wins(a > b, a))],
    min: [(a, b) => (wins(a < b, a) ? a : b), (a, b) => shares(a, b, wins(a < b, a))],
    sum: [(...xs) => xs.reduce((a, b) => a + b), (...xs) => xs.map(() => 1)],
    neg: [(x) => -x, () => [-1]],
    abs: [(x) => Math.abs(x), (x) => [x > 0 ? 1 : x < 0 ? -1 : 0]],
    sqrt: [(x) => Math.sqrt(x), (x, y) => [0.5 / y]],
    exp: [(x) => Math.exp(x), (x, y) => [y]],
    log: [(x) => Math.log(x), (x) => [1 / x]],
    sin: [(x) => Math.sin(x), (x) => [Math.cos(x)]],
    cos: [(x) => Math.cos(x), (x) => [-Math.sin(x)]],
    tan: [(x) => Math.tan(x), (x, y) => [1 + y * y]],
    atan: [(x) => Math.atan(x), (x) => [1 / (1 + x * x)]],
    sinh: [(x) => Math.sinh(x), (x) => [Math.cosh(x)]],
    cosh: [(x) => Math.cosh(x), (x) => [Math.sinh(x)]],
    tanh: [(x) => Math.tanh(x), (x, y) => [1 - y * y]],
    sigmoid: [logistic, (x, y) => [y * (1 - y)]],
    softplus: [(x) => ramp(x) + Math.log1p(Math.exp(-Math.abs(x))), (x) => [logistic(x)]],
    relu: [ramp, (x) => [x > 0 ? 1 : 0]],
    // Since format 1.1:
    erf: [erf, (x) => [1.1283791670955126 * Math.exp(-(x * x))]],
    log1p: [(x) => Math.log1p(x), (x) => [1 / (1 + x)]],
    expm1: [(x) => Math.expm1(x), (x) => [Math.exp(x)]],
    asin: [(x) => Math.asin(x), (x) => [arcSlope(x)]],
    acos: [(x) => Math.acos(x), (x) => [-arcSlope(x)]],
    atan2: [(a, b) => Math.atan2(a, b), (a, b) => [b / (a * a + b * b), -a / (a * a + b * b)]],
    gate: [(a, b) => (a > 0 ? b : 0), (a) => [0, a > 0 ? 1 : 0]],
  }).map(([name, [value, partials]]) => [name, { value, partials }]),
);

const LEAVES = ["input", "param", "const"];

function takes(op, count) {
  if (op === "sum") return count >= 1;
  return count === (OPS.get(op)?.value.length ?? 0);
}

// ---- The graph --------------------------------------------------------------------------------

/** Read the nodes, replacing ids with indices: `args` are indices into the list of nodes. */
function readNodes(list) {
  const indexById = new Map(list.map(({ id }, i) => [id, i]));
  check(indexById.size === list.length, "two nodes have the same id");
  const nodes = list.map(({ id, op, args = [], data }) => {
    if (!LEAVES.includes(op) && !OPS.has(op)) throw new Unsupported(`op ${JSON.stringify(op)}`);
    const indices = args.map((arg) => indexById.get(arg));
    check(!indices.includes(undefined), `node "${id}" has an argument that is not a node`);
    check(takes(op, args.length), `node "${id}" has the wrong number of arguments, ${args.length}`);
    return { id, op, args: indices, data: data === undefined ? undefined : readNumber(data, id) };
  });
  return { nodes, indexById };
}

const SPELLED = new Map([["nan", NaN], ["inf", Infinity], ["-inf", -Infinity]]);

/** JSON can't write NaN and the infinities as numbers, so they are strings there. */
function readNumber(json, id) {
  const x = typeof json === "string" ? SPELLED.get(json) : json;
  // JSON.parse reads 1e400 as Infinity, but the format refuses it.
  const isNumber = SPELLED.has(json) || Number.isFinite(x);
  check(isNumber, `the value of "${id}" is not a number`);
  return x;
}

function spellNumber(x) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  return x;
}

/**
 * Return the indices of the nodes in the order of evaluation: of all nodes whose arguments are
 * done, the one that comes first in the file is next. The order decides how sums of adjoints are
 * rounded.
 */
function orderOf(nodes) {
  const isInOrder = nodes.every(({ args }, i) => args.every((arg) => arg < i));
  if (isInOrder) return nodes.map((_, i) => i);
  const users = nodes.map(() => []);
  nodes.forEach(({ args }, i) => args.forEach((arg) => users[arg].push(i)));
  const waitsFor = nodes.map(({ args }) => args.length);
  const ready = new Heap();
  waitsFor.forEach((count, i) => count === 0 && ready.push(i));
  const order = [];
  while (ready.size > 0) {
    const i = ready.pop();
    order.push(i);
    for (const user of users[i]) {
      waitsFor[user] -= 1;
      if (waitsFor[user] === 0) ready.push(user);
    }
  }
  check(order.length === nodes.length, "a node depends on itself");
  return order;
}

/** A heap of numbers; the smallest comes out first. */
class Heap {
  #items = [];

  get size() {
    return this.#items.length;
  }

  push(item) {
    const items = this.#items;
    let i = items.push(item) - 1;
    for (let up; i > 0 && items[(up = (i - 1) >> 1)] > item; i = up) items[i] = items[up];
    items[i] = item;
  }

  pop() {
    const items = this.#items;
    const smallest = items[0];
    const item = items.pop();
    if (items.length === 0) return smallest;
    let i = 0;
    for (let down; (down = 2 * i + 1) < items.length; i = down) {
      if (items[down + 1] < items[down]) down += 1; // false beyond the end, with undefined
      if (items[down] >= item) break;
      items[i] = items[down];
    }
    items[i] = item;
    return smallest;
  }
}

// ---- Forward and backward ---------------------------------------------------------------------

/** Compute every value. Loops instead of recursion, because a graph may be a million nodes deep. */
function forward(nodes, order, inputs) {
  const primals = new Float64Array(nodes.length);
  for (const i of order) {
    const { id, op, args, data } = nodes[i];
    if (args.length === 0) {
      const x = inputs.has(id) ? inputs.get(id) : data;
      check(x !== undefined, `leaf "${id}" has no value`);
      primals[i] = x;
      continue;
    }
    primals[i] = OPS.get(op).value(...args.map((arg) => primals[arg]));
  }
  return primals;
}

/** Compute every adjoint, and which nodes have one: "no path" is not the same as "zero". */
function backward(nodes, order, primals, seeds) {
  const adjoints = new Float64Array(nodes.length);
  const has = new Uint8Array(nodes.length);
  for (const [i, seed] of seeds) give(i, seed);
  for (let k = order.length - 1; k >= 0; k -= 1) {
    const i = order[k]; // all nodes that use it are done, so its adjoint is complete
    const { op, args } = nodes[i];
    if (!has[i] || args.length === 0) continue;
    const partials = OPS.get(op).partials(...args.map((arg) => primals[arg]), primals[i]);
    args.forEach((arg, j) => give(arg, adjoints[i] * partials[j]));
  }
  return { adjoints, has };

  function give(i, amount) {
    if (nodes[i].op === "const") return; // a const gets no gradient
    adjoints[i] += amount; // +=, because a node may be used several times, even by one op
    has[i] = 1;
  }
}

// ---- Documents --------------------------------------------------------------------------------

/** Complete the only run of a document. */
function complete(document) {
  check(document?.mgraph !== undefined, "this is not a graph file: it has no field \"mgraph\"");
  if (!FORMATS.includes(document.mgraph)) throw new Unsupported(`format ${JSON.stringify(document.mgraph)}`);
  check(Array.isArray(document.nodes), "the nodes must be a list");
  check(document.runs?.length === 1, "there must be exactly one run");
  const [run] = document.runs;
  const { nodes, indexById } = readNodes(document.nodes);
  const order = orderOf(nodes);
  const inputs = readInputs(run, nodes, indexById);
  const primals = forward(nodes, order, inputs);
  const seeds = readSeeds(run, document.outputs, indexById);
  const { adjoints, has } = backward(nodes, order, primals, seeds);
  // fromEntries, because assigning to a node named __proto__ would not make a field.
  const table = (indices, xs) =>
    Object.fromEntries(indices.map((i) => [nodes[i].id, spellNumber(xs[i])]));
  run.data = table(order, primals);
  run.grad = table(order.filter((i) => has[i]), adjoints);
}

function readInputs(run, nodes, indexById) {
  const inputs = Object.entries(run.inputs ?? {}).map(([id, x]) => [id, readNumber(x, id)]);
  for (const [id] of inputs) {
    const canBeSet = ["input", "param"].includes(nodes[indexById.get(id)]?.op);
    check(canBeSet, `the run sets "${id}", which is not an input or param`);
  }
  return new Map(inputs);
}

/** Return pairs of an index and a seed. Without a seed, the only output starts with 1. */
function readSeeds(run, outputs, indexById) {
  check(Array.isArray(outputs) && outputs.length > 0, "there are no outputs");
  const isOutput = new Set(outputs);
  check(outputs.every((id) => indexById.has(id)), "an output is not a node");
  const named = Object.entries(run.seed ?? {});
  check(named.length > 0 || outputs.length === 1, "several outputs need a seed");
  const seeds = named.length > 0 ? named : [[outputs[0], 1]];
  return seeds.map(([id, seed]) => {
    check(isOutput.has(id), `the seed "${id}" is not an output`);
    check(Number.isFinite(seed), `the seed of "${id}" is not a finite number`);
    return [indexById.get(id), seed];
  });
}

/** Write JSON. JSON.stringify writes -0 as 0, but 1/-0 is not 1/0. */
function write(json) {
  if (Object.is(json, -0)) return "-0.0";
  if (json === null || typeof json !== "object") return JSON.stringify(json);
  if (Array.isArray(json)) return `[${json.map(write).join(",")}]`;
  const fields = Object.entries(json).map(([key, x]) => `${JSON.stringify(key)}:${write(x)}`);
  return `{${fields.join(",")}}`;
}

// ---- Standard input and output ----------------------------------------------------------------

/** Yield the lines of a stream. node:readline would also end a line at U+2028 inside a label. */
async function* linesOf(stream) {
  let parts = [];
  for await (let chunk of stream) {
    for (let end; (end = chunk.indexOf("\n")) >= 0; chunk = chunk.subarray(end + 1)) {
      yield Buffer.concat([...parts, chunk.subarray(0, end)]);
      parts = [];
    }
    parts.push(chunk);
  }
  yield Buffer.concat(parts);
}

/** Yield the documents of a stream: one per line, or a single one over many lines. */
async function* documentsOf(stream) {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const unfinished = [];
  for await (const bytes of linesOf(stream)) {
    const line = decoder.decode(bytes);
    if (line.trim() === "") continue;
    const document = unfinished.length === 0 ? parsed(line) : undefined;
    if (document === undefined) unfinished.push(line);
    else yield document;
  }
  if (unfinished.length > 0) yield JSON.parse(unfinished.join("\n"));
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // it continues on the next line, or has an error, which shows at the end
  }
}

/** Print an error in one line; control characters quoted from a document are replaced. */
function say(sentence) {
  console.error(sentence.replace(/\p{Cc}/gu, "?"));
}

process.stdout.on("error", ({ message }) => {
  say(`the answer can't be written: ${message}`);
  process.exit(1);
});

try {
  for await (const document of documentsOf(process.stdin)) {
    complete(document);
    process.stdout.write(`${write(document)}\n`);
  }
} catch (error) {
  const isUnsupported = error instanceof Unsupported;
  say(isUnsupported ? `unsupported: ${error.message}` : error.message);
  process.exitCode = isUnsupported ? 3 : 1; // process.exit() might cut off an answer
}
