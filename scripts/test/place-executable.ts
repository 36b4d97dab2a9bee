/** Puts the executable that `npm test` has built, or builds now, where `npm run build` puts it: dist/exec-server. */
import { copyFileSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { testExecutable } from './executable.ts'

const root = dirname(dirname(import.meta.dirname))
const executable = await testExecutable(root, { fromSource: false })
if (executable === undefined) throw new Error('the executable is built with Node')
const dist = join(root, 'dist')
mkdirSync(dist, { recursive: true })
// One that still runs cannot be written to.
const partial = join(dist, `exec-server.partial-${process.pid}`)
copyFileSync(executable, partial)
renameSync(partial, join(dist, 'exec-server'))
