/**
 * Reads this machine's Codex configuration, in the layers that Codex itself would read here. The client merges them
 * with its own; nothing is resolved or merged here, and only the requested keys are returned.
 */
import type {
  ConfigLayer,
  ConfigStack,
  EnvironmentConfig,
  EnvironmentConfigReadParams,
} from '../../protocol/schemas/environment-config.ts'
import { internalError, invalidParams, messageOf } from '../../protocol/wire/errors.ts'
import { pathToUri } from '../../protocol/schemas/path-uri.ts'
import type { ConfigFiles } from './config-files.ts'
import { keyTree, project, withoutKeys } from './key-paths.ts'
import type { KeyTree } from './key-paths.ts'
import { managedRequirements } from './managed-requirements.ts'
import { projectFolders } from './project-folders.ts'
import type { ProjectFolder } from './project-folders.ts'
import { projectRules } from './project-rules.ts'
import { formatToml, parseToml, tableOf } from './toml.ts'
import type { TomlTable } from './toml.ts'

/**
 * Keys that a project's configuration may not set: they decide where conversations are sent and what runs when they
 * end.
 */
const NOT_FOR_PROJECTS = [
  'apps_mcp_product_sku',
  'chatgpt_base_url',
  'experimental_realtime_webrtc_call_base_url',
  'experimental_realtime_ws_base_url',
  'model_provider',
  'model_providers',
  'notify',
  'openai_base_url',
  'otel',
  'profile',
  'profiles',
  'responses_api_metadata',
]

/** A configuration file. A missing file has no keys. */
type Source = { name: string; directory: string; table: TomlTable }

/**
 * Reads all layers and selects the requested keys.
 * @throws -32602 if no keys are requested, -32603 for a file that cannot be read or parsed: skipping it might skip a
 * restriction
 */
export async function readEnvironmentConfig(
  params: EnvironmentConfigReadParams,
  files: ConfigFiles,
): Promise<EnvironmentConfig> {
  if (params.configPaths.length + params.requirementsPaths.length === 0)
    throw invalidParams('no path of keys is asked for')
  try {
    return await readStacks(params, files)
  } catch (error) {
    throw internalError(`cannot read this machine's Codex configuration: ${messageOf(error)}`)
  }
}

async function readStacks(
  { cwd, configPaths, requirementsPaths }: EnvironmentConfigReadParams,
  files: ConfigFiles,
): Promise<EnvironmentConfig> {
  const home = await files.homes()
  const read = async (directory: string, file: string): Promise<Source> => {
    const name = `${directory}/${file}`
    const text = await files.read(name)
    return { name, directory, table: text === undefined ? tableOf([]) : await parseToml(text, name) }
  }
  const system = await read(files.systemDirectory, 'config.toml')
  const user = await read(home.codex, 'config.toml')
  const managed = await read(files.systemDirectory, 'managed_config.toml')
  const requirements = await read(files.systemDirectory, 'requirements.toml')
  const rules = projectRules([system, user, managed].map(({ table }) => table))
  const projects: Source[] = []
  for (const folder of await projectFolders(cwd, home.codex, rules, files)) {
    const source = await read(folder.path, 'config.toml')
    projects.push({ ...source, table: ofProject(source.table, folder) })
  }
  return {
    userHomeDir: home.user === undefined ? null : pathToUri(home.user),
    codexHomeDir: pathToUri(home.codex),
    hostname: files.hostname() ?? null,
    config: stack(keyTree(configPaths), [
      named(system, 'system'),
      named(user, 'user'),
      ...projects.map((source) => named(source, 'project')),
      named(managed, 'legacy managed_config.toml'),
    ]),
    requirements: stack(keyTree(requirementsPaths), [
      requirements,
      { ...managed, table: managedRequirements(managed.table) },
    ]),
  }
}

const named = (source: Source, kind: string): Source => ({ ...source, name: `${kind} (${source.name})` })

function ofProject(table: TomlTable, { hooks }: ProjectFolder): TomlTable {
  if (hooks === 'only') return project(table, keyTree([['hooks']]))
  return withoutKeys(table, hooks === 'kept' ? NOT_FOR_PROJECTS : [...NOT_FOR_PROJECTS, 'hooks'])
}

/** The client's cloud configuration is inserted after the first source, the machine's own. */
function stack(tree: KeyTree, sources: readonly Source[]): ConfigStack {
  const layers = sources.map((source) => layer(tree, source))
  return { layers: layers.filter((each) => each !== undefined), cloudInsertionIndex: layers[0] === undefined ? 0 : 1 }
}

function layer(tree: KeyTree, { name, directory, table }: Source): ConfigLayer | undefined {
  const wanted = project(table, tree)
  if (Object.keys(wanted).length === 0) return undefined
  // Lone surrogates of a name that is not UTF-8 are replaced; the URI is exact.
  return { source: name.toWellFormed(), baseDir: pathToUri(directory), toml: formatToml(wanted) }
}
