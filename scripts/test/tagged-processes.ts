/** The processes that a test file has started, however deep: they carry its tag in their environment. */
import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'

export const TAG = 'EXEC_SERVER_TEST_TAG'

/** What the tags of this runner begin with. It may itself be what a test has started: then it is found by that test's tag, too. */
export const TAG_PREFIX = `${process.env[TAG] ?? ''}${process.pid}-`

/** What is left after this gets SIGKILL. Servers end their commands meanwhile. */
const TERM_MS = 3000
const POLL_MS = 50

export type TaggedProcess = { pid: number; command: string }

/** `tag`: the tag, or its beginning. Empty where there is no /proc. Zombies do not count. */
export function taggedProcesses(tag: string): TaggedProcess[] {
  const needle = Buffer.from(`${TAG}=${tag}`)
  const found: TaggedProcess[] = []
  for (const name of pids()) {
    try {
      if (!readFileSync(`/proc/${name}/environ`).includes(needle)) continue
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      if (command !== '') found.push({ pid: Number(name), command })
    } catch {
      // It has ended, or is another user's.
    }
  }
  return found
}

/** Waits for the tagged processes to end by themselves; returns those that have not. */
export async function lingering(tag: string, waitMs: number): Promise<TaggedProcess[]> {
  const deadline = performance.now() + waitMs
  let found = taggedProcesses(tag)
  while (found.length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    found = taggedProcesses(tag)
  }
  return found
}

/** SIGTERM, then SIGKILL, for all that carry the tag. */
export async function killTagged(tag: string): Promise<void> {
  const found = taggedProcesses(tag)
  if (found.length === 0) return
  signalAll(found, 'SIGTERM')
  await lingering(tag, TERM_MS)
  for (let round = 0; round < 20; round++) {
    const left = taggedProcesses(tag)
    if (left.length === 0) return
    signalAll(left, 'SIGKILL')
    await lingering(tag, POLL_MS)
  }
}

function signalAll(processes: readonly TaggedProcess[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, 'SIGCONT')
      process.kill(pid, signal)
    } catch {
      // It has ended.
    }
  }
}

function pids(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}
