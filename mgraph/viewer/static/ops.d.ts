/** The types of ops.js, which mgraph/viewer/ops_to_javascript.py generates from the op table. */

/** An op. A fold is applied step by step, to the result so far and the next argument. */
export interface Op {
  value(...args: number[]): number;
  /** Returns one partial per argument. */
  partials(...argsAndValue: number[]): number[];
  inputs: number;
  fold: boolean;
  /** With a and b, or x, for the arguments. */
  formula: string;
  /** The partials as formulas, with y for the value. */
  partialsText: string;
}

export const LEAVES: string[];
export const OPS: Map<string, Op>;
