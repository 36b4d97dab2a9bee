/** One server for all tests of a suite that do not need their own: starting one takes longer than most tests. */
import type { Suite } from '../../../support/suite.ts'
import type { RunningSubject, Subject } from './subject.ts'

/** A subject whose `serve` without arguments returns one shared server, stopped after the suite. */
export function sharing(test: Suite, subject: Subject): Subject {
  let shared: RunningSubject | undefined
  test.before(async () => {
    shared = await subject.serve()
  })
  return {
    ...subject,
    serve: async (args = []) => {
      if (args.length > 0 || shared === undefined) return subject.serve(args)
      return { ...shared, stop: async () => {} }
    },
  }
}
