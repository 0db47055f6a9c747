/** The types of ops.js, which mgraph/viewer/ops_to_javascript.py generates from the op table. */

/** An op. A fold is applied step by step, to the result so far and the next argument. */
export interface Op {
  value(...args: number[]): number;
  /** Returns one partial per argument. */
  partials(...argsAndValue: number[]): number[];
  /** Computes n rows: y from a and b, or from a alone. A fold is applied to two arguments. */
  values(n: number, y: Float64Array, a: Float64Array, b: Float64Array): void;
  /** Adds upstream · partial to the adjoints of a and b in n rows. */
  sends(
    n: number, upstream: Float64Array, y: Float64Array, a: Float64Array, b: Float64Array,
    toA: Float64Array, toB: Float64Array,
  ): void;
  inputs: number;
  fold: boolean;
  /** With a and b, or x, for the arguments. */
  formula: string;
  /** The partials as formulas, with y for the value. */
  partialsText: string;
  /** The first format version that has it. */
  since: string;
}

export const LEAVES: string[];
export const OPS: Map<string, Op>;
