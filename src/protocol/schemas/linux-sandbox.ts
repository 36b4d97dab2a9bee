/**
 * Clients up to 0.140 wrap a command in their own sandbox program, at a path on the client's machine:
 * `codex-linux-sandbox FLAGS -- COMMAND`. This parses such a command line into the command and the sandbox.
 */
import * as v from 'valibot'
import { invalidParams, RpcError } from '../wire/errors.ts'
import { JsonSyntaxError, parseJson } from '../wire/json.ts'
import { FileSystemPolicy, LegacyPolicy } from './legacy-policy.ts'
import type { PathMap } from './path-map.ts'
import { PermissionProfile } from './permission-profile.ts'
import type { Sandbox } from './sandbox.ts'
import { mapSandbox } from './sandbox-map.ts'
import { decodeParams, path } from './schema-primitives.ts'

const PROGRAM = 'codex-linux-sandbox'

const VALUES = [
  '--sandbox-policy-cwd',
  '--command-cwd',
  '--permission-profile',
  '--sandbox-policy',
  '--file-system-sandbox-policy',
  '--network-sandbox-policy',
] as const

type ValueFlag = (typeof VALUES)[number]

/** The server itself chooses the sandbox mechanism and whether to mount /proc. */
const IGNORED = new Set(['--use-legacy-landlock', '--no-proc'])

/** A command without its wrapper. */
export type WrappedCommand = {
  argv: string[]
  sandbox: Sandbox & { cwd: string }
}

/**
 * The wrapped command, or undefined if `argv` is not a codex-linux-sandbox command line.
 * @throws {RpcError} -32602 for missing, unknown or contradictory flags
 */
export function unwrapLinuxSandbox(argv: readonly string[], map?: PathMap): WrappedCommand | undefined {
  const program = argv[0]
  if (program === undefined || program.slice(program.lastIndexOf('/') + 1) !== PROGRAM) return undefined
  const end = argv.indexOf('--')
  if (end < 0) throw refused('`--` is missing')
  const command = argv.slice(end + 1)
  if (command.length === 0) throw refused('the command is missing')
  const flags = readFlags(argv.slice(1, end))
  const cwd = flags.get('--sandbox-policy-cwd')
  if (cwd === undefined) throw refused('--sandbox-policy-cwd is missing')
  const sandbox = {
    ...permissions(flags, map),
    cwd: inFlag('--sandbox-policy-cwd', () => decodeParams(path, cwd, map)),
  }
  return { argv: command, sandbox: map === undefined ? sandbox : { ...mapSandbox(sandbox, map), cwd: sandbox.cwd } }
}

function readFlags(args: readonly string[]): Map<ValueFlag, string> {
  const flags = new Map<ValueFlag, string>()
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string
    const equals = arg.indexOf('=')
    const name = equals < 0 ? arg : arg.slice(0, equals)
    if (equals < 0 && IGNORED.has(name)) continue
    if (name === '--allow-network-for-proxy') throw refused('managed networks cannot be enforced here')
    const flag = VALUES.find((known) => known === name)
    if (flag === undefined) throw refused(`unknown flag ${name.slice(0, 100)}`)
    if (flags.has(flag)) throw refused(`${flag} is given twice`)
    const value = equals < 0 ? args[++at] : arg.slice(equals + 1)
    if (value === undefined) throw refused(`${flag} has no value`)
    flags.set(flag, value)
  }
  return flags
}

/** The profile of 0.130 and later, or the older policies: the file system policy overrides the legacy one. */
function permissions(flags: Map<ValueFlag, string>, map: PathMap | undefined): Pick<Sandbox, 'files' | 'network'> {
  const decode = <S extends v.GenericSchema>(flag: ValueFlag, schema: S): v.InferOutput<S> | undefined => {
    const text = flags.get(flag)
    return text === undefined ? undefined : inFlag(flag, () => decodeParams(schema, parseJson(text), map))
  }
  const profile = decode('--permission-profile', PermissionProfile)
  const legacy = decode('--sandbox-policy', LegacyPolicy)
  const files = decode('--file-system-sandbox-policy', FileSystemPolicy)
  const network = decode('--network-sandbox-policy', v.picklist(['restricted', 'enabled']))
  if (profile !== undefined) {
    if (legacy !== undefined || files !== undefined || network !== undefined)
      throw refused('both a profile and policies are given')
    return profile
  }
  if (legacy === undefined && (files === undefined || network === undefined))
    throw refused('no permission profile is given')
  return {
    files: files ?? legacy?.files ?? { unrestricted: false, entries: [] },
    network: network ?? legacy?.network ?? 'restricted',
  }
}

function inFlag<T>(flag: ValueFlag, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof RpcError || error instanceof JsonSyntaxError) throw refused(`${flag}: ${error.message}`)
    throw error
  }
}

const refused = (why: string): RpcError => invalidParams(`cannot follow ${PROGRAM}: ${why}`)
