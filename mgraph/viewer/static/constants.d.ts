/** The types of constants.js, which mgraph/viewer/constants.py makes from the format's own constants. */

/** The newest version of the format. */
export const VERSION: string;
/** What each kind of object may have, in the order in which it is written. */
export const FIELDS: Record<"document" | "node" | "run" | "tolerance" | "nodes" | "sparse", string[]>;
/** The fields of a document that describe it and have no part in its computation. */
export const HEADER: string[];
export const ID: RegExp;
/** Bytes of a file, of a text and of a doc; counts of nodes, levels, arguments and runs. */
export const LIMITS: Record<"size" | "nodes" | "depth" | "text" | "doc" | "args" | "runs", number>;
/** Integers in meta lie within plus and minus this. */
export const INTEGERS: number;
/** How many digits an integer may have. */
export const LONGEST_INTEGER: number;
/** Doubles that JSON has no literal for, by the strings that stand for them. */
export const SPECIAL: Map<string, number>;
/** The tolerance of runs that state none. */
export const TOLERANCE: { rel: number; abs: number };
/** What the text of a hash starts with. */
export const HASH_NAME: string;
/** How compressed files start, by the name of the compression. */
export const COMPRESSED: [name: string, magic: number[]][];
/** How texts start that are not plain UTF-8. */
export const OTHER_TEXT: number[][];
