/** Decodes messages about processes. */
import { bytesOf } from '../base/base64.ts'
import { ProtocolError } from '../base/errors.ts'
import type { ClosedEvent, ExitedEvent, OutputEvent, OutputStream, ReadResult } from '../base/types.ts'

type Fields = Record<string, unknown>

const STREAMS: readonly unknown[] = ['stdout', 'stderr', 'pty'] satisfies OutputStream[]

/**
 * The process id of a notification.
 * @throws {ProtocolError} If there is none.
 */
export function processIdOf(params: unknown): string {
  const { processId } = (params ?? {}) as Fields
  if (typeof processId !== 'string') throw new ProtocolError('a process notification without processId')
  return processId
}

/**
 * Decodes process/output.
 * @throws {ProtocolError} If it is malformed.
 */
export function outputEvent(params: unknown): OutputEvent {
  return { type: 'output', ...chunk(params as Fields) }
}

/**
 * Decodes process/exited.
 * @throws {ProtocolError} If it is malformed.
 */
export function exitedEvent(params: unknown): ExitedEvent {
  const { seq, exitCode, sandboxDenied } = params as Fields
  return {
    type: 'exited',
    seq: number(seq, 'seq'),
    exitCode: number(exitCode, 'exitCode'),
    sandboxDenied: sandboxDenied === true,
  }
}

/**
 * Decodes process/closed.
 * @throws {ProtocolError} If it is malformed.
 */
export function closedEvent(params: unknown): ClosedEvent {
  return { type: 'closed', seq: number((params as Fields)['seq'], 'seq') }
}

/**
 * Decodes the result of process/read.
 * @throws {ProtocolError} If it is malformed.
 */
export function readResult(result: unknown): ReadResult {
  const { chunks, nextSeq, exited, exitCode, closed, failure, sandboxDenied } = (result ?? {}) as Fields
  if (!Array.isArray(chunks)) throw new ProtocolError('process/read was answered without chunks')
  if (typeof failure === 'string') throw new ProtocolError(`the server has lost the process: ${failure}`)
  return {
    chunks: chunks.map(chunk),
    nextSeq: number(nextSeq, 'nextSeq'),
    exited: exited === true,
    exitCode: typeof exitCode === 'number' ? exitCode : null,
    closed: closed === true,
    sandboxDenied: sandboxDenied === true,
  }
}

function chunk({ seq, stream, chunk }: Fields): ReadResult['chunks'][number] {
  if (!STREAMS.includes(stream)) throw new ProtocolError('output without a stream')
  return { seq: number(seq, 'seq'), stream: stream as OutputStream, bytes: bytesOf(chunk, 'output') }
}

function number(value: unknown, name: string): number {
  if (typeof value !== 'number') throw new ProtocolError(`${name} is no number`)
  return value
}
