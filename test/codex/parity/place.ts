/** The folder of this run, and what is put into it. It is gone at the end, with all processes that belong to it. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { copyTree } from '../copied.ts'
import { installedCodex } from '../install.ts'
import { killProcesses } from '../processes.ts'

// Not in the temporary folder, where Codex refuses to have its home.
export const base = mkdtempSync('/var/tmp/exec-server-parity-')
process.on('exit', () => {
  killProcesses(base)
  rmSync(base, { recursive: true, force: true, maxRetries: 5 })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** A copy that is found also by servers that have a /tmp of their own; on the same disk, of hard links. */
export function visible(path: string, name: string): string {
  const copy = join(base, 'bin', name)
  mkdirSync(dirname(copy), { recursive: true })
  return copyTree(path, copy)
}

/** With the folders beside it, where it has programs of its own. */
export function visibleCodex(version: string): string {
  const codex = installedCodex(version)
  const vendor = dirname(dirname(codex))
  return join(visible(vendor, version), codex.slice(vendor.length + 1))
}
