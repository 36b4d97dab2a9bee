import process from 'node:process'
import { nameProcess, restoreArguments, restoreVariables } from './base/own-process.ts'
import { runCommand } from './cli/commands.ts'
import { COPY_MODE } from './host/copy/copy-mode.ts'
import { ARGV0_MODE } from './host/process/argv0-mode.ts'
import { FS_HELPER, isHelperCall } from './host/sandbox/helper-mode.ts'

restoreVariables()
restoreArguments()
const args = process.argv.slice(2)
if (args[0] === ARGV0_MODE)
  void import('./host/process/argv0.ts').then(({ becomeProgram }) => becomeProgram(args.slice(1)))
else if (args[0] === COPY_MODE) {
  nameProcess()
  void import('./host/copy/agent/agent.ts').then(({ runCopyAgent }) => runCopyAgent())
} else {
  nameProcess()
  void runCommand(isHelperCall(process.argv0, args) ? [FS_HELPER] : args)
}
