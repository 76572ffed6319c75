// @actions/core loads an HTTP client, and with it a second copy of undici, for `getIDToken` alone. This action asks
// for no OIDC token, so package.json puts these two names in its place ("overrides"). __tests__/bundle.test.ts fails
// when an update of @actions/core asks for more.
export class HttpClient {
  constructor() {
    throw new Error("This action is built without OIDC support.");
  }
}

export class BearerCredentialHandler {}
