/** Schedules: the learning rate of each step. The formulas are in docs/training.md. */
import { ieee } from "./ieee.js";

/** @typedef {"constant" | "linear" | "cosine" | "step"} Schedule */

const DROPS = 3; // `step` cuts the steps into so many parts; the rate of each is a tenth of the one before

/**
 * Return the learning rate of a step.
 * @param {Schedule} schedule
 * @param {number} rate of the first step
 * @param {number} step from 0
 * @param {number} steps how many there are
 */
export function rateOf(schedule, rate, step, steps) {
  if (schedule === "linear") return rate * (1 - step / steps);
  if (schedule === "cosine") return rate * ((1 + ieee.cos(Math.PI * (step / steps))) / 2);
  if (schedule === "step") for (let k = Math.floor((DROPS * step) / steps); k > 0; k--) rate = rate * 0.1;
  return rate;
}
