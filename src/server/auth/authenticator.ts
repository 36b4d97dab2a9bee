/** The interface of authenticators. Each request is authenticated before anything else of it is processed. */

/** What a request offers to authenticate with. */
export type Credentials = {
  /** The Authorization header. */
  authorization: string | undefined
  /** The token in the URL's path. */
  token: string | undefined
}

/** The body of the 401 response, or undefined if the request is authenticated. */
export type AuthResult = string | undefined

/** An authenticator, and where in the URL's path it expects a token, if anywhere. */
export type Authenticator = {
  /** Path prefix of the protected routes, as a Hono pattern; `/readyz` and `/healthz` need no authentication. */
  prefix: '' | '/c/:token'
  authenticate(credentials: Credentials): AuthResult | Promise<AuthResult>
}

/** Lets every client in. */
export const allowAll: Authenticator = { prefix: '', authenticate: () => undefined }
