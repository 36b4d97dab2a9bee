import process from 'node:process'
import { ARGV0_MODE, becomeProgram } from './host/argv0.ts'
import { run } from './server/run.ts'

const args = process.argv.slice(2)
if (args[0] === ARGV0_MODE) becomeProgram(args.slice(1))
else void run(args)
