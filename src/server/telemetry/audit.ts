/**
 * The audit log: who started what, and how it ended. A process whose start cannot be logged is not started. Every
 * `start` line is followed by one `end` or `refused` line of the same run, unless the server is killed. It contains no
 * output, no input and no values of environment variables. It also has the targets of network connections.
 */
import process from 'node:process'
import { setTimeout } from 'node:timers'
import { internalError, messageOf } from '../../protocol/wire/errors.ts'
import { isJsonObject } from '../../protocol/wire/json.ts'
import type { JsonValue } from '../../protocol/wire/json.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { ServerLimits } from '../limits.ts'
import { shortName } from '../../core/base/observer.ts'
import type { Observer, Origin, Outcome, Peer, ProcessObserver, Start } from '../../core/base/observer.ts'
import { escapeInJson } from '../../base/control-chars.ts'
import { errorCode, osErrorText } from '../../base/os-error-text.ts'
import type { AuditFile } from './audit-file.ts'
import type { Log } from './log.ts'
import { version } from '../../base/version.ts'

/** Interval at which failed writes are retried while no other lines are written. */
const RETRY_MS = 1000

/** The observer of starts and requests that writes the audit log. */
export type Audit = Required<Pick<Observer, 'starting' | 'request'>> & {
  /** Writes the `end` lines of runs that are still open, then `serverStopped`. For the server's exit. */
  stop(): void
}

type Line = Readonly<Record<string, unknown>>

/** Writes the audit log to `file`; failures to write are reported in `log`. Texts are cut at `auditText` characters. */
export function createAudit(file: AuditFile, log: Log, { auditText }: Pick<ServerLimits, 'auditText'>): Audit {
  const lines = reliableLines(file, log)
  /** Runs without an `end` line, each with the function that writes it. */
  const open = new Map<number, () => void>()
  /** Errors already recorded in the `refused` line of a run. */
  const reported = new WeakSet<object>()

  const starting = ({ run, peer, processId, spec, sandboxType }: Start): ProcessObserver => {
    const known = { run, session: peer.session, process: shortName(processId) }
    try {
      lines.writeOrThrow({
        event: 'start',
        ...known,
        connection: connectionOf(peer),
        argv: cut(spec.argv, auditText),
        ...(spec.arg0 === undefined ? {} : { arg0: cut([spec.arg0], auditText)[0] }),
        cwd: cut([spec.cwd], auditText)[0],
        env: cut([...spec.env.keys()], auditText),
        tty: spec.stdin === 'terminal',
        sandbox: sandboxType,
      })
    } catch (error) {
      throw internalError(`process/start is refused: the audit log cannot be written: ${reasonOf(error)}`)
    }
    const since = performance.now()
    let pid: number | undefined
    let exit: { code: number; at: number } | undefined
    const end = (line: Line): void => {
      if (open.delete(known.run)) lines.writeEventually(line)
    }
    const ended: ProcessObserver['ended'] = ({ exitCode, outputBytes, killed }) => {
      const ms = Math.round((exit?.at ?? performance.now()) - since)
      end({
        event: 'end',
        ...known,
        pid: pid ?? null,
        exitCode: exitCode ?? exit?.code ?? null,
        ms,
        outputBytes,
        killed,
      })
    }
    open.set(known.run, () => ended({ exitCode: undefined, outputBytes: 0, killed: true }))
    return {
      started: (of) => lines.writeEventually({ event: 'started', ...known, pid: (pid = of) ?? null }),
      exited: (code) => void (exit = { code, at: performance.now() }),
      ended,
      failed: (error) => {
        if (error instanceof Error) reported.add(error)
        end({ event: 'refused', ...known, reason: cut([messageOf(error)], auditText)[0] })
      },
    }
  }

  /** Logs refused starts, signals and terminations, and attaching to the processes of other clients. */
  const request: Required<Observer>['request'] = (peer, method, params, originOf) => {
    if (method === Method.NetConnect || method === Method.NetListen) return network(peer, method, params)
    if (method !== Method.ProcessStart && !FOLLOWED.has(method)) return undefined
    const { processId, argv, graceMs, signal, run } = isJsonObject(params) ? (params as Record<string, unknown>) : {}
    const origin = typeof processId === 'string' && method !== Method.ProcessAttach ? originOf(processId) : undefined
    const own = { session: peer.session ?? null, process: typeof processId === 'string' ? shortName(processId) : null }
    const known = {
      ...(origin === undefined ? own : idsOf(origin)),
      connection: connectionOf(peer),
    }
    return (outcome) => {
      const error = 'error' in outcome ? outcome.error : undefined
      const { running } = ('result' in outcome ? outcome.result : {}) as { running?: boolean }
      const refusal = error === undefined ? {} : { reason: cut([error.message], auditText)[0] }
      if (method === Method.ProcessAttach) {
        return lines.writeBestEffort({
          event: 'attach',
          run: typeof run === 'number' ? run : null,
          ...known,
          ...refusal,
        })
      }
      if (method !== Method.ProcessStart) {
        const event = method === Method.ProcessSignal ? 'signal' : 'terminate'
        const how =
          event === 'terminate' ? { ...(typeof graceMs === 'number' ? { graceMs } : {}), running } : nameOf(signal)
        return lines.writeBestEffort({ event, ...known, ...how, ...refusal })
      }
      if (error === undefined || (error.cause instanceof Error && reported.has(error.cause))) return
      lines.writeBestEffort({
        event: 'refused',
        run: null,
        ...known,
        argv: isTexts(argv) ? cut(argv, auditText) : null,
        ...refusal,
      })
    }
  }

  /** Logs where a network connection goes to, or is accepted. */
  const network = (peer: Peer, method: string, params: JsonValue): ((outcome: Outcome) => void) => {
    const { host, port, path } = isJsonObject(params) ? (params as Record<string, unknown>) : {}
    const target = typeof path === 'string' ? path : `${typeof host === 'string' ? host : 'localhost'}:${String(port)}`
    const known = {
      event: method === Method.NetConnect ? 'connect' : 'listen',
      session: peer.session ?? null,
      connection: connectionOf(peer),
      target: shortName(target),
    }
    return (outcome) => {
      const refusal = 'error' in outcome ? { reason: cut([outcome.error.message], auditText)[0] } : {}
      lines.writeBestEffort({ ...known, ...refusal })
    }
  }

  lines.writeBestEffort({ event: 'serverStarted', pid: process.pid, version })
  return {
    starting,
    request,
    stop() {
      for (const end of [...open.values()]) end()
      lines.writeBestEffort({ event: 'serverStopped', pid: process.pid })
    },
  }
}

