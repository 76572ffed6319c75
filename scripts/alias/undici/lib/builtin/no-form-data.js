"use strict";

function refuse() {
  throw new Error("This action sends text and streams only.");
}

module.exports = { extractBody: refuse, webidl: { is: { FormData: () => false } } };
