/** A server on WebSocket: the built executable, or Codex's own to compare with. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import { eventually, root } from '../support/server.ts'
import type { Home } from './home.ts'
import { installedCodex } from './install.ts'

export const executable = join(root, 'dist', 'exec-server')

/** It takes a quarter of a second at most. */
const STOP_MS = 5000

export type ServerProgram = {
  file: string
  args: readonly string[]
  /** It is held to how it ends, and to writing of faults only. */
  ours: boolean
}

export const built: ServerProgram = { file: executable, args: [], ours: true }

/** The same, dialling out to an `accept` of its own. What accept logs when its devbox leaves is not held to anything. */
export const reverse: ServerProgram = {
  file: process.execPath,
  args: [join(root, 'test', 'codex', 'reverse-server.ts'), executable],
  ours: false,
}

export const reference = (version: string): ServerProgram => ({
  file: installedCodex(version),
  args: ['exec-server'],
  ours: false,
})

export const LISTEN_ON_A_PORT = ['--listen', 'ws://127.0.0.1:0']

export type RunningServer = {
  url: string
  stderr(): string
  /** SIGTERM, which must end it with exit code 0. */
  stop(): Promise<void>
}

export type StartOptions = {
  /** Folders that look empty to the server, and to all that it starts. */
  masked?: readonly string[]
  /** What it is given besides. */
  more?: readonly string[]
}

export async function startServer(
  program: ServerProgram,
  home: Home,
  { masked = [], more = [] }: StartOptions = {},
): Promise<RunningServer> {
  const [file, ...args] = [...mask(masked), program.file, ...program.args, ...LISTEN_ON_A_PORT, ...more]
  const child = spawn(file as string, args, {
    cwd: home.folder,
    env: home.serverEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await once(child, 'spawn')
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const ended = once(child, 'exit').then(([code, signal]: (number | string | null)[]) => code ?? signal)
  await eventually(() => stdout.includes('\n') || child.exitCode !== null, 30_000, 'the line with the URL')
  if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${stderr}`)
  return {
    url: stdout.trim(),
    stderr: () => stderr,
    stop: async () => {
      if (!child.kill('SIGTERM')) throw new Error(`the server had ended with ${await ended}`)
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      const exit = await ended
      clearTimeout(timer)
      if (program.ours && exit !== 0) throw new Error(`SIGTERM ended the server with ${exit}`)
    },
  }
}

/** A command that runs what follows it where these folders are empty. */
function mask(folders: readonly string[]): string[] {
  if (folders.length === 0) return []
  const namespaces = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-current-user', '--keep-caps', '--mount']
  const script = `for folder do shift; [ "$folder" = -- ] && break; mount -t tmpfs none "$folder" || exit; done; exec "$@"`
  return ['unshare', ...namespaces, 'sh', '-c', script, 'sh', ...folders, '--']
}
