/** The licence notices of everything inside the executable, for `exec-server --licenses`. */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { RUNTIME_VERSION } from './targets.ts'

const RULE = '='.repeat(80)

/**
 * One text. `packages`: names of the npm packages inside. `libraries`: the folder of the C library that comes with the
 * executable, with its notices.
 * @throws Error if a package says nothing about its licence
 */
export function collectNotices(root: string, packages: readonly string[], libraries?: string): string {
  const node = readLicense(`node-${RUNTIME_VERSION}.txt`)
  return format([
    ...packageSections(root, packages),
    { title: 'ripgrep', text: readLicense('ripgrep-15.0.0.txt') },
    ...(libraries === undefined ? [] : libraryNotices(libraries)),
    // Last, as it is by far the longest: it holds the notices of OpenSSL, V8, ICU and the others.
    { title: 'Node.js, with everything that it contains', text: node },
  ])
}

const readLicense = (file: string): string => readFileSync(join(import.meta.dirname, 'licenses', file), 'utf8')

/** The packages in the executable whose bundle is made of these files. */
export const packagesInside = (bundled: readonly string[]): string[] =>
  // The addon and ripgrep are assets; the addon is compiled with the headers of node-addon-api.
  ['node-pty', 'node-addon-api', '@vscode/ripgrep', ...packagesOf(bundled)]

/** The notices of a bundle alone. */
export const bundleNotices = (root: string, bundled: readonly string[]): string =>
  format(packageSections(root, packagesOf(bundled)))

type Section = { title: string; text: string }

const packageSections = (root: string, packages: readonly string[]): Section[] => [
  { title: 'exec-server', text: readFileSync(join(root, 'LICENSE'), 'utf8') },
  ...[...packages].sort().map((name) => ({ title: name, text: packageNotice(join(root, 'node_modules', name)) })),
]

const format = (sections: readonly Section[]): string =>
  sections.map(({ title, text }) => `${RULE}\n${title}\n${RULE}\n\n${text.trim()}\n`).join('\n')

/** The package's own file, or what its package.json says. */
function packageNotice(folder: string): string {
  const [file] = globSync('LICEN[CS]E*', { cwd: folder })
  if (file !== undefined) return readFileSync(join(folder, file), 'utf8')
  const { license, homepage, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  if (typeof license !== 'string') throw new Error(`${folder} says nothing about its licence`)
  return `Version ${version}, licence ${license}. The package has no licence text; see ${homepage}`
}

function libraryNotices(folder: string): Section[] {
  const files = globSync('COPYRIGHT.*', { cwd: folder }).sort()
  return files.map((file) => ({
    title: `Debian's ${basename(file).replace('COPYRIGHT.', '')}, whose libraries come with the executable`,
    text: readFileSync(join(folder, file), 'utf8'),
  }))
}

/** The npm packages that these files belong to. */
export function packagesOf(files: readonly string[]): string[] {
  const names = files.map((file) => /^.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1])
  return [...new Set(names.filter((name) => name !== undefined))]
}
