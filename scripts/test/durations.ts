/** How long each test file took the last time here: the longest are started first. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Outcome } from './job.ts'

const root = dirname(dirname(import.meta.dirname))
const lastRun = join(root, 'node_modules', '.cache', 'exec-server-test-durations.json')
/** For the first run of a checkout: the slow files as they were once, in seconds. */
const committed = join(import.meta.dirname, 'durations.json')

export function readDurations(): Map<string, number> {
  return new Map([committed, lastRun].flatMap((file) => Object.entries(readTable(file))))
}

export function saveDurations(outcomes: readonly Outcome[]): void {
  const rounded = outcomes.map(({ file, seconds }) => [file, Math.round(seconds * 10) / 10] as const)
  mkdirSync(dirname(lastRun), { recursive: true })
  writeFileSync(lastRun, JSON.stringify({ ...readTable(lastRun), ...Object.fromEntries(rounded) }))
}

function readTable(file: string): Record<string, number> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>
  } catch {
    return {}
  }
}
