/** The picture: boxes and arrows in SVG, zoom and pan. Texts are set as text, never as markup. */
import { CORNERS, OUTLINES } from "./appearance.js";
import { layOut } from "./layout.js";

/** @typedef {import("./groups.js").Scene} Scene */
/** @typedef {import("./groups.js").Item} Item */
/** @typedef {import("./groups.js").Link} Link */
/** @typedef {import("./layout.js").Layout} Layout */

/**
 * What a box shows.
 * @typedef {object} Look
 * @property {"input" | "param" | "const" | "op" | "group"} shape
 * @property {boolean} output
 * @property {string} title
 * @property {string} note the op; empty for a group
 * @property {string} corner the text at the end of the title's line; usually empty
 * @property {string} about for screen readers
 */

/**
 * The texts and classes of a box that change from step to step.
 * @typedef {object} BoxState
 * @property {string} data
 * @property {string} grad
 * @property {string} classes
 */

/**
 * What an arrow shows in a step: a text, and the direction in which something passes along it.
 * @typedef {{text: string, classes: string}} Passing
 */

const SVG = "http://www.w3.org/2000/svg";
const WIDE = { node: { w: 158, h: 72 }, group: { w: 172, h: 52 } };
const NARROW = { node: { w: 126, h: 72 }, group: { w: 136, h: 52 } };
export const CORNER = 24;
const PORTS = 16;
const PADDING = { wide: 13, narrow: 10 };
const LEGIBLE = 0.42;
const MANY = 400;
const PHONE = 500;
const NEAREST = 2.5;
const FARTHEST = 0.004;
const LONGEST = 300;
const PATH = /^[\w./[\]-]*[./][\w./[\]-]*$/;

/**
 * Make an element of SVG.
 * @template {keyof SVGElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string | number>} attributes
 * @param {string} text
 */
export function element(name, attributes = {}, text = "") {
  const shape = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, String(value));
  if (text) shape.textContent = text;
  return shape;
}

const pen = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));

/**
 * Return a function that shortens names, all in the same way, so that they stay distinct. In names with
 * dots the words before a dot are shortened, and keep their numbers: l1.n12.sum. The way is the longest
 * in which as many names fit as in any.
 * @param {string[]} names ends with a dot for a group
 * @param {number} taken of the width of a box by something else
 * @returns {(name: string, width: number) => string}
 */
export function shortener(names, taken) {
  pen.font = FONTS.title;
  const all = [...new Set(names)];
  const ways = [Infinity, 3, 1].map((letters) => ({ letters, short: all.map((name) => abbreviated(name, letters)) }));
  const clear = ways.filter(({ short }) => new Set(short).size === all.length);
  const counts = clear.map(({ short }) => short.filter((name) => fits(name, NARROW.node.w - 2 * PADDING.narrow - (name.endsWith(".") ? CORNER : taken))).length);
  const { letters, short } = clear[counts.indexOf(Math.max(...counts))];
  return (name, width) => {
    pen.font = FONTS.title;
    const text = abbreviated(name, letters);
    return (fits(text, width) ? text : cut(text, width, short)).replace(/\.$/, "");
  };
}

/**
 * @param {string} text
 * @param {number} width
 */
const fits = (text, width) => text.length <= LONGEST && pen.measureText(text).width <= width;

/**
 * @param {string} text
 * @param {number} letters how many to keep of each word before the last dot
 */
function abbreviated(text, letters) {
  return PATH.test(text) ? text.replace(/[a-z_]+(?=[^./]*[./])/gi, (word) => word.slice(0, letters)) : text;
}

/**
 * Cut a text so that it fits: a name with dots in the middle, others at the end, or elsewhere if
 * another text would look the same.
 * @param {string} text
 * @param {number} width
 * @param {string[]} others
 */
function cut(text, width, others) {
  const letters = Array.from(text.slice(0, LONGEST));
  let first = "";
  for (const share of [PATH.test(text) ? 0.4 : 1, 0.6, 0.2, 0.8]) {
    const [start, end] = ends(letters, width, share);
    first ||= `${start}…${end}`;
    const isLike = (/** @type {string} */ other) =>
      other !== text && other.length > start.length + end.length && other.startsWith(start) && other.endsWith(end);
    if (!others.some(isLike)) return `${start}…${end}`;
  }
  return first;
}

