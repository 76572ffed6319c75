/**
 * zod, set up once: a step parses a handful of values, so compiling a parser for each schema costs more than it saves.
 * Everything imports zod from here, so that this comes before the first schema.
 */
import { config } from "zod/mini";

config({ jitless: true });

export * from "zod/mini";
