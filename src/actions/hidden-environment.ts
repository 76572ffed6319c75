/**
 * Hides variables of the runner from `@actions/github`, which reads them while it is imported: it would print that an
 * event file is missing, and fail on an event that is no JSON, or on a proxy or API address that it cannot parse. The
 * client gets the API's address, and a `fetch` that goes by the proxy variables, from us.
 *
 * Importing this file hides them. `github-package.ts` imports it first and restores them as soon as the package is
 * there. Nothing else runs in between, since the modules of one import are evaluated in one go: requests to Mosoo, which
 * are sent meanwhile, always see the proxy variables.
 */
const HIDDEN_VARIABLES = [
  "GITHUB_EVENT_PATH",
  "GITHUB_API_URL",
  "HTTPS_PROXY",
  "https_proxy",
  "HTTP_PROXY",
  "http_proxy",
];

// All are read before one is deleted: on Windows both cases name the same variable.
const hidden = HIDDEN_VARIABLES.map((name) => [name, process.env[name]] as const);
for (const name of HIDDEN_VARIABLES) Reflect.deleteProperty(process.env, name);

/** Puts the variables back, each as it was. */
export function restoreEnvironment(): void {
  for (const [name, value] of hidden) if (value !== undefined) process.env[name] = value;
}
