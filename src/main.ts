/** The main step's door. */
import { runMain } from "./run.ts";

void runMain();