/** Methods logged besides `process/start`. */
const FOLLOWED: ReadonlySet<string> = new Set([Method.ProcessSignal, Method.ProcessTerminate, Method.ProcessAttach])

const idsOf = ({ run, session, processId }: Origin): Line => ({ run, session, process: shortName(processId) })

/** Omits the name of an interrupt, the only signal that Codex sends. */
const nameOf = (signal: unknown): Line =>
  typeof signal === 'string' && signal !== 'interrupt' ? { signal: shortName(signal) } : {}

function connectionOf({ connection, address, client }: Peer): Line {
  return { number: connection, peer: address, client: client ?? null }
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')

/** Truncates texts to `room` characters in total, and notes how much was cut. */
function cut(texts: readonly string[], room: number): string[] {
  const kept: string[] = []
  let left = room
  for (const text of texts) {
    if (left <= 0) return [...kept, `… (${texts.length - kept.length} more)`]
    kept.push(text.length <= left ? text : `${text.slice(0, left)}… (${text.length} characters)`)
    // Plus one, so that a million empty texts are limited as well.
    left -= text.length + 1
  }
  return kept
}

function reasonOf(error: unknown): string {
  const code = errorCode(error)
  return code === undefined ? messageOf(error) : osErrorText(code)
}

/**
 * Three levels of durability. `writeOrThrow` throws if the line cannot be written. `writeEventually` queues the line
 * and writes it before all later ones; there are two per run, so the number of runs bounds the queue.
 * `writeBestEffort` drops the line and counts it: a client can cause any number of these.
 */
function reliableLines(file: AuditFile, log: Log) {
  const waiting: string[] = []
  let lost = 0
  let isFailing = false

  const text = (line: Line): string => escapeInJson(JSON.stringify({ time: new Date().toISOString(), ...line }))

  const write = (line: string | undefined): void => {
    try {
      for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
        file.write(next)
        waiting.shift()
      }
      if (lost > 0) {
        file.write(text({ event: 'lost', lines: lost }))
        lost = 0
      }
      if (line !== undefined) file.write(line)
    } catch (error) {
      if (!isFailing) log.write('error', 'auditFailed', { reason: reasonOf(error) })
      if (!isFailing) retry()
      isFailing = true
      throw error
    }
    if (isFailing) log.write('warn', 'auditRecovered')
    isFailing = false
  }

  const tryWrite = (line?: string): boolean => {
    try {
      write(line)
      return true
    } catch {
      return false
    }
  }

  const retry = (): void => void setTimeout(() => void (isFailing && !tryWrite() && retry()), RETRY_MS).unref()

  return {
    writeOrThrow: (line: Line): void => write(text(line)),
    writeEventually: (line: Line): void => {
      const written = text(line)
      if (!tryWrite(written)) waiting.push(written)
    },
    writeBestEffort: (line: Line): void => {
      if (!tryWrite(text(line))) lost++
    },
  }
}
