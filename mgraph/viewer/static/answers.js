/** Judges answers of the quiz: which are right, and which mistake explains a wrong one. */
import { asOperand } from "./graph.js";
import { OPS } from "./ops.js";

/** @typedef {import("./graph.js").Graph} Graph */
/** @typedef {import("./engine.js").Result} Result */
/** @typedef {import("./steps.js").Contribution} Contribution */

const NEAR = 0.005;

/**
 * Whether an answer is right to two or three digits, as people write by hand.
 * @param {number} answer
 * @param {number} want
 */
export function isNear(answer, want) {
  if (Number.isNaN(want) || Number.isNaN(answer)) return Number.isNaN(want) && Number.isNaN(answer);
  if (!Number.isFinite(want) || !Number.isFinite(answer)) return answer === want;
  return Math.abs(answer - want) <= Math.max(NEAR * Math.abs(want), 1e-6);
}

/**
 * Return what to ask in a backward step: the first few contributions that count.
 * @param {Contribution[]} all
 */
export function questions(all) {
  return all.filter(({ counts }) => counts).slice(0, 3);
}

/**
 * Say in one sentence what may have gone wrong.
 * @param {Graph} graph
 * @param {Result} result
 * @param {number} node whose backward step it is
 * @param {Contribution} asked
 * @param {number} answer
 * @returns {{mistake: string, hint: string}}
 */
export function recognise(graph, result, node, asked, answer) {
  const to = graph.ids[asked.to];
  const from = graph.ids[node];
  for (const [mistake, value, hint] of mistakes(graph, result, node, asked)) {
    if (!isNear(value, asked.after) && isNear(answer, value)) return { mistake, hint };
  }
  return {
    mistake: "",
    hint: `Not yet: multiply the gradient of ${from} by the local derivative with respect to ${to}${asOperand(graph, node, asked.edge)}`
      + `${asked.first ? "." : ", and add it to what is already there."}`,
  };
}

/**
 * Yield the usual mistakes with the number that each leads to.
 * @param {Graph} graph
 * @param {Result} result
 * @param {number} node
 * @param {Contribution} asked
 * @returns {Generator<[string, number, string]>}
 */
function* mistakes(graph, result, node, asked) {
  const to = graph.ids[asked.to];
  const from = graph.ids[node];
  const op = graph.ops[node];
  const { before, upstream, partial, sent } = asked;
  yield ["together", together(graph, result, node, asked),
    `That adds up all that ${from} passes on to ${to}; the question is only about ${to}${asOperand(graph, node, asked.edge)}.`];
  if (!asked.first) {
    yield ["overwrote", sent,
      `Nearly: that is what ${from} sends now, but ${to} is used in several places, so add it to what is already there.`];
  }
  for (const kept of asked.first ? [0] : [before, 0]) {
    yield ["inner", kept + upstream,
      `That passes the gradient of ${from} on unchanged; multiply it by the local derivative of ${op}, too.`];
    yield ["upstream", kept + partial,
      `That is the local derivative of ${op} alone; multiply it by the gradient of ${from}.`];
    for (const other of otherPartials(graph, result, node, asked)) {
      yield ["swapped", kept + upstream * other,
        `That is the derivative with respect to the other operand of ${op}; check which of the two ${to} is.`];
    }
    for (const sum of earlySums(graph, result, node)) {
      yield ["order", kept + sum * partial,
        `That uses the gradient of ${from} too early: wait until every node that uses ${from} has sent its share, then pass the whole sum back.`];
    }
    yield ["value", kept + upstream * result.primals[node],
      `That multiplies by the value of ${from}; the chain rule needs its local derivative.`];
    yield ["sign", kept - sent, "The size is right; check the sign."];
  }
}

/**
 * Return what an argument has after a step that sends something along several arrows to it.
 * @param {Graph} graph
 * @param {Result} result
 * @param {number} node
 * @param {Contribution} asked
 */
function together({ first, args }, result, node, { edge, to, after }) {
  for (let e = edge + 1; e < first[node + 1]; e++) if (args[e] === to) after += result.sent[e];
  return after;
}

/**
 * @param {Graph} graph
 * @param {Result} result
 * @param {number} node
 * @param {Contribution} asked
 */
function otherPartials({ first, ops }, result, node, asked) {
  if (OPS.get(ops[node])?.inputs !== 2) return [];
  const others = [];
  for (let e = first[node]; e < first[node + 1]; e++) if (e !== asked.edge) others.push(result.partials[e]);
  return others;
}

/**
 * Return what the gradient of a node was before it was complete.
 * @param {Graph} graph
 * @param {Result} result
 * @param {number} node
 */
function earlySums({ count, first, args }, result, node) {
  const parts = [];
  let sum = 0;
  for (let i = count - 1; i > node; i--) {
    if (!result.has[i]) continue;
    for (let e = first[i]; e < first[i + 1]; e++) {
      if (args[e] !== node) continue;
      sum += result.sent[e];
      parts.push(result.sent[e], sum);
    }
  }
  return parts.length > 2 ? parts.slice(0, -1) : [];
}
