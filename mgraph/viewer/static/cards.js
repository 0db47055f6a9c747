/** The texts and tables of the cards: what happens in a step, why a gradient is what it is. */
import { ARROW_DIGITS, BOX_DIGITS } from "./appearance.js";
import { make } from "./elements.js";
import { asOperand } from "./graph.js";
import { counted, exact, factor, shown } from "./numbers.js";
import { OPS } from "./ops.js";

/** @typedef {import("./graph.js").Graph} Graph */
/** @typedef {import("./engine.js").Result} Result */
/** @typedef {import("./steps.js").Contribution} Contribution */
/** @typedef {import("./paths.js").Explanation} Explanation */
/** @typedef {import("./paths.js").Path} Path */

const ROWS = 12;
const WORDS = 6;
const ENDS = 4;

/**
 * Make an element for a number, with all its digits in the tooltip.
 * @param {number} x
 * @param {string} kind
 * @param {number} digits
 */
function figure(x, kind = "", digits = BOX_DIGITS) {
  const span = make(`span.num${kind}`, shown(x, digits));
  span.title = exact(x);
  return span;
}

/**
 * Put names or numbers into a formula of the op table.
 * @param {string} formula with a, b or x for the arguments and y for the value
 * @param {string[]} words of the arguments, then of the value
 */
function filled(formula, words) {
  const y = words.at(-1) ?? "";
  const named = new Map([["a", words[0]], ["b", words[1]], ["x", words[0]], ["y", y]]);
  return formula.replace(/\b[abxy]\b/g, (name) => named.get(name) ?? name);
}

/**
 * Write what a node computes, once with names and once with numbers.
 * @param {Graph} graph
 * @param {Float64Array} primals
 * @param {number} node
 * @returns {[string, string]} both empty for a leaf
 */
export function formulas(graph, primals, node) {
  const op = OPS.get(graph.ops[node]);
  if (!op) return ["", ""];
  const args = [...graph.args.subarray(graph.first[node], graph.first[node + 1])];
  const names = args.map((arg) => nameOf(graph, arg));
  const numbers = args.map((arg) => factor(primals[arg]));
  if (!op.fold) {
    const put = (/** @type {string[]} */ words) => plainFormula(op.formula, words);
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
 * Return the label of a node, or else its id.
 * @param {Graph} graph
 * @param {number} node
 */
export function nameOf(graph, node) {
  return graph.labels.get(node)?.slice(0, 80) || graph.ids[node];
}

/**
 * Make an element for a name that may be broken into lines after its dots.
 * @param {string} tag
 * @param {string} name
 */
function breakable(tag, name) {
  const element = make(tag);
  for (const part of name.split(/(?<=[./])/)) element.append(part, make("wbr"));
  return element;
}

/**
 * Write the local derivative with respect to one argument, with names.
 * @param {Graph} graph
 * @param {number} node
 * @param {number} edge
 */
function partialFormula(graph, node, edge) {
  const op = OPS.get(graph.ops[node]);
  if (!op || op.fold) return "1";
  const parts = op.partialsText.split(", ");
  const own = op.inputs === 2 && parts.length === 2 && !op.partialsText.includes(" to ");
  const text = own ? parts[edge - graph.first[node]] : op.partialsText;
  const stops = [...graph.args.subarray(graph.first[node], graph.first[node + 1]), node];
  return filled(text, stops.map((stop) => nameOf(graph, stop)));
}

/**
 * @param {Graph} graph
 * @param {Result} result
 * @param {number} node
 */
export function forwardCard(graph, result, node) {
  const [names, numbers] = formulas(graph, result.primals, node);
  const value = figure(result.primals[node], ".data");
  if (!names) return [equation(nameOf(graph, node), value), make("p", `The value of this ${graph.ops[node]} is given.`)];
  return [
    equation(nameOf(graph, node), names),
    equation("", numbers),
    equation("", value),
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
  const table = make("table.sent", make("thead", make("tr", ...["gradient × derivative", "sum so far"].map(headCell))));
  for (const contribution of all.slice(0, ROWS)) table.append(contributionRows(graph, node, contribution));
  const rest = all.length - ROWS;
  return [
    make("p", "The gradient of ", breakable("b", name), " is complete: ", figure(result.adjoints[node], ".grad"), ".",
      make("span.more", " It goes back to each argument, multiplied by the local derivative.")),
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
 * @param {Contribution} contribution
 */
function contributionRows(graph, node, contribution) {
  const { upstream, sent, before, after } = contribution;
  const to = breakable("th", nameOf(graph, contribution.to) + asOperand(graph, node, contribution.edge));
  to.setAttribute("scope", "rowgroup");
  const partial = make("td.quiet", "derivative: ", make("i", partialFormula(graph, node, contribution.edge)));
  for (const cell of [to, partial]) cell.setAttribute("colspan", "2");
  const product = make("td.product",
    figure(upstream, ".grad", ARROW_DIGITS), " × ", factorOf(contribution.partial, ".slope"), " = ", figure(sent, ".grad", ARROW_DIGITS));
  const sum = contribution.counts
    ? make("td.product", figure(before, "", ARROW_DIGITS), " → ", figure(after, ".grad", ARROW_DIGITS))
    : make("td.quiet", "a const gets none");
  return make("tbody", make("tr", to), make("tr", product, sum), make("tr", partial));
}

/**
 * @param {number} x
 * @param {string} kind
 */
function factorOf(x, kind) {
  const span = make(`span.num${kind}`, factor(x, ARROW_DIGITS));
  span.title = exact(x);
  return span;
}

/**
 * Explain the gradient of a node.
 * @param {Graph} graph
 * @param {Result} result
 * @param {Map<number, number>} seeds
 * @param {number} node
 * @param {Explanation} explanation
 */
export function pathsCard(graph, result, seeds, node, { count, paths }) {
  if (!result.has[node]) {
    const why = graph.ops[node] === "const" ? "A const receives no gradient." : "No path leads from the seeded output to this node, so it has no gradient.";
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
  cards.push(make("p.total", count === 1n ? "That is the gradient: " : "Their sum is the gradient: ", figure(result.adjoints[node], ".grad")));
  return cards;
}

/**
 * @param {Graph} graph
 * @param {number} node
 * @param {bigint | null} count
 * @param {number} listed
 */
function pathsSentence(graph, node, count, listed) {
  if (count === null) return `More than 10^1,000 paths lead back to ${nameOf(graph, node)}; these contribute most:`;
  if (count === 1n) return `One path leads back to ${nameOf(graph, node)}. Along it, the seed and the local derivatives are multiplied:`;
  const paths = count < 10n ** 12n ? counted(count, "path") : `${shortCount(count)} paths`;
  const most = BigInt(listed) < count ? "; these contribute most" : "";
  return `${paths} lead back to ${nameOf(graph, node)}${most}. Along each, the seed and the local derivatives are multiplied:`;
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
  const factors = [seeds.get(output) ?? 0, ...edges.map((edge) => result.partials[edge])];
  const words = shortened(factors.map((x) => factor(x)), " × ");
  return make("li", breakable("span", names), make("span.product", words, " = ", figure(0 + product, ".grad")));
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
