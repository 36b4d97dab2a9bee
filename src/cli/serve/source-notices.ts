/** The licences of what a server uses that runs from source. The executable has its own list, with the runtime's. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

type PackageJson = { dependencies?: Record<string, string>; license?: string; version: string }

/** One text: this project's licence, and that of each package. The runtime's stands beside it. */
export function sourceNotices(): string {
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  const names = Object.keys(packageJson(root).dependencies ?? {}).sort()
  const sections = [
    ['exec-server', licenseOf(root)],
    ...names.map((name) => [name, licenseOf(join(root, 'node_modules', name))]),
    ['The runtime', 'See the LICENSE of the Node or Deno that runs this.'],
  ]
  return sections.map(([title, text]) => `==== ${title}\n\n${text?.trim()}\n`).join('\n')
}

const packageJson = (folder: string): PackageJson =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageJson

/** The package's own file, or what its package.json says. */
function licenseOf(folder: string): string {
  if (!existsSync(folder)) return 'Not installed.'
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name))
  if (file !== undefined) return readFileSync(join(folder, file), 'utf8')
  const { license, version } = packageJson(folder)
  return `Version ${version}, licence ${license}. The package has no licence text.`
}
