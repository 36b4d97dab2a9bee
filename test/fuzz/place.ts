/** Where the server may do what it is asked for: a folder of its own, in which everything is laid out anew for every batch. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { serverCommand } from '../support/server.ts'
import { plainEnvironment } from '../support/web/web.ts'
import { startFixture } from './fixture.ts'
import type { Surroundings } from './generate/params.ts'

/** Root's server runs as nobody: whatever it gets to do, it does not do to the machine. */
const NOBODY = 65534

/** Whether we are root, and the user `nobody` can get at what there is to run: not so in a checkout below /root, say. */
const canDrop = process.getuid?.() === 0 && isReachable()

function isReachable(): boolean {
  const [command, args] = serverCommand([])
  const files = [command, args.find((arg) => arg.endsWith('main.ts')) ?? command]
  const options = { uid: NOBODY, gid: NOBODY, cwd: '/' }
  return spawnSync('/bin/sh', ['-c', 'test -x "$0" && test -r "$1"', ...files], options).status === 0
}

export type Place = Surroundings & {
  /** How to start the server so that it can do no harm. */
  spawnOptions: { cwd: string; env: NodeJS.ProcessEnv; uid?: number; gid?: number }
  /** Lays everything out again. */
  reset(): void
  remove(): Promise<void>
}

export async function makePlace({ sandboxes }: { sandboxes: boolean }): Promise<Place> {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'exec-server-fuzz-')))
  const at = (name: string): string => join(base, name)
  const give = (path: string): void => {
    if (canDrop) lchownSync(path, NOBODY, NOBODY)
  }
  give(base)
  for (const name of ['cwd', 'tmp', 'home', 'store', 'deno']) {
    mkdirSync(at(name))
    give(at(name))
  }
  execFileSync('mkfifo', [at('store/fifo')])
  chmodSync(at('store/fifo'), 0o666)
  const folder = at('folder')
  const web = await startFixture()
  return {
    folder,
    port: web.port,
    sandboxes,
    spawnOptions: {
      cwd: at('cwd'),
      env: plainEnvironment({
        PATH: '/usr/bin:/bin',
        HOME: at('home'),
        TMPDIR: at('tmp'),
        CODEX_HOME: at('home'),
        DENO_DIR: at('deno'),
      }),
      ...(canDrop ? { uid: NOBODY, gid: NOBODY } : {}),
    },
    reset: () => layOut(folder, at('store/fifo'), give),
    remove: async () => {
      await web.stop()
      rmSync(base, { recursive: true, force: true })
    },
  }
}

/** Links lead to where they always lead, by absolute paths, so that a copy of one cannot lead out of the folder. */
function layOut(folder: string, fifo: string, give: (path: string) => void): void {
  rmSync(folder, { recursive: true, force: true })
  const at = (name: string): string => join(folder, name)
  mkdirSync(folder)
  for (const name of ['d', 'plugin', 'plugin/.codex-plugin', 'plugin/skills', 'plugin/skills/s']) mkdirSync(at(name))
  const files = {
    f: 'text\n',
    'd/g': '',
    script: '#!/no/such/interpreter\n',
    executable: '\x7fELF no',
    'plugin/.codex-plugin/plugin.json': '{"name":"p"}',
    'plugin/skills/s/SKILL.md': '---\nname: s\n---\n',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text)
  const links = { link: 'f', 'to-d': 'd', loop: 'loop', dangling: 'no/such' }
  for (const [name, target] of Object.entries(links)) symlinkSync(at(target), at(name))
  linkSync(fifo, at('fifo'))
  for (const name of ['script', 'executable']) chmodSync(at(name), 0o755)
  for (const name of [
    '',
    'd',
    'plugin',
    'plugin/.codex-plugin',
    'plugin/skills',
    'plugin/skills/s',
    ...Object.keys(files),
    ...Object.keys(links),
  ])
    give(at(name))
}
