/** The types of appearance.js, which mgraph/viewer/style.py generates from mgraph/appearance.py. */

/** The corners of each kind's outline. */
export const OUTLINES: Record<string, string>;
/** The size of corners, in pixels. */
export const CORNERS: Record<string, number>;
/** What the legend calls the kinds, by the classes of their boxes. */
export const LEGEND: Record<string, string>;
/** Digits of a number in text and tables. */
export const DIGITS: number;
/** Digits of a number in a box, and in other small spaces. */
export const BOX_DIGITS: number;
/** Digits of a number on an arrow. */
export const ARROW_DIGITS: number;
/** Shown instead of a number where there is none. */
export const ABSENT: string;
