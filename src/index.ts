/** The main step's door. */
import { runMain } from "./action.ts";

void runMain();
