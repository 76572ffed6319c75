"use strict";

let connect;

module.exports = function connectH2(client, socket) {
  connect ??= require("./client-h2-original.js");
  return connect(client, socket);
};
