"use strict";

// Node's own limit for the headers of an answer. No body of ours is an incoming request of a server.
module.exports = { maxHeaderSize: 16 * 1024, IncomingMessage: undefined };
