/**
 * Codex's configuration of this machine, in the layers that Codex itself would read here. The client joins them to its
 * own; nothing is resolved or joined here, and nothing is told but the keys that it asks for.
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

/** Whom the user's conversations are sent to, and what runs when they end, is not for a project to say. */
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

/** A file's keys. One that is not there has none. */
type Source = { name: string; directory: string; table: TomlTable }

/** Throws for a file that cannot be read or understood: to leave one out might be to leave a restriction out. */
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

/** What the client's administrators say comes after the first source, the machine's own. */
function stack(tree: KeyTree, sources: readonly Source[]): ConfigStack {
  const layers = sources.map((source) => layer(tree, source))
  return { layers: layers.filter((each) => each !== undefined), cloudInsertionIndex: layers[0] === undefined ? 0 : 1 }
}

function layer(tree: KeyTree, { name, directory, table }: Source): ConfigLayer | undefined {
  const wanted = project(table, tree)
  if (Object.keys(wanted).length === 0) return undefined
  // A name that is not UTF-8 is shown as well as can be; the URI has all of it.
  return { source: name.toWellFormed(), baseDir: pathToUri(directory), toml: formatToml(wanted) }
}
