/** The types of constants.js, which mgraph/viewer/constants.py generates from those of Python. */

/** The newest version of the format. */
export const VERSIONS: string[];
/** The fields of each kind of object, in the order in which they are written. */
export const FIELDS: Record<"document" | "node" | "run" | "tolerance" | "nodes" | "sparse", string[]>;
/** Fields of a run that 1.0 does not have, and the version that brought them. */
export const NEWER_RUN_FIELDS: Map<string, string>;
/** What a run says whose numbers have one right answer, bit for bit. */
export const EXACT_MATH: string;
/** The fields of a document that only describe it. */
export const HEADER: string[];
export const ID: RegExp;
/** What an id is, for messages. */
export const ID_IN_WORDS: string;
/** Bytes of a file, of a text and of a doc; counts of nodes, levels, arguments and runs. */
export const LIMITS: Record<"size" | "nodes" | "depth" | "text" | "doc" | "args" | "runs", number>;
/** Bound of integers in meta, positive and negative. */
export const INTEGERS: number;
/** The most digits of an integer. */
export const LONGEST_INTEGER: number;
/** Doubles that JSON has no literals for, by the strings that represent them. */
export const SPECIAL: Map<string, number>;
/** What tables write in place of a class that nobody knows. */
export const MISSING: string[];
/** The default tolerance. */
export const TOLERANCE: { rel: number; abs: number };
/** What the text of a hash starts with. */
export const HASH_NAME: string;
/** The first bytes of compressed files, by the name of the compression. */
export const COMPRESSED: [name: string, magic: number[]][];
/** The first bytes of texts that are not plain UTF-8. */
export const OTHER_TEXT: number[][];
