"use strict";

module.exports = { H1Parser: undefined, getMiloEnabled: () => false };
