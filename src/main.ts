import process from 'node:process'
import { clientCommand } from './cli/command-names.ts'
import { ARGV0_MODE } from './host/process/argv0-mode.ts'
import { isHelperCall } from './host/sandbox/helper-mode.ts'
import { run } from './cli/serve/run.ts'

const args = process.argv.slice(2)
const command = clientCommand(args)
if (args[0] === ARGV0_MODE)
  void import('./host/process/argv0.ts').then(({ becomeProgram }) => becomeProgram(args.slice(1)))
else if (isHelperCall(process.argv0, args))
  void import('./host/sandbox/fs-helper.ts').then(async ({ serveFileRequests }) =>
    process.exit(await serveFileRequests()),
  )
else if (command !== undefined)
  void import('./cli/commands.ts').then(({ runClientCommand }) => runClientCommand(...command))
else void run(args)
