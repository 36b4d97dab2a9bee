/** Counts and prints what was checked. */
import process from 'node:process'

export type Checks = {
  check(what: string, isSo: boolean, seen: string): void
  /** Something ended too early. */
  fail(error: unknown): void
  /** Prints the counts, and exits. */
  finish(): never
}

export function createChecks(): Checks {
  let passed = 0
  let failed = 0
  return {
    check: (what, isSo, seen) => {
      if (isSo) passed++
      else failed++
      console.log(`${isSo ? 'ok      ' : 'FAILED  '}${what}${isSo ? '' : `\n        ${seen.slice(0, 300)}`}`)
    },
    fail: (error) => {
      failed++
      console.log(`FAILED  ${error instanceof Error ? error.stack : String(error)}`)
    },
    finish: () => {
      console.log(`${passed} passed, ${failed} failed`)
      process.exit(failed === 0 ? 0 : 1)
    },
  }
}
