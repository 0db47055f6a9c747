/** The card of the training: rows, the controls, what happens. */
import { DIGITS } from "./appearance.js";
import { nameOf } from "./cards.js";
import { readCsv } from "./csv.js";
import { drawCurve, Losses } from "./curve.js";
import { Descent, paramsOf } from "./descent.js";
import { byId } from "./elements.js";
import { listLeaves } from "./leaves.js";
import { counted, shown, typed } from "./numbers.js";
import { Refusal } from "./refusal.js";
import { regionOf } from "./region.js";
import { matchRows } from "./rows.js";
import { evaluateNow, quiz, refresh, runAll, setLeaf, state } from "./state.js";

const FRAME = 10; // milliseconds of a frame for steps
const REGION_EVERY = 120; // milliseconds
const GRAPH_EVERY = 250;
const SHARE = 5; // what takes long is drawn so seldom that it takes at most this part of the time
const RISE = 1.5; // how many times as large a loss must become in four epochs before somebody is told that it rises
const LARGER = 0.01; // how much of the first loss it must rise: one that has fallen far may go up and down a little

/** @typedef {import("./descent.js").Recipe} Recipe */

/**
 * @typedef {object} Training
 * @property {string} name of the file
 * @property {import("./csv.js").Table} table
 * @property {import("./rows.js").Rows} rows
 * @property {Descent} descent
 * @property {import("./region.js").Region | null} region
 * @property {Losses} losses
 * @property {{loss: number, flat: boolean}} epoch sum of losses times rows, and whether all gradients were zero
 * @property {number[]} epochs mean losses of the last four epochs
 * @property {number} first the loss before the first step
 * @property {number} now the loss that was measured last
 * @property {number} full the loss before the last step, if that took all rows; else NaN
 * @property {string} step what is said of the last step
 */

/** @type {Training | null} */
let training = null;

/** @type {Recipe} */
const recipe = { method: "sgd", rate: 0.05, size: Infinity, schedule: "constant", epochs: 100, clip: Infinity, seed: 0n };

let playing = 0;
let regionDue = 0;
let graphDue = 0;

/** The loss is the output whose gradients the page shows. */
const lossNow = () => [...state.seeds.keys()][0];

/** Forget the rows of another graph. */
export function forgetRows() {
  stop();
  training = null;
  byId("training").hidden = true;
  byId("training-card").open = false;
  byId("training-card").hidden = !state.graph.ops.includes("param");
  byId("training-rows").textContent = "Choose a CSV file with a column for each input, or drop it on the page.";
}

/**
 * Read the rows of a file, and get ready to train on them.
 * @param {Uint8Array} bytes
 * @param {string} name
 */
export function takeRows(bytes, name) {
  stop();
  byId("training-card").hidden = false;
  byId("training-card").open = true;
  try {
    begin(readCsv(bytes), name, undefined);
  } catch (error) {
    refuse(error, name);
  }
  byId("training-card").scrollIntoView();
}

/**
 * @param {unknown} error
 * @param {string} name
 */
function refuse(error, name) {
  if (!(error instanceof Refusal)) throw error;
  training = null;
  byId("training").hidden = true;
  byId("training-rows").textContent = `Can't train on ${name}: ${error.message}.`;
}

/**
 * Start a training from the params as they are declared.
 * @param {import("./csv.js").Table} table
 * @param {string} name
 * @param {string | undefined} target the column of classes
 */
function begin(table, name, target) {
  const { graph } = state;
  const loss = lossNow();
  const trained = paramsOf(graph, loss);
  if (!trained.length) throw new Refusal("run-node", `${nameOf(graph, loss)} depends on no param`);
  const rows = matchRows(graph, table, trained, target);
  const descent = new Descent(graph, loss, trained, rows);
  training = { name, table, rows, descent, region: regionOf(graph, rows), losses: new Losses(), epoch: { loss: 0, flat: true }, epochs: [], first: NaN, now: NaN, full: NaN, step: "" };
  for (const node of trained) setLeaf(node, graph.data[node]);
  describe(training);
  readFields(); // browsers keep what was typed when a page is loaded again
  showRow();
  training.first = training.now = descent.measure(state.values, null, 0, rows.count);
  if (!Number.isFinite(training.now)) note(reasonAtStart(training));
  draw(true);
}

/** @param {Training} each */
function describe({ name, rows, descent, region }) {
  const { graph } = state;
  byId("training").hidden = false;
  const note = rows.standardized.length ? ` Standardized as in the earlier training: ${rows.standardized.join(", ")}.` : "";
  byId("training-rows").textContent = `${name}, ${counted(rows.count, "row")}. Training changes ${counted(descent.trained.length, "param")} to make ${nameOf(graph, descent.loss)} smaller.${note}`;
  byId("class-row").hidden = !rows.others.length;
  byId("classes").replaceChildren(...rows.others.map((column) => new Option(column)));
  byId("classes").value = rows.target;
  byId("row").max = String(rows.count - 1);
  if (Number(byId("row").value) >= rows.count) byId("row").value = "0";
  byId("region-part").hidden = !region;
}

