/** The processes of one run, whoever started them: all have its mark in their environment. */
import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { eventually } from '../support/server.ts'

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** A child that is not to outlive this process. */
export function killAtExit<C extends ChildProcess>(child: C): C {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

const VARIABLE = 'EXEC_SERVER_CODEX_TEST'

export const markFor = (run: string): Record<string, string> => ({ [VARIABLE]: run })

/** Waits for the last of them to end; throws if some do not, and kills them. */
export async function assertNobodyLeft(run: string, ms = 3000): Promise<void> {
  await eventually(() => processesOf(run).length === 0, ms).catch(() => {
    const killed = killProcesses(run)
    if (killed.length > 0) throw new Error(`left running: ${killed.join(', ')}`)
  })
}

/** Kills those whose command line contains `part`. Returns their ids and command lines. */
export function killProcesses(run: string, part = ''): string[] {
  return processesOf(run).flatMap((pid) => {
    const command = readQuietly(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
    if (!command.includes(part)) return []
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
    return `${pid} ${command.trim()}`
  })
}

function processesOf(run: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids
    .filter((pid) => readQuietly(`/proc/${pid}/environ`).split('\0').includes(`${VARIABLE}=${run}`))
    .map(Number)
}

/** Empty for a process that has ended meanwhile or is another user's. */
function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