/**
 * Return the start and the end of a text that fits without the middle. Numbers are not split:
 * layer1… would not be layer12.
 * @param {string[]} letters
 * @param {number} width
 * @param {number} share of what is kept that is the start
 */
function ends(letters, width, share) {
  const inNumber = (/** @type {number} */ i) => /^\d\d$/.test(`${letters[i - 1]}${letters[i]}`);
  const around = (/** @type {number} */ kept) => {
    let head = Math.round(kept * share);
    let tail = letters.length - kept + head;
    for (let k = 0; k < 4 && inNumber(head); k++) head--;
    for (let k = 0; k < 4 && inNumber(tail); k++) tail++;
    return [letters.slice(0, head).join("").replace(/[\s./]+$/, ""), letters.slice(tail).join("").replace(/^[\s./]+/, "")];
  };
  let [low, high] = [1, letters.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(around(middle).join("…")).width <= width) low = middle;
    else high = middle - 1;
  }
  return around(low);
}

/**
 * The outline of a box around its middle.
 * @param {string} shape
 * @param {number} w
 * @param {number} h
 */
export function outline(shape, w, h) {
  const [x, y] = [w / 2, h / 2];
  const corners = OUTLINES[shape];
  const size = Math.min(CORNERS[corners], h / 3);
  if (corners === "sharp") return `M${-x} ${-y}H${x}V${y}H${-x}Z`;
  if (corners === "point") return `M${-x} ${-y}H${x - size}L${x} 0L${x - size} ${y}H${-x}Z`;
  if (corners === "cut") {
    return `M${-x + size} ${-y}H${x - size}L${x} ${-y + size}V${y - size}L${x - size} ${y}H${-x + size}`
      + `L${-x} ${y - size}V${-y + size}Z`;
  }
  const arc = `a${size} ${size} 0 0 1`;
  return `M${-x + size} ${-y}H${x - size}${arc} ${size} ${size}V${y - size}${arc} ${-size} ${size}`
    + `H${-x + size}${arc} ${-size} ${-size}V${-y + size}${arc} ${size} ${-size}Z`;
}

/** A box of the picture, with the texts that change. */
class Box {
  /**
   * @param {Look} look
   * @param {number} x
   * @param {number} y
   * @param {{w: number, h: number}} size
   * @param {(text: string, width: number) => string} shorten
   */
  constructor(look, x, y, { w, h }, shorten) {
    this.x = x;
    this.y = y;
    this.base = `box ${look.shape}${look.output ? " output" : ""}`;
    this.group = element("g", {
      class: this.base, transform: `translate(${x} ${y})`, tabindex: 0, role: "button",
      "aria-label": look.about,
    });
    this.group.append(element("path", { class: "halo", d: outline(look.shape, w + 14, h + 14) }));
    if (look.output) this.group.append(element("path", { class: "rim", d: outline(look.shape, w + 9, h + 9) }));
    if (look.shape === "group") {
      this.group.append(element("path", { class: "sheet", d: outline("op", w, h), transform: "translate(5 -5)" }));
    }
    this.group.append(element("path", { class: "shape", d: outline(look.shape, w, h) }));
    const padding = w < WIDE.node.w ? PADDING.narrow : PADDING.wide;
    const [left, right] = [-w / 2 + padding, w / 2 - padding];
    const isGroup = look.shape === "group";
    const [top, first, second] = isGroup ? [-6, 15, 15] : [-14, 7, 26];
    pen.font = FONTS.note;
    const room = right - left - (look.corner ? pen.measureText(look.corner).width + 8 : 0);
    const title = element("text", { class: "title", x: left, y: top }, shorten(isGroup ? `${look.title}.` : look.title, room));
    if (/\p{M}/u.test(look.title)) title.setAttribute("clip-path", "url(#box-clip)");
    this.data = element("text", { class: "data", x: isGroup ? left : right, y: first });
    this.grad = element("text", { class: "grad", x: right, y: second });
    const label = isGroup ? 0 : Math.max(pen.measureText(look.note).width, pen.measureText("grad").width);
    pen.font = FONTS.number;
    const width = isGroup ? (right - left) / 2 : right - left - label;
    // for a number, in characters
    this.room = Math.floor((width - 5) / pen.measureText("0").width);
    const corner = element("text", { class: "note", x: right, y: top }, look.corner);
    this.group.append(title, corner, this.data, this.grad);
    if (!isGroup) this.group.append(element("text", { class: "name", x: left, y: first }, look.note));
    if (!isGroup && look.shape !== "const") {
      this.group.append(element("text", { class: "name", x: left, y: second }, "grad"));
    }
    this.shown = { data: "", grad: "", classes: "" };
  }

