/** Gradient descent on the params of a graph, over the rows of a table. */
import { Batch, neededFor } from "./batch.js";
import { choicesOf, move, nothingKept, shorten } from "./optimizers.js";
import { orderOf } from "./row-order.js";
import { rateOf } from "./schedules.js";
import { ExactSum } from "./sums.js";

/** @typedef {import("./graph.js").Graph} Graph */

/**
 * Return the params that a node depends on.
 * @param {Graph} graph
 * @param {number} loss
 */
export function paramsOf(graph, loss) {
  const needed = neededFor(graph, [loss]);
  return [...graph.ids.keys()].filter((node) => needed[node] && graph.ops[node] === "param");
}

/**
 * How steps are made; it may change between two steps.
 * @typedef {object} Recipe
 * @property {import("./optimizers.js").Method} method
 * @property {number} rate the learning rate of the first step
 * @property {number} size rows in a step; Infinity for all
 * @property {import("./schedules.js").Schedule} schedule
 * @property {number} epochs how many the schedule has
 * @property {number} clip the largest length of a gradient; Infinity for any
 * @property {bigint} seed the random seed; another one counts from the next epoch on
 */

/**
 * What a step found before it moved the params.
 * @typedef {object} Step
 * @property {number} loss mean over its rows
 * @property {number} rate
 * @property {number} norm the length of the gradient before it was clipped
 * @property {boolean} flat whether all gradients are zero
 * @property {number} nan a param whose gradient is NaN; -1: none
 */

/** The steps of one training. */
export class Descent {
  /**
   * @param {Graph} graph
   * @param {number} loss
   * @param {number[]} trained
   * @param {import("./rows.js").Rows} rows
   */
  constructor(graph, loss, trained, rows) {
    this.batch = new Batch(graph, [loss], trained, rows.columns.keys());
    this.loss = loss;
    this.trained = trained;
    this.rows = rows;
    this.grads = new Float64Array(trained.length);
    this.params = new Float64Array(trained.length);
    this.kept = nothingKept(trained.length);
    this.method = "";
    this.losses = new ExactSum();
    this.batchGrads = this.grads; // of the rows of the last step, before they are clipped
    this.batchSize = 0;
    this.step = 0;
    this.epoch = 1;
    this.at = 0; // rows of the epoch that are done
    /** @type {Uint32Array | null} */
    this.order = null;
  }

  /**
   * Whether all epochs of a schedule are done; a constant rate goes on without end.
   * @param {Recipe} recipe
   */
  isOver({ schedule, epochs }) {
    return schedule !== "constant" && this.epoch > epochs;
  }

  /**
   * Return the learning rate of the next step.
   * @param {Recipe} recipe
   */
  rate({ schedule, rate, epochs, size }) {
    const { count } = this.rows;
    const perEpoch = Math.ceil(count / Math.min(size, count));
    // not this.step: the batch size may have been another one before
    const step = (this.epoch - 1) * perEpoch + Math.ceil(this.at / size);
    return rateOf(schedule, rate, step, epochs * perEpoch);
  }

  /**
   * Make one step, unless the loss is not finite or a gradient is NaN. Another method starts with nothing kept.
   * @param {Recipe} recipe
   * @param {Float64Array} values of leaves by node; those of the trained params are changed
   * @returns {Step}
   */
  advance(recipe, values) {
    const { rows: { count }, trained, params, grads } = this;
    const { method, size, clip, seed } = recipe;
    const n = Math.min(size, count - this.at);
    if (n < count && !this.at) this.order = orderOf(seed, this.epoch, count);
    if (method !== this.method) this.kept = nothingKept(trained.length);
    this.method = method;
    const loss = this.measure(values, n < count ? this.order : null, this.at, n);
    const nan = trained[grads.findIndex(Number.isNaN)] ?? -1;
    const rate = this.rate(recipe);
    this.batchGrads = grads.slice();
    this.batchSize = n;
    const norm = shorten(grads, clip);
    if (Number.isFinite(loss) && nan < 0) {
      trained.forEach((node, i) => (params[i] = values[node]));
      move(method, choicesOf(method), rate, params, grads, this.kept);
      trained.forEach((node, i) => (values[node] = params[i]));
      this.step++;
      this.at += n;
    }
    return { loss, rate, norm, nan, flat: this.batch.sums.every((sum) => sum.value === 0) };
  }

  /** Whether the last step ended an epoch; begins the next one. */
  endsEpoch() {
    if (this.at < this.rows.count) return false;
    this.at = 0;
    this.epoch++;
    return true;
  }

  /**
   * Return the mean loss of some rows; their mean gradients are in `grads` then.
   * @param {Float64Array} values of leaves by node
   * @param {Uint32Array | null} order
   * @param {number} from
   * @param {number} n
   */
  measure(values, order, from, n) {
    const { batch, losses, grads } = this;
    batch.setLeaves(values);
    losses.clear();
    for (const sum of batch.sums) sum.clear();
    for (let done = 0; done < n; done += batch.block) {
      const count = Math.min(batch.block, n - done);
      batch.forward(this.rows.columns, order, from + done, count);
      losses.add(batch.primals[this.loss], count);
      batch.backward(count);
    }
    batch.sums.forEach((sum, i) => (grads[i] = sum.value / n));
    return losses.value / n;
  }
}
