/** The main step's door. */
import { runMain } from "./action.ts";

await runMain();