  /** @param {BoxState} state */
  show({ data, grad, classes }) {
    const { shown } = this;
    if (shown.data !== data) this.data.textContent = shown.data = data;
    if (shown.grad !== grad) this.grad.textContent = shown.grad = grad;
    if (shown.classes !== classes) {
      shown.classes = classes;
      this.group.setAttribute("class", `${this.base} ${classes}`);
    }
  }
}

const SANS = getComputedStyle(document.documentElement).getPropertyValue("--sans");
const FONTS = { number: `14.5px ${SANS}`, title: `600 13.5px ${SANS}`, note: `12px ${SANS}` };

/** The picture of one scene. */
export class Picture {
  /**
   * @param {SVGSVGElement} svg
   * @param {{select: (item: number) => void, hover: (item: number) => void, leave: () => void,
   *   moved: () => void}} events
   */
  constructor(svg, events) {
    this.svg = svg;
    this.events = events;
    this.view = { k: 1, x: 0, y: 0 };
    /** @type {Box[]} */
    this.boxes = [];
    /** @type {SVGElement[]} */
    this.arrows = [];
    /**
     * The extents of the boxes, then of the arrows.
     * @type {{left: number, top: number, right: number, bottom: number}[]}
     */
    this.extents = [];
    /** @type {boolean[]} */
    this.culled = [];
    /** @type {Scene | null} */
    this.scene = null;
    /** @type {Layout | null} */
    this.layout = null;
    this.drawn = element("g");
    const clip = element("clipPath", { id: "box-clip" });
    clip.append(element("rect", { x: -79, y: -34, width: 158, height: 27 }));
    const hints = element("defs");
    hints.append(clip);
    svg.append(hints, this.drawn);
    this.size = { width: 0, height: 0 };
    new ResizeObserver(() => this.measure()).observe(svg);
    this.#listen();
  }

  /** Measure the picture. This is slow: do it when the size may have changed, not at every step. */
  measure() {
    this.size = { width: this.svg.clientWidth, height: this.svg.clientHeight };
  }

