/**
 * Stands for a server that listens: starts one that dials out, and the `accept` at which its clients find it. Prints that
 * URL, and ends both at SIGTERM.
 *
 *     node test/codex/reverse-server.ts EXECUTABLE [options of the server]
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { firstLine } from '../support/first-line.ts'
import { LISTEN_ON_A_PORT } from './server.ts'

const [file = '', ...given] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'reverse-'))
const tokenFile = join(folder, 'secret')
writeFileSync(tokenFile, randomBytes(32).toString('hex'), { mode: 0o600 })
const children: ChildProcess[] = []

function start(...args: string[]): ChildProcess {
  const child = spawn(file, [...args, '--token-file', tokenFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

process.once('SIGTERM', async () => {
  const codes: unknown[] = []
  for (const child of children.reverse()) {
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    codes.push((await exited)[0])
  }
  rmSync(folder, { recursive: true, force: true })
  process.exit(codes.every((code) => code === 0) ? 0 : 1)
})

const socket = join(folder, 'accept.sock')
const url = await firstLine(start('accept', '--listen', `unix:${socket}`))
await firstLine(start('--connect', `unix:${socket}`, ...given.filter((word) => !LISTEN_ON_A_PORT.includes(word))))
process.stdout.write(`${url}\n`)
