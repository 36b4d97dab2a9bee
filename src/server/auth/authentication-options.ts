/** Who is let in: what the command line, or a program, asks for. */
export type TokenSource = { file: string } | { sha256: string }

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
  /** The token is part of the URL; without a file a new one is made. */
  | { kind: 'capability-url'; tokenFile: string | undefined }
