/** Schemas of the process methods. */
import * as v from 'valibot'
import { anObject, base64, optional, path, stringMap, u64 } from './schema-primitives.ts'
import { MAX_ARGUMENTS, MAX_VARIABLES } from '../limits.ts'
import { PreparedStart } from './prepared-start.ts'
import { SandboxContext } from './sandbox-context.ts'
import type { SandboxType } from './sandbox.ts'
import { tellingMember } from './unknown-members.ts'

const variables = v.pipe(
  stringMap,
  v.check((map) => map.size <= MAX_VARIABLES, `may have at most ${MAX_VARIABLES} variables`),
)

/** How a process's environment is derived from the server's. */
export const EnvPolicy = v.object({
  inherit: v.picklist(['all', 'core', 'none']),
  ignoreDefaultExcludes: v.boolean(),
  exclude: v.array(v.string()),
  set: variables,
  includeOnly: v.array(v.string()),
})
/** Decoded environment policy. */
export type EnvPolicy = v.InferOutput<typeof EnvPolicy>

/** With or without hyphens; normalised to lower case with hyphens. */
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

/** A terminal dimension. The kernel stores it in 16 bits; 0 would mean no terminal. */
const cells = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535))

/** Names of detached runs: what a shell needs not quote, and no run number. */
export const RunName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/, 'expected a name: a letter, then up to 63 of A-Z a-z 0-9 . _ -'),
)

/** Terminal size in character cells. */
export const TerminalSize = v.object({ rows: cells, columns: cells })
/** Terminal size in character cells. */
export type TerminalSize = v.InferOutput<typeof TerminalSize>

/** Length of a snapshot's scope in bytes. Same as the reference; real ones hold two ids. */
const MAX_SCOPE_BYTES = 256

/** Asks for a login shell's command to be run with the state that an earlier login shell of the same scope had. */
export const ShellSnapshotRequest = v.object({
  /** What may share a snapshot: a conversation and its environment. */
  scopeId: v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxBytes(MAX_SCOPE_BYTES, 'is too long')),
  /** The shell of `argv`: its kind, and its path as in `argv`. */
  shell: v.pipe(anObject, v.object({ name: v.string(), path: v.string() })),
})
/** Decoded request for a snapshot. */
export type ShellSnapshotRequest = v.InferOutput<typeof ShellSnapshotRequest>

const startMembers = v.object({
  processId: v.string(),
  argv: v.pipe(v.array(v.string()), v.maxLength(MAX_ARGUMENTS, `may have at most ${MAX_ARGUMENTS} arguments`)),
  cwd: path,
  env: variables,
  envPolicy: optional(EnvPolicy),
  /** Whether the process runs in a pseudo-terminal. */
  tty: v.boolean(),
  /** Extension: initial terminal size; 24 rows and 80 columns by default. Ignored without `tty`. */
  terminalSize: optional(TerminalSize),
  /**
   * Extension: flow control window, in unacknowledged bytes of output. Once it is full, output is not read, whether or
   * not the client is connected, and none is dropped. Absent: only unsent bytes apply backpressure.
   */
  outputWindow: optional(v.pipe(u64, v.integer(), v.minValue(1))),
  /**
   * Extension: the run belongs to the server, not to the session, and goes on without a client. The session that starts
   * it is attached to it as by process/attach.
   */
  detached: optional(v.object({ name: optional(RunName) })),
  /** Whether stdin is a pipe for process/write. Otherwise, unless `tty` is set, stdin is closed. */
  pipeStdin: v.optional(v.boolean(), false),
  /** Overrides the child's argv[0]. The executable is still `argv[0]`. */
  arg0: optional(v.string()),
  /** Extension: starts this server's own executable as the other end of `exec-server cp`. `argv` is ignored. */
  agent: optional(v.picklist(['copy'])),
  sandbox: SandboxContext,
  /** Extension: everything is resolved, the sandbox too, and nothing is added. */
  prepared: optional(v.lazy((input) => (input === false ? v.literal(false) : PreparedStart))),
  enforceManagedNetwork: v.optional(v.boolean(), false),
  /** Rules of a managed network. Unused: managed networks are not supported. */
  managedNetwork: optional(anObject),
  networkProxy: optional(v.custom<unknown>(() => true)),
  shellSnapshot: optional(v.pipe(anObject, ShellSnapshotRequest)),
  /** The conversation and the tool call that this is for. Passed to the command as environment variables. */
  metadata: optional(v.pipe(anObject, v.object({ threadId: optional(uuid), toolCallId: optional(v.string()) }))),
})
const START_MEMBERS: ReadonlySet<string> = new Set(Object.keys(startMembers.entries))

