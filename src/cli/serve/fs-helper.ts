/** `exec-server fs-helper`: answers file calls on stdin. */
import process from 'node:process'
import { serveFileRequests } from '../../host/sandbox/fs-helper.ts'
import { UsageError } from '../../base/usage-error.ts'
import { reportingUsage } from './reporting-usage.ts'

/** Answers until stdin ends, then exits: 1 after a malformed request, else 0. */
export function fsHelper(args: readonly string[]): Promise<void> {
  return reportingUsage(async () => {
    if (args.length > 0) throw new UsageError('error: fs-helper takes no arguments', 2)
    process.exit(await serveFileRequests())
  })
}
