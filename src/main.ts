import process from 'node:process'
import { nameProcess, restoreVariables } from './base/own-process.ts'
import { runCommand } from './cli/commands.ts'
import { ARGV0_MODE } from './host/process/argv0-mode.ts'
import { FS_HELPER, isHelperCall } from './host/sandbox/helper-mode.ts'

restoreVariables()
const args = process.argv.slice(2)
if (args[0] === ARGV0_MODE)
  void import('./host/process/argv0.ts').then(({ becomeProgram }) => becomeProgram(args.slice(1)))
else {
  nameProcess()
  void runCommand(isHelperCall(process.argv0, args) ? [FS_HELPER] : args)
}
