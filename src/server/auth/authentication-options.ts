/** A bearer token: a file that holds it, or its SHA-256 as 64 hex digits. */
export type TokenSource = { file: string } | { sha256: string }

/** How clients authenticate, as chosen on the command line or by a program. */
export type AuthenticationOptions =
  | { kind: 'none' }
  | { kind: 'capability-token'; token: TokenSource }
  | {
      kind: 'signed-bearer-token'
      secretFile: string
      issuer: string | undefined
      audience: string | undefined
      skewSeconds: number
    }
  /** The token is part of the URL; without a file, a random one is generated. */
  | { kind: 'capability-url'; tokenFile: string | undefined }
