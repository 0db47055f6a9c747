/** Optimizers: each operation is rounded on its own. The formulas are in docs/training.md. */
import { ExactSum } from "./sums.js";

/** @typedef {"sgd" | "momentum" | "adam" | "adamw"} Method */

/**
 * What an optimizer is made of, besides the learning rate.
 * @typedef {{momentum: number, betas: [number, number], eps: number, weightDecay: number}} Choices
 */

/**
 * What an optimizer keeps from step to step, by the names in the formulas; m and v are by param.
 * @typedef {{m: Float64Array, v: Float64Array, b: [number, number]}} Kept
 */

/**
 * Return the choices of a method, as in PyTorch.
 * @param {Method} method
 * @returns {Choices}
 */
export function choicesOf(method) {
  return {
    momentum: method === "momentum" ? 0.9 : 0, betas: [0.9, 0.999], eps: 1e-8,
    weightDecay: method === "adamw" ? 0.01 : 0,
  };
}

/**
 * Return the state before the first step.
 * @param {number} count of params
 * @returns {Kept}
 */
export const nothingKept = (count) => ({ m: new Float64Array(count), v: new Float64Array(count), b: [1, 1] });

/**
 * Shorten a gradient that is longer than `clip`; return its length before.
 * @param {Float64Array} grads they are changed
 * @param {number} clip Infinity for any length
 */
export function shorten(grads, clip) {
  const sum = new ExactSum();
  sum.add(grads.map((grad) => grad * grad), grads.length);
  const norm = Math.sqrt(sum.value);
  if (norm > clip) for (let i = 0; i < grads.length; i++) grads[i] = grads[i] * (clip / norm);
  return norm;
}

/**
 * Move params against a gradient.
 * @param {Method} method
 * @param {Choices} choices
 * @param {number} rate the learning rate
 * @param {Float64Array} params they are changed
 * @param {Float64Array} grads they are changed
 * @param {Kept} kept it is changed
 */
export function move(method, choices, rate, params, grads, kept) {
  const { weightDecay } = choices;
  const isAdam = method === "adam" || method === "adamw";
  if (method === "adamw") {
    const factor = 1 - rate * weightDecay;
    for (let i = 0; i < params.length; i++) params[i] = params[i] * factor;
  } else if (weightDecay) {
    for (let i = 0; i < params.length; i++) grads[i] = grads[i] + weightDecay * params[i];
  }
  if (isAdam) moveByAdam(choices, rate, params, grads, kept);
  else {
    for (let i = 0; i < params.length; i++) {
      kept.v[i] = choices.momentum * kept.v[i] + grads[i];
      params[i] = params[i] - rate * kept.v[i];
    }
  }
}

/**
 * @param {Choices} choices
 * @param {number} rate
 * @param {Float64Array} params
 * @param {Float64Array} grads
 * @param {Kept} kept
 */
function moveByAdam({ betas: [beta1, beta2], eps }, rate, params, grads, { m, v, b }) {
  b[0] = b[0] * beta1;
  b[1] = b[1] * beta2;
  const scale = rate / (1 - b[0]);
  const root = Math.sqrt(1 - b[1]);
  for (let i = 0; i < params.length; i++) {
    m[i] = beta1 * m[i] + (1 - beta1) * grads[i];
    v[i] = beta2 * v[i] + (1 - beta2) * grads[i] * grads[i];
    params[i] = params[i] - scale * (m[i] / (Math.sqrt(v[i]) / root + eps));
  }
}
