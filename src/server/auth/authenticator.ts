/** Who gets in. Decided for each request before anything else of it is looked at. */

export type Credentials = {
  /** The Authorization header. */
  authorization: string | undefined
  /** The token in the path. */
  token: string | undefined
}

/** Why not, as the peer is told with status 401; absent if it may come in. */
export type AuthResult = string | undefined

export type Gate = {
  /** What the paths of the server begin with; `/readyz` and `/healthz` are open to all. */
  prefix: '' | '/c/:token'
  judge(credentials: Credentials): AuthResult | Promise<AuthResult>
}

export const openGate: Gate = { prefix: '', judge: () => undefined }
