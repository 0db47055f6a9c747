/** The cards beside the picture: what happens in a step, why a gradient is what it is. */
import { ARROW_DIGITS, BOX_DIGITS } from "./appearance.js";
import { counted, exact, factor, shown } from "./numbers.js";
import { OPS } from "./ops.js";

/** @typedef {import("./read.js").Graph} Graph */
/** @typedef {import("./engine.js").Result} Result */
/** @typedef {import("./steps.js").Contribution} Contribution */
/** @typedef {import("./paths.js").Path} Path */

const ROWS = 12;
const WORDS = 6;
const ENDS = 4;

/**
 * Make an element. Strings become text, never markup.
 * @param {string} name `p.note` for a class
 * @param {(Node | string)[]} children
 * @returns {HTMLElement}
 */
export function make(name, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  made.append(...children);
  return made;
}

/**
 * A number with all its digits in the tooltip.
 * @param {number} x
 * @param {string} kind
 * @param {number} digits
 */
function figure(x, kind = "", digits = BOX_DIGITS) {
  const made = make(`span.num${kind}`, shown(x, digits));
  made.title = exact(x);
  return made;
}

/**
 * Put names or numbers into a formula of the table.
 * @param {string} formula with a, b or x for the arguments and y for the value
 * @param {string[]} words of the arguments, then of the value
 */
function filled(formula, words) {
  const y = words.at(-1) ?? "";
  const named = new Map([["a", words[0]], ["b", words[1]], ["x", words[0]], ["y", y]]);
  return formula.replace(/\b[abxy]\b/g, (name) => named.get(name) ?? name);
}

/**
 * Spell what a node computes, once with names and once with numbers.
 * @param {Graph} graph
 * @param {Float64Array} primals
 * @param {number} node
 * @returns {[string, string]} both empty for a leaf
 */
export function formulas(graph, primals, node) {
  const row = OPS.get(graph.ops[node]);
  if (!row) return ["", ""];
  const args = [...graph.args.subarray(graph.first[node], graph.first[node + 1])];
  const names = args.map((arg) => nameOf(graph, arg));
  const numbers = args.map((arg) => factor(primals[arg]));
  if (!row.fold) {
    const put = (/** @type {string[]} */ words) => plainFormula(row.formula, words);
    return [put(names), put(numbers)];
  }
  const sum = (/** @type {string[]} */ words) =>
    words.length > WORDS + 1 ? `${words.slice(0, WORDS).join(" + ")} + … (${words.length} in all)` : words.join(" + ");
  return [sum(names), sum(numbers)];
}

/**
 * @param {string} formula
 * @param {string[]} words
 */
function plainFormula(formula, words) {
  return filled(formula, [...words, ...(words.length === 1 ? [""] : [])]);
}

/**
 * What people call a node.
 * @param {Graph} graph
 * @param {number} node
 */
export function nameOf(graph, node) {
  return graph.labels.get(node)?.slice(0, 80) || graph.ids[node];
}

/**
 * A name that may go over lines behind its dots.
 * @param {string} tag
 * @param {string} name
 */
function breakable(tag, name) {
  const made = make(tag);
  for (const part of name.split(/(?<=[./])/)) made.append(part, make("wbr"));
  return made;
}

/**
 * Spell the local slope towards one argument, with names.
 * @param {Graph} graph
 * @param {number} node
 * @param {number} edge
 */
function slopeFormula(graph, node, edge) {
  const row = OPS.get(graph.ops[node]);
  if (!row || row.fold) return "1";
  const parts = row.slopes.split(", ");
  const own = row.inputs === 2 && parts.length === 2 && !row.slopes.includes(" to ");
  const text = own ? parts[edge - graph.first[node]] : row.slopes;
  const names = [...graph.args.subarray(graph.first[node], graph.first[node + 1]), node];
  return filled(text, names.map((each) => nameOf(graph, each)));
}

/**
 * @param {Graph} graph
 * @param {Result} result
 * @param {number} node
 */
export function forwardCard(graph, result, node) {
  const [names, numbers] = formulas(graph, result.primals, node);
  return [
    equation(nameOf(graph, node), names),
    equation("", numbers),
    equation("", figure(result.primals[node], ".data")),
  ];
}

/**
 * @param {string} left
 * @param {string | Node} right
 */
export function equation(left, right) {
  return make("p.equation", breakable("span.left", left), make("span.sign", "="), make("span.right", right));
}

/**
 * @param {Graph} graph
 * @param {Result} result
 * @param {number} node
 * @param {Contribution[]} all
 */
