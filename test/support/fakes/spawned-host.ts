/** A host that really spawns, on pipes and without sandboxes: for code of the core that runs commands of its own. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import process from 'node:process'
import type { Child, ChildEvents, Host, SpawnSpec } from '../../../src/core/base/host.ts'

/** A host with a record of what it has spawned. */
export type SpawnedHost = Pick<Host, 'spawn' | 'uuid'> & { readonly spawned: SpawnSpec[]; killed: number }

/** Creates a host without children. */
export function spawnedHost(): SpawnedHost {
  const host: SpawnedHost = {
    spawned: [],
    killed: 0,
    uuid: randomUUID,
    async spawn(spec, events) {
      host.spawned.push(spec)
      return start(spec, events, () => host.killed++)
    },
  }
  return host
}

function start(spec: SpawnSpec, events: ChildEvents, onKill: () => void): Child {
  const child = spawn(spec.argv[0] as string, spec.argv.slice(1), {
    cwd: spec.cwd,
    env: Object.fromEntries(spec.env),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let open = 2
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (bytes: Buffer) => {
      events.output(stream, bytes)
      // As of a real host, it is the memory of the next read.
      bytes.fill(0)
    })
    child[stream].on('close', () => --open === 0 && events.ended())
  }
  child.on('exit', (code) => events.exited(code ?? 137))
  const nothing = (): void => {}
  return {
    pid: child.pid,
    write: nothing,
    stdinQueued: () => 0,
    stdinOpen: () => false,
    pause: nothing,
    resume: nothing,
    signal: nothing,
    terminate: nothing,
    kill: () => {
      onKill()
      if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGKILL')
    },
    abandon: () => {
      child.stdout.destroy()
      child.stderr.destroy()
    },
    forget: nothing,
  }
}
