"use strict";

module.exports.fetch = require("./lib/web/fetch/index.js").fetch;
module.exports.ProxyAgent = require("./lib/dispatcher/proxy-agent.js");
