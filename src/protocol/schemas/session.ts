/** The session family: the handshake and what a client learns of the executor. */
import * as v from 'valibot'
import { isJsonObject } from '../wire/json.ts'
import type { JsonValue } from '../wire/json.ts'
import { optional } from './schema-primitives.ts'

export const InitializeParams = v.object({
  clientName: v.string(),
  resumeSessionId: optional(v.string()),
})

/** Methods without params take an object, whose members are ignored, or null. */
export const NoParams = v.custom<unknown>(
  (params) => params === null || isJsonObject(params as JsonValue),
  'expected an object or null',
)

export type EnvironmentInfo = {
  /** The user's login shell. The one member that clients insist on. */
  shell: { name: string; path: string }
  /** URIs, as are all the paths below. */
  cwd: string
  userHomeDir?: string
  tempDir: string
  /** What `:tmpdir` in a permission profile stands for. */
  temporaryDirectories: string[]
  platformOs: string
  /**
   * Promises about what the client may send. Only those that work are set; an absent one counts as false.
   * `executorVersion` and `providerId` are left out: they name a Codex build, which this is not, and clients
   * read an absent version as "unknown".
   */
  capabilities: Record<string, boolean>
}

/**
 * What a server does beyond Codex's protocol, for clients that ask before they use it: the methods process/closeStdin; process/resize,
 * with `terminalSize` in process/start; process/acknowledge, with `outputWindow` there; process/list and process/attach; more
 * names for process/signal; `graceMs` in process/terminate; http/acknowledge, with `bodyWindow` in http/request; and http/cancel.
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
] as const
export type Extension = (typeof EXTENSIONS)[number]

export type InitializeResult = { sessionId: string; environmentInfo: EnvironmentInfo; extensions: Extension[] }