export function backwardCard(graph, result, node, all) {
  const name = nameOf(graph, node);
  const table = make("table.sent", make("thead", make("tr", ...["gradient × slope", "its sum"].map(headCell))));
  for (const each of all.slice(0, ROWS)) table.append(contributionRows(graph, node, each));
  const rest = all.length - ROWS;
  return [
    make("p", "The gradient of ", breakable("b", name), " is complete: ", figure(result.adjoints[node], ".grad"),
      ". It goes back to each argument, times the local slope."),
    make("div.scroll", table),
    ...(rest > 0 ? [make("p.quiet", `… and ${counted(rest, "more argument")}.`)] : []),
  ];
}

/** @param {string} text */
function headCell(text) {
  const cell = make("th", text);
  cell.setAttribute("scope", "col");
  return cell;
}

/**
 * @param {Graph} graph
 * @param {number} node
 * @param {Contribution} each
 */
function contributionRows(graph, node, each) {
  const to = breakable("th", nameOf(graph, each.to));
  to.setAttribute("scope", "rowgroup");
  const slope = make("td.quiet", "slope ", make("i", slopeFormula(graph, node, each.edge)));
  for (const cell of [to, slope]) cell.setAttribute("colspan", "2");
  const product = make("td.product",
    figure(each.upstream, ".grad", ARROW_DIGITS), " × ", factorOf(each.slope, ".slope"), " = ", figure(each.sent, ".grad", ARROW_DIGITS));
  const sum = each.counts
    ? make("td.product", figure(each.before, "", ARROW_DIGITS), " → ", figure(each.after, ".grad", ARROW_DIGITS))
    : make("td.quiet", "a const has none");
  return make("tbody", make("tr", to), make("tr", product, sum), make("tr", slope));
}

/**
 * @param {number} x
 * @param {string} kind
 */
function factorOf(x, kind) {
  const made = make(`span.num${kind}`, factor(x, ARROW_DIGITS));
  made.title = exact(x);
  return made;
}

/**
 * Explain the gradient of a node.
 * @param {Graph} graph
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @param {number} node
 * @param {{count: bigint | null, paths: Path[]}} found
 */
export function pathsCard(graph, result, seeds, node, { count, paths }) {
  if (!result.has[node]) {
    const why = graph.ops[node] === "const" ? "A const receives no gradient." : "No path leads from the seeded output to it, so it has no gradient.";
    return [make("p", why)];
  }
  const list = make("ol.paths");
  for (const path of paths) list.append(pathItem(graph, result, seeds, path));
  const rest = count === null ? null : count - BigInt(paths.length);
  const listed = paths.reduce((sum, path) => sum + path.product, 0);
  const cards = [make("p", pathsSentence(graph, node, count, paths.length)), list];
  if (rest !== 0n) {
    const words = rest === null ? "All other paths together" : `The other ${counted(rest, "path")} together`;
    cards.push(make("p", `${words}: `, figure(result.adjoints[node] - listed, ".grad")));
  }
  cards.push(make("p.total", "Their sum is the gradient: ", figure(result.adjoints[node], ".grad")));
  return cards;
}

/**
 * @param {Graph} graph
 * @param {number} node
 * @param {bigint | null} count
 * @param {number} listed
 */
function pathsSentence(graph, node, count, listed) {
  if (count === null) return `More paths than 10 to the 1,000 lead back to ${nameOf(graph, node)}; these count most:`;
  if (count === 1n) return `One path leads back to ${nameOf(graph, node)}. Along it, the seed and the slopes multiply:`;
  const paths = count < 10n ** 12n ? counted(count, "path") : `${shortCount(count)} paths`;
  const most = BigInt(listed) < count ? "; these count most" : "";
  return `${paths} lead back to ${nameOf(graph, node)}${most}. Along each, the seed and the slopes multiply:`;
}

/** @param {bigint} count */
function shortCount(count) {
  const digits = count.toString();
  return digits.length <= 24 ? count.toLocaleString("en-US") : `${digits[0]}.${digits.slice(1, 4)}… × 10^${digits.length - 1}`;
}

/**
 * @param {Graph} graph
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @param {Path} path
 */
function pathItem(graph, result, seeds, { output, edges, product }) {
  const stops = [output, ...edges.map((edge) => graph.args[edge])];
  const names = shortened(stops.map((stop) => nameOf(graph, stop)), " ← ");
  const factors = [seeds.get(output) ?? 0, ...edges.map((edge) => result.slopes[edge])];
  const words = shortened(factors.map((x) => factor(x)), " × ");
  return make("li", breakable("span", names), make("span.product", words, " = ", figure(product, ".grad")));
}

/**
 * @param {string[]} words
 * @param {string} between
 */
function shortened(words, between) {
  if (words.length <= 2 * ENDS + 2) return words.join(between);
  const left = words.length - 2 * ENDS;
  return [...words.slice(0, ENDS), `(${left} more)`, ...words.slice(-ENDS)].join(between);
}
