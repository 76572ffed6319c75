"use strict";

const Agent = require("./lib/dispatcher/agent.js");
const ProxyAgentWithH2 = require("./lib/dispatcher/proxy-agent.js");
const { setGlobalDispatcher } = require("./lib/global.js");

// The bundle has no HTTP/2 inside, so none is offered to the server.
setGlobalDispatcher(new Agent({ allowH2: false }));

// As undici's own index does: the tunnels of ProxyAgent ask every dispatcher for it.
require("./lib/dispatcher/dispatcher.js").prototype.connect = require("./lib/api/api-connect.js");

module.exports.fetch = require("./lib/web/fetch/index.js").fetch;
module.exports.ProxyAgent = class ProxyAgent extends ProxyAgentWithH2 {
  constructor(options) {
    const given = typeof options === "string" || options instanceof URL ? { uri: options } : options;
    super({ ...given, allowH2: false, proxyTls: { ...given.proxyTls, allowH2: false } });
  }
};
