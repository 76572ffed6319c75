// See ../README.md.
export class HttpClient {
  constructor() {
    throw new Error("This action is built without OIDC support.");
  }
}

export class BearerCredentialHandler {}
