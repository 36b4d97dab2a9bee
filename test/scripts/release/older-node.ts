/** A Node of this machine that is older than the one of the checkout. */
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import process from 'node:process'

/** Its path. Undefined: there is none, of version 20 or newer. */
export function olderNode(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':').filter((folder) => !folder.includes('node_modules'))
  for (const folder of [...folders, '/usr/bin', '/usr/local/bin']) {
    const node = `${folder}/node`
    const { status, stdout } = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
    const major = status === 0 ? Number(stdout.split('.')[0]) : 0
    if (major >= 20 && major < Number(process.versions.node.split('.')[0])) return node
  }
  return undefined
}

/** A PATH on which this Node comes first, and its npm. */
export const pathOf = (node: string): string => `${dirname(node)}:/usr/local/bin:/usr/bin:/bin`
