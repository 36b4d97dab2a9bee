/** A headless Chromium, if there is one, with names of its own and a home that is thrown away. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

const PROGRAMS = [
  'chromium-headless-shell',
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'chrome',
]

/** $CHROMIUM, or the first that answers. */
export function findChromium(): { program: string; version: string } | undefined {
  const named = process.env['CHROMIUM']
  for (const program of named === undefined ? PROGRAMS : [named]) {
    const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 30_000 })
    if (status === 0) return { program, version: stdout.trim() }
  }
  return undefined
}

/** Opens a page. `names` are hosts and the addresses that this browser finds for them. Gives what ends it. */
export function openPage(program: string, url: string, names: Record<string, string>): () => void {
  const home = mkdtempSync(join(tmpdir(), 'browser-'))
  const rules = Object.entries(names).map(([name, address]) => `MAP ${name} ${address}`)
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--no-proxy-server',
    // Keeps it there until it is ended.
    '--remote-debugging-port=0',
    `--user-data-dir=${home}`,
    `--host-resolver-rules=${rules.join(', ')}`,
  ]
  // In a group of its own, for it starts others.
  const child = spawn(program, [...flags, url], {
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, HOME: home },
  })
  child.on('error', () => {})
  const end = (): void => {
    process.off('exit', end)
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  process.on('exit', end)
  return end
}
