/**
 * A pool of fs helpers. Starting one costs fifty times as much as a call, so an idle helper is kept for a while and
 * serves the next call with an identical sandbox: the same mounts of the same files. All end with the server, which
 * closes their stdin and their sandbox.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { clearTimeout, setTimeout } from 'node:timers'
import type { Limits } from '../../core/base/limits.ts'
import type { HostLimits } from '../limits.ts'
import { internalError } from '../../protocol/wire/errors.ts'
import type { SandboxedCommand } from '../process/sandboxed-command.ts'
import { lineReader } from '../../base/line-reader.ts'
import { withProcessTag } from '../process-tree/process-tag.ts'
import { HELPER_STDERR_CHARACTERS } from '../limits.ts'

/** The limits that a pool applies. */
export type PoolLimits = HostLimits & Pick<Limits, 'messageBytes'>

/** A pool of at most `helperCount` helpers. */
export type HelperPool = {
  /**
   * Runs `use` with a helper of the sandbox that `getKey` returns; without a key with a new helper that is not kept. `start`
   * builds the command of a new one. Waits while `helperCount` helpers are busy, and calls both only then: they may open
   * files, and many calls may be waiting.
   */
  withHelper<T>(
    getKey: () => string | undefined,
    start: () => SandboxedCommand,
    use: (helper: Helper) => Promise<T>,
  ): Promise<T>
}

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

type Kept = Helper & {
  key: string | undefined
  end(): void
  cancelEnd: () => void
  isDead: () => boolean
}

/** Creates a pool. Idle helpers are killed after `helperIdleMs`; responses are limited to `messageBytes`. */
export function helperPool({ helperCount, helperIdleMs, messageBytes }: PoolLimits): HelperPool {
  /** Least recently used first. */
  const idle: Kept[] = []
  const waiting: (() => void)[] = []
  let busy = 0

  const take = (key: string | undefined, start: () => SandboxedCommand): Kept => {
    const index = key === undefined ? -1 : idle.findLastIndex((helper) => helper.key === key)
    const [warm] = index < 0 ? [] : idle.splice(index, 1)
    warm?.cancelEnd()
    if (warm !== undefined && !warm.isDead()) return warm
    if (idle.length + busy >= helperCount) idle.shift()?.end()
    return startHelper(key, start(), messageBytes)
  }

  const release = (helper: Kept): void => {
    if (helper.isDead()) return
    if (helper.key === undefined) return helper.end()
    const timer = setTimeout(() => {
      const index = idle.indexOf(helper)
      if (index >= 0) idle.splice(index, 1)
      helper.end()
    }, helperIdleMs)
    timer.unref()
    helper.cancelEnd = () => clearTimeout(timer)
    idle.push(helper)
  }

  return {
    async withHelper(getKey, start, use) {
      while (busy >= helperCount) await new Promise<void>((resolve) => waiting.push(resolve))
      busy++
      let helper: Kept | undefined
      try {
        helper = take(getKey(), start)
        return await use(helper)
      } finally {
        busy--
        if (helper !== undefined) release(helper)
        waiting.shift()?.()
      }
    },
  }
}

function startHelper(key: string | undefined, command: SandboxedCommand, messageBytes: number): Kept {
  let child: ChildProcess
  try {
    const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', ...command.descriptors]
    // Tagged, so that it is killed with this server.
    child = withProcessTag(() => spawn(command.file, command.args, { cwd: '/', env: {}, stdio }))
  } catch (error) {
    command.ended?.()
    throw error
  } finally {
    command.close()
  }
  let pending: { resolve: (answer: string) => void; reject: (error: Error) => void } | undefined
  let stderr = ''
  let isDead = false
  const die = (why: string): void => {
    isDead = true
    command.ended?.()
    pending?.reject(internalError(why))
    pending = undefined
    child.kill('SIGKILL')
  }
  const lines = lineReader(
    messageBytes,
    (line) => {
      pending?.resolve(Buffer.from(line.buffer, line.byteOffset, line.length).toString())
      pending = undefined
    },
    () => die('the answer of the fs sandbox helper is too long'),
  )
  child.stdout?.on('data', (bytes: Buffer) => lines.push(bytes))
  child.stderr?.on('data', (bytes: Buffer) => {
    if (stderr.length < HELPER_STDERR_CHARACTERS) stderr += bytes.toString()
  })
  // EPIPE: the helper has just exited.
  child.stdin?.on('error', () => {})
  child.on('error', (error) => die(`fs sandbox helper failed to start: ${error.message}`))
  child.on('close', (code, signal) => {
    die(
      `fs sandbox helper failed with status ${signal === null ? `exit status: ${code}` : `signal: ${signal}`}: ${stderr.trim().slice(0, HELPER_STDERR_CHARACTERS)}`,
    )
  })
  return {
    key,
    pid: child.pid ?? 0,
    cancelEnd: () => {},
    isDead: () => isDead,
    end: () => {
      isDead = true
      child.kill('SIGKILL')
    },
    ask: (line) =>
      new Promise((resolve, reject) => {
        if (isDead) throw internalError('the fs sandbox helper has ended')
        pending = { resolve, reject }
        child.stdin?.write(`${line}\n`)
      }),
  }
}
