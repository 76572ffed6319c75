"use strict";

module.exports = function assert(value, message) {
  if (!value) throw message instanceof Error ? message : new Error(message ?? "undici: an assertion failed.");
};
