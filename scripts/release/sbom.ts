/** The software bill of materials, in CycloneDX's JSON. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RUNTIME_VERSION } from '../build/targets.ts'
import { npmEnvironment } from './npm-environment.ts'

type Component = { 'bom-ref'?: string; type: string; name: string; version: string; purl?: string }
type Dependency = { ref: string; dependsOn?: string[] }
type Bom = {
  serialNumber?: string
  metadata: { timestamp: string; component: Component }
  components: Component[]
  dependencies: Dependency[]
}

/**
 * What npm knows of these packages, and the Node that they are built into. npm's own --omit=dev would leave out those
 * that something for development needs, too. `time`: the release's, in seconds since the epoch.
 * @throws Error if npm does not know a package
 */
export function sbom(root: string, packages: readonly string[], time: number): string {
  const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only']
  const options = { cwd: root, env: npmEnvironment(), encoding: 'utf8', maxBuffer: 2 ** 28 } as const
  const all = JSON.parse(execFileSync('npm', args, options)) as Bom
  const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name: string }
  return `${JSON.stringify(selectComponents(all, name, packages, time), null, 2)}\n`
}

/** Without a random number, and with the time of the release, it depends on the packages alone. */
export function selectComponents(
  { serialNumber: _, metadata, ...bom }: Bom,
  name: string,
  packages: readonly string[],
  time: number,
): Bom {
  const components = bom.components.filter((component) => packages.includes(component.name))
  const missing = packages.filter((wanted) => !components.some((component) => component.name === wanted))
  if (missing.length > 0) throw new Error(`npm knows no ${missing.join(', ')}`)
  const purl = `pkg:generic/node@${RUNTIME_VERSION}`
  const node = { 'bom-ref': purl, type: 'platform', name: 'node', version: RUNTIME_VERSION, purl }
  // npm takes the name of the checkout's folder.
  const own = { ...metadata.component, name }
  const refs = new Set([own, ...components, node].map((component) => component['bom-ref']))
  return {
    ...bom,
    metadata: { ...metadata, timestamp: new Date(time * 1000).toISOString(), component: own },
    components: [...components, node],
    dependencies: [
      ...bom.dependencies
        .filter(({ ref }) => refs.has(ref))
        .map(({ ref, dependsOn = [] }) => ({
          ref,
          dependsOn: [...dependsOn.filter((other) => refs.has(other)), ...(ref === own['bom-ref'] ? [purl] : [])],
        })),
      { ref: purl, dependsOn: [] },
    ],
  }
}
