/** The decision region: which class a network of two inputs predicts where, and the rows in it. */
import { Batch } from "./batch.js";
import { byId, make } from "./elements.js";
import { argsOf, targetsOf } from "./rows.js";

/** @typedef {import("./graph.js").Graph} Graph */
/** @typedef {import("./rows.js").Rows} Rows */

const CELLS = 48;
const MARGIN = 0.12;
const COLOURS = ["param", "input", "data", "grad", "const"];
const MOST_DRAWN = 2000; // rows
const MARKS = "●■▲◆✚";

/**
 * Return the nodes with the label or id `score`; or, if there are several targets, the labels `score 1` … or ids `score1` …
 * @param {Graph} graph
 */
function scoresOf(graph) {
  const by = new Map(Array.from(graph.labels, ([node, label]) => [label, node]));
  const targets = targetsOf(graph);
  const labels = targets.length > 1 ? targets.map((_, k) => `score ${k + 1}`) : ["score"];
  const scores = labels.flatMap((label) => by.get(label) ?? graph.index.get(label.replace(" ", "")) ?? []).filter((node) => graph.ops[node] !== "input");
  return scores.length === labels.length ? scores : [];
}

/**
 * Return a region if the graph has scores of exactly two inputs with columns, and the targets are classes.
 * @param {Graph} graph
 * @param {Rows} rows
 */
export function regionOf(graph, rows) {
  const targets = targetsOf(graph);
  const inputs = [...rows.columns.keys()].filter((node) => !targets.includes(node));
  const scores = scoresOf(graph);
  const areClasses = targets.length && targets.every((node) => rows.columns.get(node)?.every((y) => y === 1 || y === 0 || y === -1));
  return areClasses && scores.length && inputs.length === 2 ? new Region(graph, rows, scores, inputs, targets) : null;
}

/**
 * Return the number above which a single score predicts the second class: halfway between the targets if the loss
 * subtracts them from the score, as a squared error does, else 0.
 * @param {Graph} graph
 * @param {number} score
 * @param {number} target
 * @param {Float64Array} wanted
 */
function thresholdOf(graph, score, target, wanted) {
  const isDifference = (/** @type {number[]} */ args) => args.includes(score) && args.includes(target);
  return !wanted.includes(-1) && graph.ids.some((_, node) => isDifference(argsOf(graph, node, "sub"))) ? 0.5 : 0;
}

export class Region {
  /**
   * @param {Graph} graph
   * @param {Rows} rows
   * @param {number[]} scores
   * @param {number[]} inputs two of them
   * @param {number[]} targets
   */
  constructor(graph, rows, scores, inputs, targets) {
    const columns = /** @type {Float64Array[]} */ (inputs.map((node) => rows.columns.get(node)));
    this.rows = rows;
    this.inputs = inputs;
    this.names = inputs.map((node) => graph.ids[node]);
    this.batch = new Batch(graph, scores, [], inputs);
    this.columns = columns;
    this.spans = columns.map(spanOf);
    const wanted = /** @type {Float64Array[]} */ (targets.map((node) => rows.columns.get(node)));
    this.wanted = Uint8Array.from({ length: rows.count }, (_, i) => classOf(wanted, i, 0));
    this.threshold = thresholdOf(graph, scores[0], targets[0], wanted[0]);
    this.table = new Map(inputs.map((node, k) => [node, this.grid(k)]));
    this.small = make("canvas");
    this.small.width = this.small.height = CELLS;
  }

  /**
   * Return a coordinate of the middle of each cell, from the top left to the bottom right.
   * @param {number} k which
   */
  grid(k) {
    const [least, most] = this.spans[k];
    return Float64Array.from({ length: CELLS * CELLS }, (_, i) => {
      const cell = k ? CELLS - 1 - Math.floor(i / CELLS) : i % CELLS;
      return least + ((most - least) * (cell + 0.5)) / CELLS;
    });
  }

  /**
   * Predict the classes of n rows of a table.
   * @param {Map<number, Float64Array>} table
   * @param {number} n
   */
  predict(table, n) {
    const { batch } = this;
    const scores = batch.outputs.map((node) => batch.primals[node]);
    const classes = new Uint8Array(n);
    for (let from = 0; from < n; from += batch.block) {
      const count = Math.min(batch.block, n - from);
      batch.forward(table, null, from, count);
      for (let i = 0; i < count; i++) classes[from + i] = classOf(scores, i, this.threshold);
    }
    return classes;
  }

