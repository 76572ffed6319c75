/** The main step's door. */
import { runMain } from "./action/index.js";
await runMain();
