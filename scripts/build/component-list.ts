/** The list of components (software bill of materials) of the executable, in CycloneDX. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RUNTIME_VERSION } from './targets.ts'

type Component = { 'bom-ref'?: string; type: string; name: string; version: string; purl?: string }
type Dependency = { ref: string; dependsOn?: string[] }
type Bom = { metadata: { component: Component }; components: Component[]; dependencies: Dependency[] }

/**
 * What npm knows of the packages inside, and Node. npm's own choice, without what is installed for development, leaves
 * out packages that something else for development needs, too.
 */
export function componentList(root: string, packages: readonly string[]): string {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only']
  // npm would leave its compile cache in the temporary folder.
  const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' }
  const bom: Bom = JSON.parse(execFileSync('npm', args, { cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 }))
  // npm takes the name of the checkout's folder.
  bom.metadata.component.name = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).name
  const components = bom.components.filter(({ name }) => packages.includes(name))
  const missing = packages.filter((wanted) => !components.some(({ name }) => name === wanted))
  if (missing.length > 0) throw new Error(`npm knows no ${missing.join(', ')}`)
  const refs = new Set([bom.metadata.component, ...components].map((component) => component['bom-ref']))
  const dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((other) => refs.has(other)) }))
  const purl = `pkg:generic/node@${RUNTIME_VERSION}`
  const node = { 'bom-ref': purl, type: 'platform', name: 'node', version: RUNTIME_VERSION, purl }
  return `${JSON.stringify({ ...bom, components: [...components, node], dependencies }, null, 2)}\n`
}