  /**
   * Compute the region, and draw it with the rows.
   * @param {Float64Array} values of leaves, by node
   */
  draw(values) {
    this.batch.setLeaves(values);
    const predicted = this.predict(this.rows.columns, this.rows.count);
    const right = predicted.filter((k, i) => k === this.wanted[i]).length;
    const style = getComputedStyle(document.documentElement);
    const colours = COLOURS.map((name) => style.getPropertyValue(`--${name}`));
    this.paint(this.predict(this.table, CELLS * CELLS), COLOURS.map((name) => style.getPropertyValue(`--${name}-soft`)));
    this.drawRows(colours, style.getPropertyValue("--paper"));
    this.describe(right);
  }

  /**
   * Paint the cells, and blow them up.
   * @param {Uint8Array} classes of the cells
   * @param {string[]} colours
   */
  paint(classes, colours) {
    const canvas = byId("region");
    const small = /** @type {CanvasRenderingContext2D} */ (this.small.getContext("2d"));
    const image = small.createImageData(CELLS, CELLS);
    const rgb = colours.map((colour) => Number.parseInt(colour.slice(1), 16));
    classes.forEach((k, i) => {
      const colour = rgb[k % rgb.length];
      image.data.set([colour >> 16, (colour >> 8) & 255, colour & 255, 255], 4 * i);
    });
    small.putImageData(image, 0, 0);
    canvas.width = canvas.clientWidth * devicePixelRatio;
    canvas.height = canvas.clientHeight * devicePixelRatio;
    canvas.getContext("2d")?.drawImage(this.small, 0, 0, canvas.width, canvas.height);
  }

  /**
   * @param {string[]} colours
   * @param {string} rim
   */
  drawRows(colours, rim) {
    const canvas = byId("region");
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    pen.font = `${10 * devicePixelRatio}px sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineWidth = 2 * devicePixelRatio;
    pen.strokeStyle = rim;
    const [x, y] = this.columns.map((values, k) => {
      const [least, most] = this.spans[k];
      return values.map((value) => (value - least) / (most - least));
    });
    this.wanted.subarray(0, MOST_DRAWN).forEach((k, i) => {
      const at = /** @type {const} */ ([x[i] * canvas.width, (1 - y[i]) * canvas.height]);
      const mark = MARKS[k % MARKS.length];
      pen.fillStyle = colours[k % colours.length];
      pen.strokeText(mark, ...at);
      pen.fillText(mark, ...at);
    });
  }

  /** @param {number} right how many rows are predicted */
  describe(right) {
    const { rows: { count, classes }, names: [across, up] } = this;
    const share = `${right.toLocaleString("en-US")} of ${count.toLocaleString("en-US")} rows are classified correctly`;
    byId("region").setAttribute("aria-label", `Predicted classes over ${across}, to the right, and ${up}, upwards: ${share}`);
    const all = classes.length ? classes : [...new Set(this.wanted)].sort().map(String);
    const keys = all.slice(0, MARKS.length).map((name, k) => make(`span.class-${COLOURS[k]}`, `${MARKS[k]} ${name}`));
    byId("region-note").replaceChildren(...keys.flatMap((key) => [key, " "]), `${share}; ${across} →, ${up} ↑`);
  }
}

/**
 * Return the class that scores, or targets, give row i: the first largest; for a single one, whether it is above a number.
 * @param {Float64Array[]} scores
 * @param {number} i
 * @param {number} threshold
 */
function classOf(scores, i, threshold) {
  if (scores.length === 1) return scores[0][i] > threshold ? 1 : 0;
  let best = 0;
  for (let k = 1; k < scores.length; k++) if (scores[k][i] > scores[best][i]) best = k;
  return best;
}

/**
 * Return the finite range of a column, with margins.
 * @param {Float64Array} values
 */
function spanOf(values) {
  const [least, most] = values.reduce(([a, b], x) => (Number.isFinite(x) ? [Math.min(a, x), Math.max(b, x)] : [a, b]), [Infinity, -Infinity]);
  const margin = MARGIN * (most - least) || 1;
  return [least - margin, most + margin];
}
