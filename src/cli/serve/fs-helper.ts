/** `exec-server fs-helper`: answers file calls on stdin. */
import process from 'node:process'
import { serveFileRequests } from '../../host/sandbox/fs-helper.ts'
import { UsageError } from '../../base/usage-error.ts'
import { reportingUsage } from './reporting-usage.ts'

/** Answers until stdin ends, then exits: 1 after a malformed request, else 0. */
export function fsHelper(args: readonly string[]): Promise<void> {
  return reportingUsage(async () => {
    if (args.length === 1 && ['--help', '-h'].includes(args[0] as string)) return printHelp()
    if (args.length > 0) throw new UsageError('fs-helper takes no arguments', 2)
    return process.exit(await serveFileRequests())
  }, 'fs-helper')
}

/** A sandbox starts the helper for each file call: what only a person needs is loaded on demand. */
async function printHelp(): Promise<void> {
  const { fsHelperManual } = await import('./manuals.ts')
  ;(await import('./stdout.ts')).writeStdout(fsHelperManual.help)
}
