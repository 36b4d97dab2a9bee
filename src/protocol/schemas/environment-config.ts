/** environmentConfig/read: values from Codex's own configuration files on this machine. */
import * as v from 'valibot'
import { path } from './schema-primitives.ts'

/** TOML key paths, e.g. `[["mcp_servers","x"],["model"]]`. */
const keyPaths = v.array(
  v.pipe(v.array(v.string()), v.minLength(1, 'a path of keys names at least one')),
  'expected a list of paths of keys',
)

/** Params of environmentConfig/read. The method itself rejects a request without any key path. */
export const EnvironmentConfigReadParams = v.object({
  /** Where the search for projects starts, upwards. It need not exist. */
  cwd: path,
  configPaths: keyPaths,
  requirementsPaths: keyPaths,
})

/** Decoded params of environmentConfig/read. */
export type EnvironmentConfigReadParams = v.InferOutput<typeof EnvironmentConfigReadParams>

/** One configuration file. */
export type ConfigLayer = {
  /** Text for the user: the kind of file and its path. */
  source: string
  /** URI of the directory that relative paths in the values are based on. */
  baseDir: string
  /** A TOML document of the requested keys, with the values from the file. */
  toml: string
}

/** Configuration layers; later ones take precedence. */
export type ConfigStack = {
  layers: ConfigLayer[]
  /** Index at which the client inserts the layer of its account's administrators. */
  cloudInsertionIndex: number
}

/** Result of environmentConfig/read. */
export type EnvironmentConfig = {
  /** A URI. */
  userHomeDir: string | null
  /** A URI. */
  codexHomeDir: string
  hostname: string | null
  config: ConfigStack
  requirements: ConfigStack
}
