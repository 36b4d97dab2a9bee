/** What the releases differ in. */

export type Release = {
  version: string
  /** A model that the release knows by itself: for others it does not offer apply_patch. */
  model: string
  /** It reads environments.toml, and so can start the server itself. */
  startsServer: boolean
  /** It comes back to its session when the connection was cut. */
  resumes: boolean
}

export function releaseOf(version: string): Release {
  const minor = Number(/^0\.(\d+)\.\d+$/.exec(version)?.[1] ?? Number.NaN)
  if (Number.isNaN(minor)) throw new Error(`not a version of Codex: ${version}`)
  return {
    version,
    model: minor >= 125 ? 'gpt-5.5' : 'gpt-5.2',
    startsServer: minor >= 140,
    resumes: minor >= 150,
  }
}
