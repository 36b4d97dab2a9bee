/** One fs helper process: starts it in its sandbox, and exchanges one request and response line at a time with it. */
import { internalError } from '../../protocol/wire/errors.ts'
import type { SandboxedCommand } from '../process/sandboxed-command.ts'
import { lineReader } from '../../base/line-reader.ts'
import { withProcessTag } from '../process-tree/process-tag.ts'
import { describeExit, startProcess, untilClosed } from '../process-tree/start-process.ts'
import type { StartedProcess } from '../process-tree/start-process.ts'
import { HELPER_STDERR_CHARACTERS } from '../limits.ts'
import { activityOf } from './helper-activity.ts'
import type { Activity } from './helper-activity.ts'
import { SandboxSetupError } from './mount-verification.ts'

/** One running helper, which serves one request at a time. */
export type Helper = {
  /**
   * Sends one request line and resolves with the response line.
   * @throws RpcError (internal) if the helper has exited
   */
  ask(line: string): Promise<string>
  /** The pid of the sandbox process, of which the helper is a grandchild. */
  pid: number
}

/** A request to a helper. `atMost`, `handOver`: see fs-helper.ts. */
export type HelperRequest = { operation: string; params: object; atMost?: number; handOver?: true }

/** Sends a request to a helper and returns the `response` member. Rethrows an error response as RpcError. */
export type Ask = <T>(request: HelperRequest) => Promise<T>

/** Runs `use` with a helper, in its turn. */
export type WithAsk = <T>(use: (ask: Ask, sandboxPid: number) => Promise<T>) => Promise<T>

/** A helper as its pool sees it. */
export type HelperProcess = Helper & {
  /** Whether it has been killed or has exited. A process that hangs in the kernel may outlive its kill. */
  readonly isDead: boolean
  /** Resolves when its sandbox is confirmed. If it rejects, the helper has been killed. */
  readonly confirmed: Promise<void>
  /** Resolves when it has answered for the first time, or is dead. */
  readonly answered: Promise<void>
  /** Settles when the process and everything in its sandbox has exited. */
  readonly exited: Promise<void>
  /** What it has done so far. Undefined where that cannot be known. */
  activity(): Activity | undefined
  /** Kills it. A pending request fails with `why`. */
  kill(why: string): void
}

/** Starts a helper. Its responses are limited to `messageBytes`. */
export function startHelper(command: SandboxedCommand, messageBytes: number): HelperProcess {
  const child = startChild(command)
  let pending: { resolve: (answer: string) => void; reject: (error: Error) => void } | undefined
  const { promise: answered, resolve: hasAnswered } = Promise.withResolvers<void>()
  let [stderr, bytes, isDead, reason] = ['', 0, false, '']
  const die = (why: string): void => {
    if (!isDead) command.ended?.()
    isDead = true
    reason ||= why
    hasAnswered()
    pending?.reject(internalError(why))
    pending = undefined
    child.kill()
  }
  const lines = lineReader(
    messageBytes,
    (line) => {
      hasAnswered()
      pending?.resolve(Buffer.from(line.buffer, line.byteOffset, line.length).toString())
      pending = undefined
    },
    () => die('the answer of the fs sandbox helper is too long'),
  )
  child.stdout?.on('data', (piece: Buffer) => {
    bytes += piece.length
    lines.push(piece)
  })
  child.stderr?.on('data', (piece: Buffer) => {
    if (stderr.length < HELPER_STDERR_CHARACTERS) stderr += piece.toString()
  })
  // EPIPE: the helper has just exited.
  child.stdin?.on('error', () => {})
  child.started.catch((error: Error) => die(`fs sandbox helper failed to start: ${error.message}`))
  const closed = untilClosed(child).then((exit) =>
    die(
      `fs sandbox helper failed with status ${describeExit(exit)}: ${stderr.trim().slice(0, HELPER_STDERR_CHARACTERS)}`,
    ),
  )
  const pid = child.pid ?? 0
  const confirm = async (): Promise<void> => {
    try {
      if (child.pid !== undefined) await command.confirm?.(child.pid, () => isDead)
    } catch (error) {
      // The message of a bubblewrap that failed by itself.
      const why = error instanceof SandboxSetupError && isDead ? new SandboxSetupError(reason) : error
      die('the sandbox of the fs helper was not confirmed')
      throw why
    } finally {
      command.close()
    }
  }
  return {
    pid,
    confirmed: confirm(),
    answered,
    // Not at its exit: that is the sandbox process, whose streams are open as long as the helper in it lives.
    exited: child.started.then(
      () => closed,
      () => {},
    ),
    get isDead() {
      return isDead
    },
    activity: () => activityOf(pid, bytes),
    kill: die,
    ask: (line) =>
      new Promise((resolve, reject) => {
        if (isDead) throw internalError(child.pid === undefined ? reason : 'the fs sandbox helper has ended')
        pending = { resolve, reject }
        child.stdin?.write(`${line}\n`)
      }),
  }
}

function startChild({ file, args, descriptors }: SandboxedCommand): StartedProcess {
  const stdio = ['pipe', 'pipe', 'pipe', ...descriptors] as const
  // Tagged, so that it is killed with this server.
  return withProcessTag(() => startProcess({ file, args, cwd: '/', env: new Map(), stdio, detached: false }))
}
