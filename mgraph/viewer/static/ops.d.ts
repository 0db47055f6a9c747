/** The types of ops.js, which mgraph/viewer/ops_to_javascript.py makes from the table of ops. */

/** A row of the table. A fold applies it step by step, to the result so far and the next argument. */
export interface Op {
  value(...args: number[]): number;
  /** Of the arguments and the value: one partial for each argument. */
  partials(...argsAndValue: number[]): number[];
  inputs: number;
  fold: boolean;
  /** With a and b, or x, for the arguments. */
  formula: string;
  /** The partials as formulas, with y for the value. */
  slopes: string;
}

export const LEAVES: string[];
export const OPS: Map<string, Op>;
