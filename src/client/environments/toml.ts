/** Reads $CODEX_HOME/environments.toml; accepts and rejects the same files as Codex 0.169. */
import { isTable, parseToml } from '../../core/codex-config/toml.ts'
import { messageOf } from '../base/errors.ts'
import { displayUrl } from '../transports/target-url.ts'
import { EnvironmentConfigError } from './errors.ts'
import { checkId, isNone, LOCAL, localSpec } from './spec.ts'
import type { EnvironmentSettings, EnvironmentSpec } from './spec.ts'
import { isPrivate, websocketUrl } from './websocket-url.ts'
import { trimmed } from './trim-rust.ts'

/** Characters of a URL shown in an error. */
const SHOWN_CHARS = 200

type Kind<T> = { expected: string; is: (value: unknown) => value is T }
type Shape = Readonly<Record<string, Kind<unknown>>>
type Values<S extends Shape> = { [K in keyof S]?: S[K] extends Kind<infer T> ? T : never }

const isString = (value: unknown): value is string => typeof value === 'string'
const isStrings = (value: unknown): value is string[] => Array.isArray(value) && value.every(isString)

const kindOf = <T>(expected: string, is: (value: unknown) => value is T): Kind<T> => ({ expected, is })
const string = kindOf('a string', isString)
const strings = kindOf('an array of strings', isStrings)
const boolean = kindOf('true or false', (value): value is boolean => typeof value === 'boolean')
const tables = kindOf('an array of tables, each headed [[environments]]', (value): value is unknown[] =>
  Array.isArray(value),
)
const stringTable = kindOf(
  'a table of strings',
  (value): value is Record<string, string> => isTable(value) && Object.values(value).every(isString),
)
const seconds = kindOf(
  'a number of seconds, whole or not, and not negative',
  // TOML integers are bigints. The bound is that of the reference's durations.
  (value): value is number | bigint =>
    (typeof value === 'number' || typeof value === 'bigint') && value >= 0 && value < 2 ** 64,
)
/** Used by Codex itself only; validated and ignored here. */
const skills = kindOf(
  'a table, in which `required` may be an array of strings',
  (value): value is object =>
    isTable(value) && Object.entries(value).every(([key, member]) => key === 'required' && isStrings(member)),
)

const FILE = { default: string, include_local: boolean, environments: tables }
const ENTRY = {
  id: string,
  skills,
  url: string,
  auth_bearer_token: string,
  program: string,
  args: strings,
  env: stringTable,
  cwd: string,
  connect_timeout_sec: seconds,
  initialize_timeout_sec: seconds,
}
type Entry = Values<typeof ENTRY> & { id: string }

/**
 * Parses environments.toml. `codexHome` is the base of a relative `cwd`, and its directory in error messages. An empty
 * text means this process only.
 *
 * @throws {EnvironmentConfigError} If it is invalid. The message names the file, the environment and the key.
 */
export async function parseEnvironments(text: string, codexHome: string): Promise<EnvironmentSettings> {
  const file = `${codexHome}/environments.toml`
  const document = await parseToml(text, file).catch((error: unknown) => {
    throw new EnvironmentConfigError(messageOf(error))
  })
  // Check the types of all entries before any value, as the reference does.
  const settings = readTable(document, FILE, file)
  const entries = (settings.environments ?? []).map((value, index) => readEntry(value, index, file))
  const environments = settings.include_local === false ? [] : [localSpec]
  for (const entry of entries) {
    const spec = within(file, () => readSpec(entry, codexHome))
    if (environments.some(({ id }) => id === spec.id)) {
      throw new EnvironmentConfigError(`${file}: environment \`${spec.id}\`: there must be one only with this \`id\``)
    }
    environments.push(spec)
  }
  const ids = environments.map(({ id }) => id)
  return { environments, defaultId: within(file, () => readDefault(settings.default, ids)) }
}

