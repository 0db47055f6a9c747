/** Brings exact math to the pages of graphs whose runs are exact; others do without, to stay small. */
import { EXACT_FUNCTIONS } from "./exact.js";
import { bringExactMath } from "./ieee.js";

bringExactMath(EXACT_FUNCTIONS);
