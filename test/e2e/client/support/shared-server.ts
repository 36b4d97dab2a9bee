/** One server for all tests of a suite that do not need one of their own: to start one takes longer than most tests. */
import type { Suite } from '../../../support/suite.ts'
import type { RunningSubject, Subject } from './subject.ts'

/** The same subject, whose servers without arguments are one, which ends with the suite. Those with arguments are new. */
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