/** Params of process/start. Unknown members are ignored, unless they ask for a confinement or another way of start. */
export const StartParams = v.pipe(
  anObject,
  v.rawCheck(({ dataset, addIssue }) => {
    const member = dataset.typed ? tellingMember(dataset.value, START_MEMBERS) : undefined
    if (member !== undefined)
      addIssue({
        message: `${member.slice(0, 100)}: this executor does not know this member, and runs nothing without it`,
      })
  }),
  startMembers,
)
/** Decoded params of process/start. */
export type StartParams = v.InferOutput<typeof StartParams>

/** Params of process/read. */
export const ReadParams = v.object({
  processId: v.string(),
  /** Returns chunks after this sequence number. */
  afterSeq: optional(u64),
  /** Limit in decoded bytes. At least one chunk is returned. */
  maxBytes: optional(u64),
  /** Long poll: how long to wait for output or a state change, in ms. */
  waitMs: optional(u64),
})

/** Decoded params of process/read. */
export type ReadParams = v.InferOutput<typeof ReadParams>

/** Params of process/write. */
export const WriteParams = v.object({
  processId: v.string(),
  chunk: base64,
  /** From 0.150 on. Idempotency key: a repeated id is accepted and writes nothing. */
  writeId: optional(v.pipe(v.string(), v.nonEmpty('must not be empty'))),
})

/** Decoded params of process/write. */
export type WriteParams = v.InferOutput<typeof WriteParams>

/** All but `interrupt` are extensions. `kill` reaches only the process group; process/terminate also what left it. */
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
/** Signal names of process/signal. */
export type Signal = v.InferOutput<typeof Signal>

/** Params of process/signal. */
export const SignalParams = v.object({
  processId: v.string(),
  signal: Signal,
})

/** Extension: params of process/closeStdin. */
export const CloseStdinParams = v.object({ processId: v.string() })

/** Extension: params of process/resize. */
export const ResizeParams = v.object({ processId: v.string(), ...TerminalSize.entries })
/** Decoded params of process/resize. */
export type ResizeParams = v.InferOutput<typeof ResizeParams>

/** Params of process/terminate. */
export const TerminateParams = v.object({
  processId: v.string(),
  /** Extension: SIGTERM first, then SIGKILL after this many ms. Absent: SIGKILL at once. */
  graceMs: optional(u64),
})

/** Extension: the client has consumed all output up to and including `seq`. */
export const AcknowledgeParams = v.object({ processId: v.string(), seq: u64 })

/** Extension: attaches to the process `run` of process/list, under `processId` in this session. */
export const AttachParams = v.object({ run: v.union([u64, RunName]), processId: v.string() })
/** Decoded params of process/attach. */
export type AttachParams = v.InferOutput<typeof AttachParams>

/** `exited`: the root process has exited, output is still open. `closed`: all done, kept for reading. */
export type ListedState = 'starting' | 'running' | 'exited' | 'closed'

/** One process in the result of process/list. Long texts are truncated and marked as such. */
export type ListedProcess = {
  /** Id for process/attach, unique per server, counted from 1. */
  run: number
  /** Name of a detached run that has one. */
  name: string | null
  /** Whether it belongs to the server, so that it outlives its client. */
  detached: boolean
  processId: string
  /** `clientName` of the client that started it. */
  client: string
  /** The first characters of its session id. */
  session: string
  /** Whether that session has a live connection. */
  attached: boolean
  argv: string[]
  cwd: string
  tty: boolean
  pid: number | null
  state: ListedState
  exitCode: number | null
  /** Milliseconds since the epoch. */
  startedAtMs: number
  exitedAtMs: number | null
}

/** Result of process/attach. */
export type AttachResult = { processId: string; argv: string[]; tty: boolean; state: ListedState }

/** Where a chunk of output came from. */
export type OutputStream = 'stdout' | 'stderr' | 'pty'
/** Result status of process/write. */
export type WriteStatus = 'accepted' | 'unknownProcess' | 'stdinClosed'
/** Result of process/start. */
export type StartResult = {
  processId: string
  sandboxType: SandboxType
  /** Of a detached run. */
  run?: number
}
