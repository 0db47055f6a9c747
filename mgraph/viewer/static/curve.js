/** The curve of the loss. */
import { element } from "./draw.js";
import { byId } from "./elements.js";
import { counted, shown } from "./numbers.js";

const MOST = 600;
const LOSS_DIGITS = 3;
const [WIDTH, HEIGHT] = [312, 96];
const LOG_FROM = 50;

/** The losses of steps; of very many, every second, fourth … is kept. */
export class Losses {
  constructor() {
    /** @type {number[]} */
    this.kept = [];
    this.stride = 1;
    this.count = 0;
    this.last = NaN;
  }

  /** @param {number} loss */
  push(loss) {
    if (this.count % this.stride === 0) this.kept.push(loss);
    this.count++;
    this.last = loss;
    if (this.kept.length > MOST) {
      this.kept = this.kept.filter((_, i) => i % 2 === 0);
      this.stride *= 2;
    }
  }
}

/**
 * Draw the curve; on a logarithmic scale if losses differ much.
 * @param {Losses} losses
 * @param {number} last the loss now
 */
export function drawCurve({ kept, count }, last) {
  const curve = byId("curve");
  const all = [...kept, last].filter(Number.isFinite);
  const isShort = !count || all.length < 2;
  curve.toggleAttribute("hidden", isShort);
  if (isShort) return;
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const isSteep = least > 0 && most > LOG_FROM * least;
  const scale = isSteep ? Math.log : (/** @type {number} */ x) => x;
  const height = scale(most) - scale(least) || 1;
  const points = all.map((loss, i) => `${((i * WIDTH) / (all.length - 1)).toFixed(1)} ${((HEIGHT * (scale(most) - scale(loss))) / height).toFixed(1)}`);
  const text = (/** @type {number} */ y, /** @type {number} */ loss, /** @type {string} */ more) => {
    const label = element("text", { x: String(WIDTH + 6), y: String(y) });
    label.textContent = `${shown(loss, LOSS_DIGITS)}${more}`;
    return label;
  };
  curve.replaceChildren(
    element("path", { class: "axis", d: `M0 0V${HEIGHT}H${WIDTH}` }),
    element("path", { class: "curve", d: `M${points.join("L")}` }),
    text(10, most, ""), text(HEIGHT, least, ""),
  );
  const words = `Loss of ${counted(count, "step")}, from ${shown(all[0], LOSS_DIGITS)} to ${shown(last, LOSS_DIGITS)}`;
  curve.setAttribute("aria-label", `${words}${isSteep ? ", on a logarithmic scale" : ""}`);
  byId("curve-note").textContent = `loss of each step${isSteep ? ", logarithmic" : ""}`;
}