/** @param {Training} each */
function reasonAtStart({ rows, descent, now }) {
  let row = 0;
  while (row < rows.count - 1 && Number.isFinite(descent.measure(state.values, null, row, 1))) row++;
  return `The loss is ${shown(now)} before the first step. The first such row is row ${row}, counted from 0: look at its values, and at the params.`;
}

/** Start again: params as declared, and nothing kept of earlier steps. */
export function resetTraining() {
  stop();
  if (training) begin(training.table, training.name, training.rows.target || undefined);
}

export function changeClasses() {
  stop();
  if (!training) return;
  const { table, name } = training;
  try {
    begin(table, name, byId("classes").value);
  } catch (error) {
    refuse(error, name);
  }
}

/** Take what is in the fields. */
export function readFields() {
  note("");
  recipe.method = /** @type {Recipe["method"]} */ (byId("optimizer").value);
  recipe.schedule = /** @type {Recipe["schedule"]} */ (byId("schedule").value);
  byId("epochs").disabled = recipe.schedule === "constant";
  recipe.rate = take("rate", positive, "The learning rate must be a positive number.") ?? recipe.rate;
  recipe.size = take("batch-size", (text) => (/^full$/i.test(text) ? Infinity : whole(text)), "The batch size must be a whole number of rows, at least 1, or “full”.") ?? recipe.size;
  recipe.epochs = take("epochs", whole, "The number of epochs must be a whole number, at least 1.") ?? recipe.epochs;
  recipe.clip = take("clip", (text) => (/^(none)?$/i.test(text) ? Infinity : positive(text)), "“Clip gradient” must be a positive number, or “none”.") ?? recipe.clip;
  recipe.seed = take("random-seed", (text) => (/^-?\d+$/.test(text) ? BigInt(text) : null), "The random seed must be a whole number.") ?? recipe.seed;
}

/** @param {string} text */
function positive(text) {
  const value = typed(text);
  return value !== null && value > 0 && value < Infinity ? value : null;
}

/** @param {string} text */
const whole = (text) => (/^0*[1-9]\d*$/.test(text) ? Number(text) : null);

/**
 * Return what a field says; null if it can't be used, which is marked, and said.
 * @template T
 * @param {"rate" | "batch-size" | "epochs" | "clip" | "random-seed"} id
 * @param {(text: string) => T | null} read
 * @param {string} expected
 */
function take(id, read, expected) {
  const value = read(byId(id).value.trim());
  if (value !== null) byId(id).removeAttribute("aria-invalid");
  else {
    byId(id).setAttribute("aria-invalid", "true");
    note(expected);
  }
  return value;
}

/** Return the training, begun again if another output has become the loss; null while a field can't be used, which is said. */
function current() {
  readFields();
  if (byId("training").querySelector("[aria-invalid]")) return null;
  if (training && training.descent.loss !== lossNow()) resetTraining();
  return training;
}

/**
 * Make one step. Returns whether another can follow.
 * @param {Training} each
 */
function advance(each) {
  const { descent, losses, rows, epoch } = each;
  if (descent.isOver(recipe)) {
    note(`The schedule has ended, after ${counted(recipe.epochs, "epoch")}. Reset, or let it have more epochs.`);
    return false;
  }
  const before = descent.at;
  const { loss, rate, norm, flat, nan } = descent.advance(recipe, state.values);
  each.now = loss;
  if (!Number.isFinite(loss)) {
    note(descent.step ? diverged(each) : reasonAtStart(each));
    return false;
  }
  if (nan >= 0) {
    note(`The gradient of ${nameOf(state.graph, nan)} is NaN, although the loss is finite: in some row, a derivative does not exist there.`);
    return false;
  }
  each.step = `Last step: rate ${shown(rate, 3)}, gradient ${shown(norm, 3)} long${norm > recipe.clip ? `, clipped to ${shown(recipe.clip, 3)}` : ""}`;
  warnOfRise(each, descent.step - 1);
  each.full = descent.at - before === rows.count ? loss : NaN;
  losses.push(loss);
  epoch.loss += loss * (descent.at - before);
  epoch.flat &&= flat;
  if (descent.endsEpoch()) {
    each.epochs = [...each.epochs.slice(-3), epoch.loss / rows.count];
    warn(each, epoch.flat);
    each.epoch = { loss: 0, flat: true };
  }
  return true;
}

/** @param {Training} each */
function diverged({ descent, now }) {
  return `The loss is ${shown(now)} from step ${descent.step + 1} on: the step is too long, so that each one went farther beyond the minimum. Reset, and take a smaller learning rate.`;
}

/**
 * Whether the loss has risen by more than a little.
 * @param {Training} each
 * @param {number} from
 * @param {number} to
 */
