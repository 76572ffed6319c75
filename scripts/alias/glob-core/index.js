// See ../README.md.
export function debug() {}

export function info() {}
