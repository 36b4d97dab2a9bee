/**
 * `npm run test:platforms [NAME…]`: starts the executable in root file systems of other systems, as root. Builds what
 * it needs; the first time it downloads the roots and runtimes, which takes some minutes.
 */
import { execFileSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { Client } from '../support/client.ts'
import { firstLine } from '../support/first-line.ts'
import { root as checkout } from '../support/server.ts'
import { CHECKS, reinstallCheck, sandboxChecks, UNSANDBOXED } from './checks.ts'
import { overlay } from './in-root.ts'
import { obstacle, PLATFORMS } from './platforms.ts'
import type { Platform } from './platforms.ts'

const INSTALL = 'sh /artefacts/install.sh'

const counts = { passed: 0, failed: 0, skipped: 0 }

function report(outcome: keyof typeof counts, title: string, detail = ''): void {
  counts[outcome]++
  console.log(`${outcome.padEnd(8)}${title}${detail === '' ? '' : `: ${detail}`}`)
}

async function attempt(title: string, body: () => Promise<void | string> | void): Promise<boolean> {
  try {
    report('passed', title, (await body()) ?? '')
    return true
  } catch (error) {
    report('failed', title, (error as Error).message)
    return false
  }
}

async function tryPlatform(platform: Platform, artefacts: string): Promise<void> {
  const { name, isEmulated, bubblewrap } = platform
  let root = ''
  if (!(await attempt(`${name}: the root is made`, () => void (root = platform.root())))) return
  const layers = overlay(root, isEmulated)
  let server: ChildProcess | undefined
  try {
    cpSync(artefacts, join(layers.layer, 'artefacts'), { recursive: true })
    await attempt(`${name}: the root has no libatomic`, () => {
      const found = globSync('{lib,lib64,usr/lib,opt}/**/libatomic.so*', { cwd: root })
      if (found.length > 0) throw new Error(found.join(', '))
    })
    // What the installer says goes to stderr: the URL must be the first line.
    server = layers.start(['/bin/sh', '-c', `${INSTALL} >&2 && exec exec-server`])
    let client: Client | undefined
    const isServing = await attempt(`${name}: install.sh installs it, and it serves`, async () => {
      client = await Client.connect(await firstLine(server as ChildProcess))
    })
    if (!isServing || client === undefined) return
    const sandboxed = bubblewrap === undefined ? [] : [UNSANDBOXED, ...sandboxChecks(bubblewrap)]
    for (const { title, run } of [...CHECKS, ...sandboxed, reinstallCheck(INSTALL)]) {
      await attempt(`${name}: ${title}`, () => run(client as Client))
    }
    if (bubblewrap === undefined) report('skipped', `${name}: sandboxes`, 'bubblewrap does not run under qemu-user')
    await client.close()
  } finally {
    if (server !== undefined && server.exitCode === null && server.signalCode === null) {
      // unshare ignores SIGTERM. All that it started ends with it.
      server.kill('SIGKILL')
      await once(server, 'exit')
    }
    layers.remove()
  }
}

const names = process.argv.slice(2)
const chosen = PLATFORMS.filter(({ name }) => names.length === 0 || names.includes(name))
if (chosen.length === 0) throw new Error(`platforms: ${PLATFORMS.map(({ name }) => name).join(', ')}`)
const work = mkdtempSync(join(tmpdir(), 'exec-server-platforms-'))
const built = new Map<string, string>()
try {
  for (const platform of chosen) {
    const reason = obstacle(platform)
    if (reason !== undefined) {
      report('skipped', platform.name, reason)
      continue
    }
    const { target } = platform
    if (!built.has(target)) {
      const release = [
        join(checkout, 'scripts', 'release', 'run.ts'),
        '--target',
        target,
        '--output',
        join(work, target),
      ]
      const options = ['--format', 'tar.gz', '--level', '1', '--no-packages']
      execFileSync(process.execPath, [...release, ...options], { stdio: 'inherit' })
      built.set(target, join(work, target))
    }
    await tryPlatform(platform, built.get(target) as string)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed === 0 ? 0 : 1
