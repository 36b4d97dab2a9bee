/** What the releases differ in. */

export type Release = {
  version: string
  /** The second number of the version. */
  minor: number
  /** A model that the release knows by itself: for others it does not offer apply_patch. */
  model: string
  /** It reads environments.toml, and so can start the server itself. */
  startsServer: boolean
  /** It comes back to its session when the connection was cut. */
  resumes: boolean
  /** It has a background server that can be started by itself. */
  hasDaemon: boolean
  mcp: McpOfRelease
}

/** MCP servers on the executor's side. */
export type McpOfRelease = {
  /** It can have them, over HTTP too. */
  placed: boolean
  /** The key that places it. */
  key: 'experimental_environment' | 'environment_id'
  /** What comes after its name where the model calls its tools. */
  suffix: '__' | ''
  /** Whose environment variable the bearer token is. */
  token: 'client' | 'server'
  /** Before it leaves, the executor has the time to end the session with it. */
  endsSession: boolean
}

export function releaseOf(version: string): Release {
  const minor = Number(/^0\.(\d+)\.\d+$/.exec(version)?.[1] ?? Number.NaN)
  if (Number.isNaN(minor)) throw new Error(`not a version of Codex: ${version}`)
  return {
    version,
    minor,
    model: minor >= 125 ? 'gpt-5.5' : 'gpt-5.2',
    startsServer: minor >= 140,
    resumes: minor >= 150,
    hasDaemon: minor >= 169,
    mcp: {
      placed: minor >= 125,
      key: minor >= 140 ? 'environment_id' : 'experimental_environment',
      suffix: minor >= 140 ? '' : '__',
      token: minor >= 150 ? 'server' : 'client',
      endsSession: minor >= 150,
    },
  }
}