function readTable<S extends Shape>(value: unknown, shape: S, where: string): Values<S> {
  if (!isTable(value)) throw new EnvironmentConfigError(`${where}: must be a table`)
  for (const [key, member] of Object.entries(value)) {
    const kind = Object.hasOwn(shape, key) ? shape[key] : undefined
    if (kind === undefined) {
      const known = Object.keys(shape).map((name) => `\`${name}\``)
      throw new EnvironmentConfigError(`${where}: unknown key \`${key}\`; there are ${known.join(', ')}`)
    }
    if (!kind.is(member)) throw new EnvironmentConfigError(`${where}: \`${key}\` must be ${kind.expected}`)
  }
  return value as Values<S>
}

function readEntry(value: unknown, index: number, file: string): Entry {
  const given = isTable(value) ? value['id'] : undefined
  const where = `${file}: ${isString(given) ? `environment \`${given}\`` : `number ${index + 1} of [[environments]]`}`
  const { id, ...others } = readTable(value, ENTRY, where)
  if (id === undefined) throw new EnvironmentConfigError(`${where}: \`id\` is missing`)
  return { id, ...others }
}

function readSpec(entry: Entry, codexHome: string): EnvironmentSpec {
  const { id, url, program, args, env, cwd, auth_bearer_token: token } = entry
  const { connect_timeout_sec: connect, initialize_timeout_sec: initialize } = entry
  checkId(id)
  const fail = (reason: string): never => {
    throw new EnvironmentConfigError(`environment \`${id}\`: ${reason}`)
  }
  if (program === undefined && (args ?? env ?? cwd) !== undefined)
    fail('`args`, `env` and `cwd` are for environments with a `program`')
  if (url === undefined && token !== undefined) fail('`auth_bearer_token` is for environments with a `url`')
  if (url === undefined && connect !== undefined) fail('`connect_timeout_sec` is for environments with a `url`')
  if ((url === undefined) === (program === undefined)) fail('must have a `url` or a `program`, and not both')
  const timeouts = {
    ...(connect === undefined ? {} : { connectTimeoutMs: milliseconds(connect) }),
    ...(initialize === undefined ? {} : { initializeTimeoutMs: milliseconds(initialize) }),
  }
  if (url !== undefined) {
    const read = websocketUrl(url)
    if ('fault' in read) return fail(`\`url\` ${read.fault}: \`${displayUrl(trimmed(url)).slice(0, SHOWN_CHARS)}\``)
    if (token === undefined) return { id, url: read.url, ...timeouts }
    if (!isPrivate(read.url))
      fail('`auth_bearer_token` is for a `url` with wss://, a loopback address or localhost: others could read it')
    if (!/^[^\0-\x08\n-\x1f\x7f]*$/.test(token)) fail('`auth_bearer_token` must have no control characters')
    return { id, url: read.url, headers: { authorization: `Bearer ${byteString(token)}` }, ...timeouts }
  }
  const name = trimmed(program ?? '')
  if (name === '') fail('`program` must not be empty')
  return {
    id,
    command: [name, ...(args ?? [])],
    ...(env === undefined ? {} : { env: { ...env } }),
    ...(cwd === undefined ? {} : { cwd: cwd.startsWith('/') ? cwd : `${codexHome}/${cwd}` }),
    ...timeouts,
  }
}

function readDefault(given: string | undefined, ids: readonly string[]): string | undefined {
  if (given === undefined) return ids.includes(LOCAL) ? LOCAL : undefined
  const id = trimmed(given)
  if (id === '') throw new EnvironmentConfigError('`default` must not be empty; `none` stands for no default')
  if (isNone(id)) return undefined
  if (!ids.includes(id)) {
    const known = ids.length === 0 ? 'there are none' : `there are ${ids.map((each) => `\`${each}\``).join(', ')}`
    throw new EnvironmentConfigError(
      `\`default\` must be the id of an environment, or \`none\`, and not \`${id}\`; ${known}`,
    )
  }
  return id
}

function within<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof EnvironmentConfigError ? new EnvironmentConfigError(`${file}: ${error.message}`) : error
  }
}

/** The maximum of a timer, some 25 days: longer timeouts are clamped to it. */
const MAX_TIMER_MS = 2 ** 31 - 1
const milliseconds = (count: number | bigint): number => Math.min(Math.ceil(Number(count) * 1000), MAX_TIMER_MS)

/** Headers are byte strings. Encode as UTF-8, as the reference does. */
const byteString = (text: string): string =>
  Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('')
