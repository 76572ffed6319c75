"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
/** Entry point of the main step. */
const run_ts_1 = require("./action/index.js");
void (0, run_ts_1.runMain)();
