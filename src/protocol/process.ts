/** The process family. */
import * as v from 'valibot'
import { anObject, base64, optional, path, stringMap, u64 } from './scalars.ts'
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
  v.transform((text) => text.toLowerCase().replace(/-/g, '').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')),
)

export const StartParams = v.object({
  processId: v.string(),
  argv: v.array(v.string()),
  cwd: path,
  env: stringMap,
  envPolicy: optional(EnvPolicy),
  /** Whether the process gets a terminal (24 rows, 80 columns). */
  tty: v.boolean(),
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

export const SignalParams = v.object({
  processId: v.string(),
  signal: v.picklist(['interrupt']),
})

export const TerminateParams = v.object({
  processId: v.string(),
  /** Ours: SIGTERM first, and SIGKILL when so many milliseconds have passed. Absent: SIGKILL at once. */
  graceMs: optional(u64),
})

export type OutputStream = 'stdout' | 'stderr' | 'pty'
export type WriteStatus = 'accepted' | 'unknownProcess' | 'stdinClosed'
export type StartResult = { processId: string; sandboxType: SandboxType }
