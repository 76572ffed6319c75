/** Entry point of the main step. */
import { runMain } from "./run.ts";

void runMain();
