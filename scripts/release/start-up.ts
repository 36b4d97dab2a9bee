/** How long the executables take to start, where this machine runs them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { emulatedNode } from '../build/emulator.ts'
import { runsHere } from '../build/targets.ts'
import type { Target } from '../build/targets.ts'

const RUNS = 5

/** From the start of the process to its URL, the median of five, in milliseconds. */
export type StartUp = { milliseconds: number; isEmulated: boolean }

/** Undefined: it does not run here. With musl its C library would have to be installed. `root`: the checkout. */
export async function measureStartUp(target: Target, executable: string, root: string): Promise<StartUp | undefined> {
  if (target.isMusl) return undefined
  const command = runsHere(target) ? [executable] : emulatedNode(target, executable, root)
  if (command === undefined) return undefined
  const times: number[] = []
  for (let run = 0; run < RUNS; run++) times.push(await startOnce(command))
  const milliseconds = times.sort((a, b) => a - b)[(RUNS - 1) / 2] as number
  return { milliseconds, isEmulated: !runsHere(target) }
}

/** @throws Error if it ends without a URL */
async function startOnce([program, ...args]: readonly string[]): Promise<number> {
  const before = performance.now()
  const child = spawn(program as string, [...args, '--listen', 'ws://127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const first = await Promise.race([once(lines, 'line'), ended])
  const milliseconds = performance.now() - before
  if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${program} ended with ${first.join(' ')}`)
  child.kill('SIGTERM')
  await ended
  return milliseconds
}
