"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
/** The main step's door. */
const action_ts_1 = require("./action/index.js");
void (0, action_ts_1.runMain)();
