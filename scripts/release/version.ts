/** The version of a release: that of package.json, which everything else must agree with. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** In src/base/version.ts. */
const CONSTANT = /export const version = '([^']*)'/

/**
 * Checks the checkout, and the tag if there is one. Returns the version.
 * @throws Error if something says another version, or the changelog does not have it
 */
export function releaseVersion(root: string, tag?: string): string {
  const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8')
  const { version } = JSON.parse(read('package.json')) as { version: string }
  const lock = JSON.parse(read('package-lock.json')) as { version: string; packages: { '': { version: string } } }
  const others = {
    'src/base/version.ts': CONSTANT.exec(read('src', 'base', 'version.ts'))?.[1],
    'package-lock.json': lock.version,
    'package-lock.json, its first package': lock.packages[''].version,
    ...(tag === undefined ? {} : { [`the tag ${tag}`]: tag.replace(/^v/, '') }),
  }
  for (const [where, found] of Object.entries(others)) {
    if (found !== version) throw new Error(`package.json says version ${version}, but ${where} says ${found}`)
  }
  if (tag !== undefined) checkChangelog(read('CHANGELOG.md'), version)
  return version
}

function checkChangelog(text: string, version: string): void {
  const heading = text.split('\n').find((line) => line.startsWith('## '))
  if (heading === undefined || heading.split(' ')[1] !== version)
    throw new Error(`the first section of CHANGELOG.md is not that of ${version}`)
  if (heading.includes('(unreleased)')) throw new Error(`CHANGELOG.md says that ${version} is unreleased`)
}

/** The text of src/base/version.ts for another version. */
export const withVersion = (text: string, version: string): string =>
  text.replace(CONSTANT, `export const version = '${version}'`)
