// In the place of @actions/http-client (scripts/build.ts). __tests__/bundle.test.ts fails when core needs more of it.
function unavailable() {
  throw new Error("This action is built without OIDC support.");
}

export { unavailable as BearerCredentialHandler, unavailable as HttpClient };
