/** Schemas of the handshake and of environment/info. */
import * as v from 'valibot'
import { isJsonObject } from '../wire/json.ts'
import type { JsonValue } from '../wire/json.ts'
import { optional } from './schema-primitives.ts'

/** Params of initialize. */
export const InitializeParams = v.object({
  clientName: v.string(),
  resumeSessionId: optional(v.string()),
})

/** Params of methods without any: null, or an object whose members are ignored. */
export const NoParams = v.custom<unknown>(
  (params) => params === null || isJsonObject(params as JsonValue),
  'expected an object or null',
)

/** Result of environment/info. */
export type EnvironmentInfo = {
  /** The user's login shell. The only member that clients require. */
  shell: { name: string; path: string }
  /** A URI, like all the paths below. */
  cwd: string
  userHomeDir?: string
  tempDir: string
  /** Value of `:tmpdir` in a permission profile. */
  temporaryDirectories: string[]
  platformOs: string
  /** Folders that the client may put on the PATH of commands, in front of the others: programs of this server. */
  prependPathDirs?: string[]
  /** A release of Codex, by which clients decide whether they use some of the capabilities. */
  executorVersion?: string
  /**
   * What the client may use. Only supported capabilities are set; absent means false. `providerId` is left out: it names
   * a Codex build, which this is not.
   */
  capabilities: Record<string, boolean>
}

/**
 * Extensions to Codex's protocol, for feature detection: process/closeStdin; process/resize and `terminalSize` in
 * process/start; more signals in process/signal; process/acknowledge and `outputWindow` in process/start; process/list
 * and process/attach; `graceMs` in process/terminate; http/acknowledge and `bodyWindow` in http/request; http/cancel;
 * process/snapshot; process/wait; `detached` in process/start, process/logs, process/remove and process/subscribe;
 * `agent` in process/start; `prepared` in process/start; net/connect; net/listen;
 * net/ports.
 */
export const EXTENSIONS = [
  'closeStdin',
  'resize',
  'signals',
  'outputWindow',
  'processList',
  'graceMs',
  'bodyWindow',
  'httpCancel',
  'snapshot',
  'wait',
  'detached',
  'copyAgent',
  'prepared',
  'netConnect',
  'netListen',
  'ports',
] as const
/** The name of an extension. */
export type Extension = (typeof EXTENSIONS)[number]

/** Extensions that reach beyond a client's sandbox: to the processes of others, or to all files. */
export const BEYOND_SANDBOX: ReadonlySet<Extension> = new Set(['processList', 'detached', 'copyAgent', 'ports'])

/** The version that clients older than 0.121 require in the answer to initialize. Later ones ignore it. */
export const PROTOCOL_VERSION = 'exec-server.v0'

/** Result of initialize. */
export type InitializeResult = {
  sessionId: string
  environmentInfo: EnvironmentInfo
  protocolVersion: typeof PROTOCOL_VERSION
  extensions: Extension[]
}