const hasRisen = ({ first }, from, to) => to - from > LARGER * Math.max(Math.abs(first), Math.abs(from));

/**
 * Say if plain gradient descent over all rows has made the loss larger, which a short step never does.
 * @param {Training} each
 * @param {number} step its number
 */
function warnOfRise(each, step) {
  const { full, now } = each;
  if (recipe.method === "sgd" && hasRisen(each, full, now)) note(`Step ${step} was too long: the loss rose from ${shown(full, 3)} to ${shown(now, 3)}. Take a smaller learning rate.`);
}

/**
 * Say what a learner should see at the end of an epoch.
 * @param {Training} each
 * @param {boolean} flat
 */
function warn(each, flat) {
  const { epochs, now, descent } = each;
  if (flat && now === 0) note("The loss is zero, and so are all gradients: nothing is left to learn.");
  else if (flat) note("All gradients are zero, so that no param moves: this is a minimum, or every row is where the graph is flat, such as a relu of negative numbers.");
  else if (epochs.length === 4 && epochs.every((loss, k) => !k || loss > epochs[k - 1]) && epochs[3] > RISE * epochs[0] && hasRisen(each, epochs[0], epochs[3])) {
    note(`The loss rises (epoch ${descent.epoch - 1}): the step is too long. Take a smaller learning rate.`);
  }
}

/** @param {string} words */
function note(words) {
  if (byId("training-note").textContent !== words) byId("training-note").textContent = words;
}

function stop() {
  cancelAnimationFrame(playing);
  playing = 0;
  byId("train").textContent = "Train";
}

export function toggleTraining() {
  if (playing) {
    pauseTraining();
    return;
  }
  const each = current();
  if (!each) return;
  byId("train").textContent = "Pause";
  const frame = () => {
    const end = performance.now() + FRAME;
    playing = requestAnimationFrame(frame);
    do {
      if (!advance(each)) {
        pauseTraining();
        return;
      }
    } while (performance.now() < end);
    draw(false); // after the steps, so that no note is about one that is not yet counted
  };
  playing = requestAnimationFrame(frame);
}

/** Stop, and show the graph with the params as they are now. */
export function pauseTraining() {
  stop();
  if (!training) return;
  const { descent, rows } = training;
  training.now = descent.measure(state.values, null, 0, rows.count);
  if (Number.isFinite(training.now)) warnOfRise(training, descent.step);
  else if (descent.step) note(diverged(training));
  showRow();
  draw(true);
  byId("live").textContent = byId("training-now").textContent;
}

export const trainStep = () => trainWhile(() => false);

/** Make the steps up to the end of the epoch. */
export const trainEpoch = () => trainWhile(({ descent }) => descent.at > 0);

/** @param {(each: Training) => boolean} goesOn */
function trainWhile(goesOn) {
  stop();
  const each = current();
  if (!each) return;
  while (advance(each) && goesOn(each));
  pauseTraining();
}

/** Show the row that is chosen in the graph, with the params as they are now. */
function showRow() {
  if (!training) return;
  const { rows, descent } = training;
  const row = Math.max(0, Math.min(rows.count - 1, Math.floor(Number(byId("row").value)) || 0));
  byId("row").value = String(row);
  for (const [node, values] of rows.columns) setLeaf(node, values[row]);
  for (const node of descent.trained) setLeaf(node, state.values[node]);
  const isNew = !state.at;
  runAll();
  if (isNew && !quiz.on) state.at = state.steps.last;
  listLeaves();
  refresh();
}

/**
 * Show how far it is.
 * @param {boolean} all whether also the parts that are only drawn from time to time
 */
function draw(all) {
  if (!training) return;
  const { descent, losses, region, now, step } = training;
  byId("training-now").textContent = `${counted(descent.step, "step")}, ${counted(descent.epoch - 1, "epoch")}: mean loss ${shown(now)}`;
  byId("training-step").textContent = step;
  drawCurve(losses, now);
  const start = performance.now();
  const next = (/** @type {number} */ every) => start + Math.max(every, SHARE * (performance.now() - start));
  if (region && (all || start > regionDue)) {
    region.draw(state.values);
    regionDue = next(REGION_EVERY);
  } else if (!all && start > graphDue) {
    evaluateNow();
    refresh();
    graphDue = next(GRAPH_EVERY);
  }
}

/**
 * Say what the gradient of a param was in the batch of the last step; empty before that, and for other nodes.
 * @param {number} node
 */
export function batchGradient(node) {
  if (!training?.descent.step) return "";
  const { trained, batchGrads, batchSize } = training.descent;
  const at = trained.indexOf(node);
  return at < 0 ? "" : `In the last step, the mean over its ${counted(batchSize, "row")} was ${shown(batchGrads[at], DIGITS)}.`;
}

/** Draw again, in other colours or another size. */
export const redrawTraining = () => draw(true);
