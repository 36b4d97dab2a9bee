import process from 'node:process'
import { ARGV0_MODE } from './host/argv0-mode.ts'
import { run } from './server/run.ts'

const args = process.argv.slice(2)
if (args[0] === ARGV0_MODE) void import('./host/argv0.ts').then(({ becomeProgram }) => becomeProgram(args.slice(1)))
else void run(args)
