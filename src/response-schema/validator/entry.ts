/** The script that ../sandbox.ts runs, bundled by the build: the two functions as globals of a context of its own. */
import { check, compile } from "./validator.ts";

// There, `__proto__` is a property like any other.
Reflect.deleteProperty(Object.prototype, "__proto__");
Object.assign(globalThis, { check, compile });
