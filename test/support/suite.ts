/**
 * uvu's suites with additions: a timeout per test, fixtures that are disposed with the test (scope.ts), hooks whose
 * failure fails the tests (uvu ignores it), tests of the full tier only, and a report to the runner.
 */
import process from 'node:process'
import * as uvu from 'uvu'
import { report } from './report.ts'
import { endScope, enterScope, Scope } from './scope.ts'
import { setLoadTimeout } from './time/load-timeout.ts'

/** The body of a test or hook. */
export type Body = () => unknown

type Hook = {
  (body: Body): void
  each(body: Body): void
}

type Define = (title: string, body: Body) => void

/** Defines tests and hooks. Call run() after the last definition. */
export type Suite = Define & {
  only: Define
  skip(title: string, body?: Body): void
  /** Defines a test that runs only in the full tier: `npm run test:full`. */
  full: Define
  before: Hook
  after: Hook
  run(): void
}

/** Default timeout of one test, longer on an overloaded machine. Well below the runner's timeout for a whole file. */
const TEST_LIMIT_MS = 60_000

/** Set by the runner; without it all tests run. */
const tier = process.env['EXEC_SERVER_TEST_TIER'] ?? 'full'

class Skipped extends Error {}

/** Skips the running test, for requirements that can only be checked at run time. */
export function skip(reason: string): never {
  throw new Skipped(reason)
}

type Hooks = {
  before: Body[]
  after: Body[]
  beforeEach: Body[]
  afterEach: Body[]
  scope: Scope
  failure: Error | undefined
}

const noHooks = (): Hooks => ({
  before: [],
  after: [],
  beforeEach: [],
  afterEach: [],
  scope: new Scope(),
  failure: undefined,
})

/** Suites with tests whose run() was never called. uvu does not report them. */
const unrun = new Map<object, string>()

process.once('exit', () => {
  for (const name of unrun.values()) {
    console.error(`the tests of ${name || 'the file'} are never run: run() is missing`)
    report({ type: 'fail', suite: name, title: 'run() is missing', ms: 0 })
    process.exitCode ||= 1
  }
})

/** Creates a suite. `limitMs` is the timeout of each test and hook. */
export function suite(name = '', { limitMs = TEST_LIMIT_MS }: { limitMs?: number } = {}): Suite {
  const inner = uvu.suite(name)
  let hooks = noHooks()

  const wrap = (title: string, body: Body): (() => Promise<void>) => {
    const mine = hooks
    unrun.set(inner, name)
    return async () => {
      report({ type: 'start', suite: name, title })
      const since = performance.now()
      const error = await runTest(mine, title, body, limitMs)
      const ms = Math.round(performance.now() - since)
      if (error instanceof Skipped) {
        console.log(`(not shown here, ${error.message}: ${title})`)
        return report({ type: 'skip', suite: name, title })
      }
      report({ type: error === undefined ? 'pass' : 'fail', suite: name, title, ms })
      if (error !== undefined) throw error
    }
  }

  const define = (title: string, body: Body): void => inner(title, wrap(title, body))
  const skipTest = (title: string): void => {
    report({ type: 'skip', suite: name, title })
    inner.skip(title)
  }
  const hook = (list: 'before' | 'after', each: 'beforeEach' | 'afterEach'): Hook =>
    Object.assign((body: Body) => void hooks[list].push(body), { each: (body: Body) => void hooks[each].push(body) })

  return Object.assign(define, {
    only: (title: string, body: Body) => inner.only(title, wrap(title, body)),
    skip: skipTest,
    full: (title: string, body: Body) => {
      if (tier === 'full') define(title, body)
      else report({ type: 'full', suite: name, title })
    },
    before: hook('before', 'beforeEach'),
    after: hook('after', 'afterEach'),
    run: () => {
      const mine = hooks
      hooks = noHooks()
      unrun.delete(inner)
      inner.before(() => beginSuite(mine, limitMs))
      inner.after(() => endSuite(mine, name, limitMs))
      inner.run()
    },
  })
}

/** The unnamed suite of a file. */
export const test = suite()

async function beginSuite(hooks: Hooks, limitMs: number): Promise<void> {
  const leave = enterScope(hooks.scope)
  for (const body of hooks.before) hooks.failure ??= await failureOf('a before hook', limitMs, body)
  leave()
}

async function endSuite(hooks: Hooks, name: string, limitMs: number): Promise<void> {
  const failures = []
  for (const body of hooks.after) failures.push(await failureOf('an after hook', limitMs, body))
  failures.push(await failureOf('the end of the suite’s fixtures', limitMs, () => endScope(hooks.scope)))
  for (const failure of failures) {
    if (failure === undefined) continue
    console.error(`after the tests of ${name}: ${failure.stack}`)
    report({ type: 'fail', suite: name, title: 'after the tests', ms: 0 })
    // uvu sets the exit code at the end and ignores failures in `after` hooks.
    process.once('exit', () => void (process.exitCode ||= 1))
  }
}

async function runTest(hooks: Hooks, title: string, body: Body, limitMs: number): Promise<Error | undefined> {
  if (hooks.failure !== undefined) return hooks.failure
  const scope = new Scope()
  const leave = enterScope(scope)
  const failures = [
    await failureOf(title, limitMs, async () => {
      for (const before of hooks.beforeEach) await before()
      await body()
    }),
  ]
  for (const after of hooks.afterEach) failures.push(await failureOf('an after hook', limitMs, after))
  leave()
  failures.push(await failureOf('the end of its fixtures', limitMs, () => endScope(scope)))
  const [first, ...others] = failures.filter((failure) => failure !== undefined)
  for (const other of others) console.error(`after "${title}": ${other.stack}`)
  return first
}

/** The error of `body`, a timeout included. A body that times out is abandoned, not cancelled. */
async function failureOf(what: string, limitMs: number, body: Body): Promise<Error | undefined> {
  let cancel = (): void => {}
  const late = new Promise<never>((_, reject) => {
    cancel = setLoadTimeout(() => reject(new Error(`${what} did not settle within ${limitMs / 1000} s`)), limitMs)
  })
  try {
    await Promise.race([(async () => body())(), late])
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(`${what} failed with ${String(error)}`)
  } finally {
    cancel()
  }
}
