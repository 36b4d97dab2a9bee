/** environmentConfig/read: what Codex's own configuration files on this machine say. */
import * as v from 'valibot'
import { path } from './schema-primitives.ts'

/** Keys of TOML, each by the names that lead to it: `[["mcp_servers","x"],["model"]]`. */
const keyPaths = v.array(
  v.pipe(v.array(v.string()), v.minLength(1, 'a path of keys names at least one')),
  'expected a list of paths of keys',
)

/** That anything is asked for at all is checked by the method: to older clients that is no matter of form. */
export const EnvironmentConfigReadParams = v.object({
  /** Projects are looked for from here upwards. It need not exist. */
  cwd: path,
  configPaths: keyPaths,
  requirementsPaths: keyPaths,
})

export type EnvironmentConfigReadParams = v.InferOutput<typeof EnvironmentConfigReadParams>

export type ConfigLayer = {
  /** Words for the user: what kind of file it is, and its path. */
  source: string
  /** URI of the directory that relative paths in the values start from. */
  baseDir: string
  /** A document of the keys that were asked for, their values as the file has them. */
  toml: string
}

/** Layers, of which a later one has precedence. */
export type ConfigStack = {
  layers: ConfigLayer[]
  /** Where among them the client puts what its account's administrators have to say. */
  cloudInsertionIndex: number
}

export type EnvironmentConfig = {
  /** URIs. */
  userHomeDir: string | null
  codexHomeDir: string
  hostname: string | null
  config: ConfigStack
  requirements: ConfigStack
}
