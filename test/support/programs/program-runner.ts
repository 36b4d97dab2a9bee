/** Runs many command lines of the program, for tests of what it does and writes, and not of its process. */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import type { Readable } from 'node:stream'
import { endWithTest } from '../child.ts'
import { END_MARK } from './program-loop.ts'
import { isDeno, serverCommand } from '../server.ts'
import { sourceEnv } from './source-env.ts'

/** The exit code and the outputs, in which each character is a byte. */
export type ProgramResult = { code: number; stdout: string; stderr: string }

/** Runs the program with an empty stdin. It must end by itself. */
export type ProgramRunner = (args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<ProgramResult>

/**
 * In the full tier each call starts a process. In the quick tier one process from source, which ends with the calling
 * scope, serves all calls in order: most processor time would go to process starts. So it is in every tier if `isShared`.
 */
export function programRunner(isShared = process.env['EXEC_SERVER_TEST_TIER'] === 'quick'): ProgramRunner {
  if (!isShared || isDeno) return runProcess
  const child = fork(join(import.meta.dirname, 'program-loop.ts'), {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: sourceEnv(),
  })
  endWithTest(child, 'SIGKILL')
  const failed = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`the process of the programs ended with ${signal ?? code}`)))
  })
  failed.catch(() => {})
  const outputs = [child.stdout, child.stderr].map((stream) => untilMark(stream as Readable))
  const run: ProgramRunner = async (args, env = process.env) => {
    const pending = Promise.all([once(child, 'message'), ...outputs.map((next) => next())])
    child.send({ args, env })
    const [[code], stdout, stderr] = (await Promise.race([pending, failed])) as [[number], string, string]
    return { code, stdout, stderr }
  }
  let last: Promise<unknown> = Promise.resolve()
  return (args, env) => {
    const result = last.then(() => run(args, env))
    last = result.catch(() => {})
    return result
  }
}

const runProcess: ProgramRunner = async (args, env = process.env) => {
  const [command, commandArgs] = serverCommand(args)
  const child = endWithTest(spawn(command, commandArgs, { env, stdio: ['ignore', 'pipe', 'pipe'] }))
  const outputs = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('latin1').on('data', (text: string) => (outputs[name] += text))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (code === null) throw new Error(`${args.join(' ')} was ended by ${signal}`)
  return { code, ...outputs }
}

/** Each call resolves with the text up to the next mark. */
function untilMark(stream: Readable): () => Promise<string> {
  let text = ''
  let wake = (): void => {}
  stream.setEncoding('latin1').on('data', (piece: string) => {
    text += piece
    wake()
  })
  return async () => {
    while (!text.includes(END_MARK)) await new Promise<void>((resolve) => (wake = resolve))
    const end = text.indexOf(END_MARK)
    const before = text.slice(0, end)
    text = text.slice(end + END_MARK.length)
    return before
  }
}
