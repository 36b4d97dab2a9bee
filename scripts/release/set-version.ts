/** `npm version` runs this after it has changed package.json: src/base/version.ts follows. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withVersion } from './version.ts'

const root = join(import.meta.dirname, '..', '..')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
const file = join(root, 'src', 'base', 'version.ts')
writeFileSync(file, withVersion(readFileSync(file, 'utf8'), version))
