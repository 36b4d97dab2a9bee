/** The process family. */
import * as v from 'valibot'
import { anObject, base64, optional, path, stringMap, u64 } from './schema-primitives.ts'
import { SandboxContext } from './sandbox.ts'
import type { SandboxType } from './sandbox.ts'

export const EnvPolicy = v.object({
  inherit: v.picklist(['all', 'core', 'none']),
  ignoreDefaultExcludes: v.boolean(),
  exclude: v.array(v.string()),
  set: stringMap,
  includeOnly: v.array(v.string()),
})
export type EnvPolicy = v.InferOutput<typeof EnvPolicy>

/** With hyphens or without; read into the usual form. */
const uuid = v.pipe(
  v.string(),
  v.regex(/^[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{12}$/, 'expected a UUID'),
  v.transform((text) =>
    text
      .toLowerCase()
      .replace(/-/g, '')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  ),
)

/** Of a terminal. The kernel keeps each in 16 bits, and a terminal without any is none. */
const cells = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535))

export const TerminalSize = v.object({ rows: cells, columns: cells })
export type TerminalSize = v.InferOutput<typeof TerminalSize>

export const StartParams = v.object({
  processId: v.string(),
  argv: v.array(v.string()),
  cwd: path,
  env: stringMap,
  envPolicy: optional(EnvPolicy),
  /** Whether the process gets a terminal. */
  tty: v.boolean(),
  /** Ours: its size at the start, instead of 24 rows and 80 columns. Passed over without a terminal. */
  terminalSize: optional(TerminalSize),
  /**
   * Ours: bytes of output that may be there without having been acknowledged, beyond which the process is held back, whether
   * its client is there or not; nothing of them is dropped. Absent: what its client has not been sent holds it back.
   */
  outputWindow: optional(v.pipe(u64, v.integer(), v.minValue(1))),
  /** Whether stdin is a pipe that process/write feeds. Without it, and without a terminal, stdin is closed. */
  pipeStdin: v.optional(v.boolean(), false),
  /** The child's argv[0]; the program stays argv[0] of `argv`. */
  arg0: optional(v.string()),
  sandbox: SandboxContext,
  enforceManagedNetwork: v.optional(v.boolean(), false),
  /** What a managed network would let through; nothing, as there is none. */
  managedNetwork: optional(anObject),
  networkProxy: optional(v.custom<unknown>(() => true)),
  /** Which conversation and which of its calls this is for. The command is told by variables. */
  metadata: optional(v.pipe(anObject, v.object({ threadId: optional(uuid), toolCallId: optional(v.string()) }))),
})
export type StartParams = v.InferOutput<typeof StartParams>

export const ReadParams = v.object({
  processId: v.string(),
  /** Chunks after this sequence number are returned. */
  afterSeq: optional(u64),
  /** Decoded bytes; at least one chunk is returned whatever it says. */
  maxBytes: optional(u64),
  /** How long to wait for news, in milliseconds. */
  waitMs: optional(u64),
})

export type ReadParams = v.InferOutput<typeof ReadParams>

export const WriteParams = v.object({
  processId: v.string(),
  chunk: base64,
  /** From 0.150 on. A repeated id is accepted and writes nothing. */
  writeId: optional(v.pipe(v.string(), v.nonEmpty('must not be empty'))),
})

export type WriteParams = v.InferOutput<typeof WriteParams>

/** All but the first are ours. `kill` is for the group only, where process/terminate finds whatever left it. */
export const Signal = v.picklist([
  'interrupt',
  'terminate',
  'hangup',
  'quit',
  'user1',
  'user2',
  'stop',
  'continue',
  'kill',
])
export type Signal = v.InferOutput<typeof Signal>

export const SignalParams = v.object({
  processId: v.string(),
  signal: Signal,
})

/** Ours. */
export const CloseStdinParams = v.object({ processId: v.string() })

/** Ours. */
export const ResizeParams = v.object({ processId: v.string(), ...TerminalSize.entries })
export type ResizeParams = v.InferOutput<typeof ResizeParams>

export const TerminateParams = v.object({
  processId: v.string(),
  /** Ours: SIGTERM first, and SIGKILL when so many milliseconds have passed. Absent: SIGKILL at once. */
  graceMs: optional(u64),
})

/** Ours: everything up to `seq` has been taken. */
export const AcknowledgeParams = v.object({ processId: v.string(), seq: u64 })

/** Ours: the process of that run under an id of this session. */
export const AttachParams = v.object({ run: u64, processId: v.string() })
export type AttachParams = v.InferOutput<typeof AttachParams>

/** `exited`: the root has, its output goes on. `closed`: it is over, and kept for reading. */
export type ListedState = 'starting' | 'running' | 'exited' | 'closed'

/** One process of the answer to process/list. Its texts are cut, with a mark. */
export type ListedProcess = {
  /** By which process/attach finds it; counts from 1 for every server. */
  run: number
  processId: string
  /** What the client that started it calls itself, and the beginning of its session's id. */
  client: string
  session: string
  /** Whether that session has a connection. */
  attached: boolean
  argv: string[]
  cwd: string
  tty: boolean
  pid: number | null
  state: ListedState
  exitCode: number | null
  startedAtMs: number
}

export type AttachResult = { processId: string; argv: string[]; tty: boolean; state: ListedState }

export type OutputStream = 'stdout' | 'stderr' | 'pty'
export type WriteStatus = 'accepted' | 'unknownProcess' | 'stdinClosed'
export type StartResult = { processId: string; sandboxType: SandboxType }
