/** `exec-server cp` is interrupted, or its connection is cut, at ten points each: a target is never lost or damaged. */
import { setTimeout as sleep } from 'node:timers/promises'
import { mkdirSync, mkdtempSync, lstatSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { eventually, serverCommand, startServer } from '../../../support/server.ts'
import type { RunningServer } from '../../../support/server.ts'
import { atEnd } from '../../../support/scope.ts'
import { suite } from '../../../support/suite.ts'
import { startProxy } from '../../client/support/proxy.ts'
import { pattern } from '../../client/support/with-client.ts'
import { begin } from '../call.ts'
import { listing } from './listing.ts'
import type { Direction } from './rows/row.ts'

const POINTS = Array.from({ length: 10 }, (_, index) => index)
const DIRECTIONS: readonly Direction[] = ['up', 'down', 'there']
const TEMPORARY = '.exec-server-cp-'

/** What is copied at a point: a large file over another, a new tree, or a tree over another. */
export type Case = { source: 'file' | 'tree'; target: 'old' | 'new' | 'into' }
const FILE_BYTES = 16_000_000
const TREE_FILES = 80
const TREE_FILE_BYTES = 150_000
/** How long a part of a copy may take on an overloaded machine, and how often it is looked for. */
const PART_MS = 60_000
const POLL_MS = 1

function prepare({ source, target }: Case): string {
  const folder = mkdtempSync(join(tmpdir(), 'cp-cuts-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  if (source === 'file') writeFileSync(join(folder, 'file'), pattern(FILE_BYTES))
  else {
    mkdirSync(join(folder, 'tree', 'sub'), { recursive: true })
    const bytes = pattern(TREE_FILE_BYTES + TREE_FILES)
    for (let index = 0; index < TREE_FILES; index++)
      writeFileSync(
        join(folder, 'tree', index % 2 ? 'sub' : '.', `${index}`),
        bytes.subarray(index, index + TREE_FILE_BYTES),
      )
  }
  mkdirSync(join(folder, 'to'))
  if (target === 'old') writeFileSync(join(folder, 'to', 'file'), 'before')
  if (target === 'into') {
    mkdirSync(join(folder, 'to', 'tree', 'sub'), { recursive: true })
    for (let index = 0; index < TREE_FILES; index++)
      writeFileSync(join(folder, 'to', 'tree', index % 2 ? 'sub' : '.', `${index}`), `before ${index}`)
  }
  return folder
}

const start = (url: string, folder: string, { source }: Case, direction: Direction): ReturnType<typeof begin> => {
  const from = `${direction === 'up' ? '' : ':'}${join(folder, source)}`
  const to = `${direction === 'down' ? '' : ':'}${join(folder, 'to')}`
  return begin(serverCommand(['cp', '-r', '--url', url, from, to]).flat())
}

/** Bytes of the files below a folder that are not complete, or are in their places already. */
function written(path: string): number {
  try {
    const info = lstatSync(path)
    return info.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + written(join(path, name)), 0) : info.size
  } catch {
    // It has been renamed or removed meanwhile.
    return 0
  }
}

const temporaries = (path: string): string[] =>
  readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes(TEMPORARY))

/** Waits until about so much of the whole has been written, or the copy has ended. */
async function until(point: number, folder: string, { source }: Case, isOver: () => boolean): Promise<void> {
  const whole = source === 'file' ? FILE_BYTES : TREE_FILES * TREE_FILE_BYTES
  const enough = (point / POINTS.length) * whole
  const before = point === 0 ? -1 : enough
  const deadline = Date.now() + PART_MS
  while (!isOver() && written(join(folder, 'to')) <= before) {
    if (Date.now() > deadline) throw new Error(`no ${point}0 % were written within ${PART_MS} ms`)
    await sleep(POLL_MS)
  }
}

const SIGNALS: readonly (readonly NodeJS.Signals[])[] = [['SIGINT'], ['SIGTERM'], ['SIGTERM', 'SIGTERM'], ['SIGHUP']]

/** Everything is complete or as it was; of a tree that is merged, each file. */
function checkAfter(folder: string, { source, target }: Case, isComplete: boolean, old: readonly string[]): void {
  const now = listing(join(folder, 'to'), false)
  const complete = listing(join(folder, source), false).map((line) => `/${source}${line}`)
  if (isComplete) assert.equal(now.slice(1), complete)
  else if (target === 'into') {
    const allowed = new Set([...old, ...complete])
    assert.equal(
      now.filter((line) => !allowed.has(line)),
      [],
    )
    assert.is(now.length, old.length)
  } else if (now.length !== old.length || now.some((line, index) => line !== old[index])) {
    // The signal came when everything was in its place.
    assert.equal(now.slice(1), complete)
  }
}

/** Defines and runs a suite with a test for each point. */
export function checkCuts(name: string, what: Case): void {
  const test = suite(name, { limitMs: 180_000 })
  let server: RunningServer
  test.before(async () => {
    server = await startServer()
  })
  for (const point of POINTS) {
    const direction = DIRECTIONS[point % DIRECTIONS.length] as Direction
    const signals = SIGNALS[point % SIGNALS.length] as readonly NodeJS.Signals[]
    test(`a ${what.source} (${what.target}, ${direction}) is interrupted at ${point}0 % by ${signals.join(', ')}`, async () => {
      const folder = prepare(what)
      const sources = listing(join(folder, what.source), false)
      const old = listing(join(folder, 'to'), false)
      const { child, ended } = start(server.url, folder, what, direction)
      let isOver = false
      void ended.then(() => (isOver = true))
      await until(point, folder, what, () => isOver)
      for (const signal of signals) child.kill(signal)
      const { code, stderr } = await ended
      assert.is(stderr, '')
      await eventually(() => temporaries(join(folder, 'to')).length === 0, 30_000, 'the end of what is incomplete')
      const first = signals[0] as NodeJS.Signals
      assert.ok(code === 0 || code === 128 + constants.signals[first], `${code}`)
      checkAfter(folder, what, code === 0, old)
      assert.equal(listing(join(folder, what.source), false), sources)
    })
  }

  for (const point of POINTS) {
    const direction = DIRECTIONS[point % DIRECTIONS.length] as Direction
    test(`a ${what.source} (${what.target}, ${direction}) goes on after a cut at ${point}0 %`, async () => {
      const folder = prepare(what)
      const proxy = await startProxy(server.url)
      const { ended } = start(proxy.url, folder, what, direction)
      let isOver = false
      void ended.then(() => (isOver = true))
      await eventually(() => isOver || proxy.asked > 0, 60_000, 'a connection')
      await until(Math.max(1, point), folder, what, () => isOver)
      proxy.cut(point % 3)
      const { code, stderr } = await ended
      assert.is(code, 0, stderr)
      assert.match(stderr, /^(exec-server: (connection lost, reconnecting[^\n]*|reconnected)\n)*$/)
      checkAfter(folder, what, true, [])
      proxy.close()
    })
  }

  test.run()
}
