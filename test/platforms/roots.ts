/** Root file systems to start the executable in. They are made once and kept in node_modules/.cache. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { unpackPackages } from '../../scripts/build/debian-packages.ts'
import { root as checkout } from '../support/server.ts'

const cache = join(checkout, 'node_modules', '.cache', 'exec-server-platforms')

export const hasProgram = (name: string): boolean => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0

/** Makes the root `name` with `make` unless it is there. Returns its path. */
function keep(name: string, make: (folder: string) => void): string {
  const folder = join(cache, name)
  if (existsSync(folder)) return folder
  console.log(`making the root ${name}`)
  mkdirSync(cache, { recursive: true })
  const partial = mkdtempSync(`${folder}.partial-`)
  try {
    // As a root has to be: mkdtemp makes folders for one user only.
    chmodSync(partial, 0o755)
    make(partial)
    renameSync(partial, folder)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return folder
}

/** A minimal Debian. One of another architecture stays unconfigured: its programs are there. */
export function debianRoot(release: string, arch: 'amd64' | 'arm64', isForeign: boolean): string {
  return keep(`${release}-${arch}`, (folder) => {
    const args = [...(isForeign ? ['--foreign'] : []), `--arch=${arch}`, '--variant=minbase', release, folder]
    execFileSync('debootstrap', args, { stdio: ['ignore', 'ignore', 'inherit'] })
    // debootstrap --foreign makes these links to the machine's own.
    for (const name of ['proc', 'sys', 'dev']) {
      const path = join(folder, name)
      if (!existsSync(path) || lstatSync(path).isSymbolicLink()) {
        rmSync(path, { force: true })
        mkdirSync(path)
      }
    }
  })
}

const MUSL = { amd64: 'x86_64', arm64: 'aarch64' } as const

/** A root as Alpine has it: BusyBox and musl, and nothing of glibc outside /opt. `emulator`: to run its programs with. */
export function muslRoot(arch: 'amd64' | 'arm64', emulator: readonly string[] = []): string {
  return keep(`musl-${arch}`, (folder) => {
    const work = mkdtempSync(`${folder}.packages-`)
    try {
      unpackPackages(['busybox-static', 'musl', 'bubblewrap', 'libselinux1', 'libcap2', 'libpcre2-8-0'], arch, work)
      for (const name of [
        'bin',
        'usr/bin',
        'lib',
        'etc',
        'root',
        'proc',
        'sys',
        'dev',
        'tmp',
        'srv',
        'opt/bubblewrap',
      ]) {
        mkdirSync(join(folder, name), { recursive: true })
      }
      writeFileSync(join(folder, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
      const busybox = join(folder, 'bin', 'busybox')
      copyFileSync(join(work, globSync('{bin,usr/bin}/busybox', { cwd: work })[0] as string), busybox)
      const [program = busybox, ...before] = [...emulator, busybox]
      for (const name of execFileSync(program, [...before, '--list'], { encoding: 'utf8' })
        .trim()
        .split('\n')) {
        if (name !== 'busybox') symlinkSync('busybox', join(folder, 'bin', name))
      }
      const [musl] = globSync(`{lib,usr/lib}/${MUSL[arch]}-linux-musl/libc.so`, { cwd: work })
      copyFileSync(join(work, musl as string), join(folder, 'lib', `ld-musl-${MUSL[arch]}.so.1`))
      installBubblewrap(work, folder)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  })
}

/** Debian has no bubblewrap for musl: its own comes with what it needs, and is called by a script. */
function installBubblewrap(from: string, folder: string): void {
  const to = join(folder, 'opt', 'bubblewrap')
  copyFileSync(join(from, 'usr/bin/bwrap'), join(to, 'bwrap'))
  for (const path of globSync('{lib,usr/lib}/*-linux-gnu/lib{selinux,cap,pcre2-8}.so.*', { cwd: from })) {
    copyFileSync(join(from, path), join(to, basename(path)))
  }
  const run =
    'exec /opt/exec-server/lib/ld.so --library-path /opt/exec-server/lib:/opt/bubblewrap /opt/bubblewrap/bwrap'
  writeFileSync(join(to, 'bwrap.sh'), `#!/bin/sh\n${run} "$@"\n`, { mode: 0o755 })
}
