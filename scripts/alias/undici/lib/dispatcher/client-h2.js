"use strict";

module.exports = function connectH2() {
  throw new Error("This action speaks HTTP/1.1 only.");
};
