/**
 * Makes the artefacts of a release in dist/release: for each platform an archive, `SHA256SUMS`, the list of components
 * (SBOM) and install.sh. `--target NAME` (repeatable) and `--format tar.gz` make only some; `--output DIR` puts them
 * elsewhere. What DIR holds is deleted.
 */
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildArchives } from './build/archive.ts'
import { componentList } from './build/component-list.ts'
import { findTarget, TARGETS } from './build/targets.ts'

const root = dirname(import.meta.dirname)
const { values: options } = parseArgs({
  options: {
    output: { type: 'string' },
    target: { type: 'string', multiple: true },
    format: { type: 'string', multiple: true },
  },
})
const output = resolve(options.output ?? join(root, 'dist', 'release'))
const targets = options.target?.map((name) => findTarget(name)) ?? TARGETS
const formats = options.format ?? ['tar.xz', 'tar.gz']

rmSync(output, { recursive: true, force: true })
mkdirSync(output, { recursive: true })
const packages = new Set<string>()
for (const target of targets) {
  const archives = formats.map((format) => join(output, `exec-server-${target.name}.${format}`))
  for (const name of (await buildArchives(target, archives, root)).packages) packages.add(name)
  for (const path of archives) console.log(`${path} (${(statSync(path).size / 1e6).toFixed(1)} MB)`)
}
writeFileSync(join(output, 'sbom.cdx.json'), componentList(root, [...packages]))
copyFileSync(join(import.meta.dirname, 'install.sh'), join(output, 'install.sh'))

const sums = readdirSync(output)
  .sort()
  .map(
    (name) =>
      `${createHash('sha256')
        .update(readFileSync(join(output, name)))
        .digest('hex')}  ${name}\n`,
  )
writeFileSync(join(output, 'SHA256SUMS'), sums.join(''))
console.log(join(output, 'SHA256SUMS'))