  /**
   * Draw a scene.
   * @param {Scene} scene
   * @param {Look[]} looks of its items
   * @param {(name: string, width: number) => string} shorten
   */
  show(scene, looks, shorten) {
    const { width, height } = this.size;
    const portrait = width < 0.9 * height;
    const { node, group } = portrait && width < PHONE ? NARROW : WIDE;
    const sizes = looks.map((look) => (look.shape === "group" ? group : node));
    this.layout = layOut(scene, sizes, portrait);
    const across = portrait ? layOut(scene, sizes, false) : this.layout;
    if (this.#scaleOf(across.bounds) > this.#scaleOf(this.layout.bounds)) this.layout = across;
    this.scene = scene;
    const lines = element("g", { class: "arrows" });
    const cards = element("g", { class: "boxes" });
    this.chips = element("g", { class: "chips" });
    const { layout } = this;
    const ways = scene.links.map((link, i) => this.#way(link, i, looks, sizes));
    this.arrows = scene.links.map((link, i) => this.#arrow(link, ways[i]));
    this.extents = [...layout.x.keys()].map((i) => extentOf([[layout.x[i], layout.y[i]]]));
    this.extents = this.extents.concat(ways.map(extentOf));
    this.boxes = looks.map((look, i) => new Box(look, layout.x[i], layout.y[i], sizes[i], shorten));
    this.boxes.forEach((box, i) => (box.group.dataset.item = String(i)));
    lines.append(...this.arrows);
    cards.append(...this.boxes.map((box) => box.group));
    this.drawn.replaceChildren(lines, cards, this.chips);
    this.svg.classList.toggle("dense", this.arrows.length > 150);
    this.culled = [];
    /** @type {Set<number>} */
    this.marked = new Set();
  }

  /**
   * @param {Link} link
   * @param {[number, number][]} points
   */
  #arrow(link, points) {
    const arrow = element("g", { class: "arrow" });
    arrow.append(element("path", { class: "line", d: curve(points, this.#down) }));
    arrow.append(element("path", { class: "tip", d: tip(points[points.length - 1], this.#down) }));
    if (link.count > 1) arrow.classList.add("many");
    return arrow;
  }

  get #down() {
    return this.layout?.down ?? false;
  }

  /**
   * Return the points of an arrow: from the edge of a box, over the bends, to the edge of a box.
   * @param {Link} link
   * @param {number} i
   * @param {Look[]} looks
   * @param {{w: number, h: number}[]} sizes
   * @returns {[number, number][]}
   */
  #way({ from, to, port, ports }, i, looks, sizes) {
    const { x, y, bends, down } = /** @type {Layout} */ (this.layout);
    const [a, b] = [sizes[from], sizes[to]];
    const breadth = (down ? b.w : b.h) - 22;
    const aside = (port - (ports - 1) / 2) * Math.min(PORTS, ports > 1 ? breadth / (ports - 1) : 0);
    const [rimA, rimB] = [looks[from].output ? 5 : 0, looks[to].output ? 7 : 2];
    const start = down ? [x[from] + aside / 4, y[from] + a.h / 2 + rimA] : [x[from] + a.w / 2 + rimA, y[from] + aside / 4];
    const end = down ? [x[to] + aside, y[to] - b.h / 2 - rimB] : [x[to] - b.w / 2 - rimB, y[to] + aside];
    return /** @type {[number, number][]} */ ([start, ...bends[i], end]);
  }

  /**
   * Update the texts and marks of what is in view.
   * @param {(item: number, room: number) => BoxState} stateOf room is the number of characters that a number may have
   * @param {Map<number, Passing>} passing by link
   */
  paint(stateOf, passing) {
    const far = this.view.k < LEGIBLE;
    this.svg.classList.toggle("far", far);
    const hidden = this.#cull();
    this.boxes.forEach((box, i) => { if (!hidden[i]) box.show(stateOf(i, box.room)); });
    this.#pass(passing);
  }

  /** Hide the boxes and arrows of a large picture that are out of view; return which ones. */
  #cull() {
    const { extents, boxes, arrows } = this;
    if (extents.length < MANY) return this.culled;
    const seen = this.#window();
    this.culled = extents.map(({ left, top, right, bottom }, i) => {
      const out = right < seen.left || left > seen.right || bottom < seen.top || top > seen.bottom;
      const drawn = boxes[i]?.group ?? arrows[i - boxes.length];
      if (out !== (this.culled[i] ?? false)) drawn.style.display = out ? "none" : "";
      return out;
    });
    return this.culled;
  }

  #window() {
    const { k, x, y } = this.view;
    const margin = 120;
    return {
      left: -x / k - margin, top: -y / k - margin,
      right: (this.size.width - x) / k + margin, bottom: (this.size.height - y) / k + margin,
    };
  }

  /** @param {Map<number, Passing>} passing */
  #pass(passing) {
    for (const link of this.marked ?? []) {
      this.arrows[link]?.removeAttribute("data-way");
      this.arrows[link]?.querySelector(".return")?.remove();
    }
    this.marked = new Set(passing.keys());
    const spots = [];
    for (const [link, { text, classes }] of passing) {
      this.arrows[link].dataset.way = classes;
      if (classes === "backward") this.arrows[link].append(this.#returnTip(link));
      if (text) spots.push({ text, spot: this.#spot(link) });
    }
    this.chips?.replaceChildren(...(spots.length > 8 ? [] : chipsAt(spots, this.#down)));
  }

  /**
   * Return the tip of an arrow for a gradient that goes back along it.
   * @param {number} link
   */
  #returnTip(link) {
    const line = /** @type {SVGPathElement} */ (this.arrows[link].firstChild);
    const { x, y } = line.getPointAtLength(2);
    return element("path", { class: "tip return", d: tip([x, y], this.#down, -1) });
  }

  /**
   * Return a point on the last stretch of an arrow.
   * @param {number} link
   * @returns {[number, number]}
   */
  #spot(link) {
    const line = /** @type {SVGPathElement} */ (this.arrows[link].firstChild);
    const length = line.getTotalLength();
    const { x, y } = line.getPointAtLength(Math.max(length / 2, length - 38));
    return [x, y];
  }

  // --- zoom and pan ---

  #transform() {
    const { k, x, y } = this.view;
    this.drawn.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
    this.events.moved();
  }

  /** The height of the buttons at the bottom. */
  get #below() {
    return this.size.width < PHONE ? 40 : 0;
  }

  /**
   * Return the scale at which everything is in view.
   * @param {Layout["bounds"]} bounds
   * @param {number} above
   */
  #scaleOf({ left, top, right, bottom }, above = 0) {
    const { width, height } = this.size;
    const margin = width < PHONE ? 12 : 26;
    const [w, h] = [width - 2 * margin, height - 2 * margin - above - this.#below];
    return Math.min(w / (right - left), h / (bottom - top), 1.35);
  }

  /**
   * Show all of it.
   * @param {number} above the height of what covers the top
   */
  fit(above = 0) {
    if (!this.layout) return;
    const { left, top, right, bottom } = this.layout.bounds;
    const { width, height } = this.size;
    const k = Math.max(this.#scaleOf(this.layout.bounds, above), FARTHEST);
    const [x, y] = [width / 2 - (k * (left + right)) / 2, (height + above - this.#below) / 2 - (k * (top + bottom)) / 2];
    this.view = { k, x, y };
    this.#transform();
  }

  /** Whether this is a phone, on which the whole picture is too small to read. */
  get tooSmall() {
    return this.size.width < PHONE && this.view.k < LEGIBLE;
  }

  /**
   * @param {number} factor
   * @param {number} [x] the point that stays where it is, in pixels of the picture
   * @param {number} [y]
   */
  zoom(factor, x = this.size.width / 2, y = this.size.height / 2) {
    const k = Math.min(NEAREST, Math.max(FARTHEST, this.view.k * factor));
    const by = k / this.view.k;
    this.view = { k, x: x - by * (x - this.view.x), y: y - by * (y - this.view.y) };
    this.#transform();
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.#transform();
  }

  /**
   * Bring an item into view, at a scale at which it can be read.
   * @param {number} item
   */
  reveal(item) {
    const box = this.boxes[item];
    if (!box) return;
    const { width, height } = this.size;
    const k = Math.max(this.view.k, 0.7);
    const [x, y] = [box.x * k + this.view.x, box.y * k + this.view.y];
    const inside = x > 80 && y > 45 && x < width - 80 && y < height - 45;
    if (k === this.view.k && inside) return;
    this.view = { k, x: width / 2 - k * box.x, y: height / 2 - k * box.y };
    this.#transform();
  }

  /**
   * Bring an item into view without a change of scale.
   * @param {number} item
   */
  follow(item) {
    const { k } = this.view;
    const [x, y] = [this.boxes[item].x * k + this.view.x, this.boxes[item].y * k + this.view.y];
    const { width, height } = this.size;
    if (x > 60 && y > 40 && x < width - 60 && y < height - 40) return;
    this.pan(width / 2 - x, height / 2 - y);
  }

  #listen() {
    const { svg } = this;
    /** @type {Map<number, {x: number, y: number}>} */
    const fingers = new Map();
    let travelled = 0;
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { left, top } = svg.getBoundingClientRect();
      const lines = event.deltaMode === 1 ? 16 : 1;
      this.zoom(Math.exp(-event.deltaY * lines * 0.0016), event.clientX - left, event.clientY - top);
    }, { passive: false });
    svg.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      travelled = 0;
    });
    svg.addEventListener("pointermove", (event) => {
      const old = fingers.get(event.pointerId);
      if (!old) return;
      const now = { x: event.clientX, y: event.clientY };
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      travelled += Math.hypot(now.x - old.x, now.y - old.y);
      if (travelled > 5 && !svg.hasPointerCapture(event.pointerId)) svg.setPointerCapture(event.pointerId);
      if (other) this.#pinch(old, now, other);
      else if (travelled > 5) this.pan(now.x - old.x, now.y - old.y);
      fingers.set(event.pointerId, now);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      svg.addEventListener(end, (event) => fingers.delete(/** @type {PointerEvent} */ (event).pointerId));
    }
    const itemOf = (/** @type {Event} */ event) =>
      /** @type {Element} */ (event.target).closest?.("[data-item]")?.getAttribute("data-item");
    svg.addEventListener("click", (event) => {
      const item = itemOf(event);
      if (item && travelled <= 5) this.events.select(Number(item));
    });
    svg.addEventListener("keydown", (event) => {
      const item = itemOf(event);
      if (!item || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      event.stopPropagation();
      this.events.select(Number(item));
    });
    for (const [name, way] of /** @type {const} */ ([["pointerover", "hover"], ["focusin", "hover"], ["pointerout", "leave"], ["focusout", "leave"]])) {
      svg.addEventListener(name, (event) => {
        const item = itemOf(event);
        if (item && name === "focusin") this.follow(Number(item));
        if (item && way === "hover") this.events.hover(Number(item));
        else this.events.leave();
      });
    }
  }

  /**
   * @param {{x: number, y: number}} old
   * @param {{x: number, y: number}} now
   * @param {{x: number, y: number}} other
   */
  #pinch(old, now, other) {
    const { left, top } = this.svg.getBoundingClientRect();
    const before = Math.hypot(old.x - other.x, old.y - other.y);
    const after = Math.hypot(now.x - other.x, now.y - other.y);
    this.pan((now.x - old.x) / 2, (now.y - old.y) / 2);
    if (before > 0) this.zoom(after / before, (now.x + other.x) / 2 - left, (now.y + other.y) / 2 - top);
  }
}

/** @param {[number, number][]} points */
function extentOf(points) {
  const extent = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const [x, y] of points) {
    extent.left = Math.min(extent.left, x);
    extent.right = Math.max(extent.right, x);
    extent.top = Math.min(extent.top, y);
    extent.bottom = Math.max(extent.bottom, y);
  }
  return extent;
}

/**
 * @param {[number, number][]} points
 * @param {boolean} down
 */
function curve(points, down) {
  let d = `M${points[0].join(" ")}`;
  for (let i = 1; i < points.length; i++) {
    const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
    const straight = i % 2 === 0;
    if (straight) d += `L${x1} ${y1}`;
    else if (down) d += `C${x0} ${(y0 + y1) / 2} ${x1} ${(y0 + y1) / 2} ${x1} ${y1}`;
    else d += `C${(x0 + x1) / 2} ${y0} ${(x0 + x1) / 2} ${y1} ${x1} ${y1}`;
  }
  return d;
}

/**
 * @param {[number, number]} end
 * @param {boolean} down
 * @param {number} way -1 for a tip that points back
 */
function tip([x, y], down, way = 1) {
  return down
    ? `M${x - 4} ${y - 7 * way}L${x} ${y}L${x + 4} ${y - 7 * way}`
    : `M${x - 7 * way} ${y - 4}L${x} ${y}L${x - 7 * way} ${y + 4}`;
}

/**
 * Draw texts on arrows so that they don't cover each other.
 * @param {{text: string, spot: [number, number]}[]} spots
 * @param {boolean} down
 */
function chipsAt(spots, down) {
  const axis = down ? 0 : 1;
  pen.font = FONTS.note;
  const sized = spots.map(({ text, spot }) => ({ text, spot, w: pen.measureText(text).width + 12 }));
  sized.sort((a, b) => a.spot[axis] - b.spot[axis]);
  for (let i = 1; i < sized.length; i++) {
    const room = down ? (sized[i - 1].w + sized[i].w) / 2 + 3 : 21;
    const short = sized[i - 1].spot[axis] + room - sized[i].spot[axis];
    if (short <= 0) continue;
    for (let k = 0; k < i; k++) sized[k].spot[axis] -= short / 2;
    for (let k = i; k < sized.length; k++) sized[k].spot[axis] += short / 2;
  }
  return sized.map(({ text, spot: [x, y], w }) => {
    const chip = element("g", { class: "chip", transform: `translate(${x} ${y})` });
    chip.append(element("rect", { x: -w / 2, y: -9, width: w, height: 18, rx: 9 }));
    chip.append(element("text", { y: 4 }, text));
    return chip;
  });
}
