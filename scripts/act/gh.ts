/** Prints the path of the GitHub CLI at the pinned version; it is built where it is missing. */
import { ghBinary } from "./binary.ts";
import { root } from "./folders.ts";

console.log(ghBinary(root));
