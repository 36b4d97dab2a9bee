/** Compares `exec-server cp` with the real `cp`: what is there afterwards, row by row; see rows/row.ts. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { isDeno, serverCommand, startServer } from '../../../support/server.ts'
import type { RunningServer } from '../../../support/server.ts'
import { atEnd } from '../../../support/scope.ts'
import { suite } from '../../../support/suite.ts'
import { begin } from '../call.ts'
import type { Ended } from '../call.ts'
import { hasProgram } from '../screen.ts'
import { listing } from './listing.ts'
import type { Direction, Row } from './rows/row.ts'
import { unprivileged } from './unprivileged.ts'

const isRoot = process.geteuid?.() === 0
const DIRECTIONS: readonly Direction[] = ['up', 'down', 'there']

type Servers = { own: RunningServer; nobody: RunningServer | undefined }

const directionsOf = (row: Row, index: number): Direction[] =>
  row.all === true ? [...DIRECTIONS] : [DIRECTIONS[index % DIRECTIONS.length] as Direction]

/** The command line for a direction: paths on the devbox have a colon before them. */
function argumentsFor(args: string, direction: Direction): string {
  const words = args.split(' ')
  const isPath = words.map((word, index) => !word.startsWith('-') && words[index - 1] !== '--exclude')
  const last = words.length - 1
  const isRemote = (index: number): boolean => (index === last ? direction !== 'down' : direction !== 'up')
  const remote = (word: string): string => (word.startsWith('/') ? `:${word}` : `":$PWD"/${word}`)
  return words.map((word, index) => (isPath[index] === true && isRemote(index) ? remote(word) : word)).join(' ')
}

/** For exact rows: what the script gives no time of its own. */
const OLD = 'find . -mindepth 1 -newermt 2002-01-01 -exec touch -h -d 2002-01-01T00:00:00Z {} +'

function prepared({ setUp, prepare, exact, unprivileged: isUnprivileged }: Row): string {
  const folder = mkdtempSync(join(tmpdir(), 'cp-table-'))
  atEnd(() => discard(folder))
  const inside = join(folder, 'w')
  mkdirSync(inside)
  if (isUnprivileged === true && isRoot) {
    chmodSync(folder, 0o755)
    chownSync(inside, unprivileged.uid, unprivileged.uid)
  }
  if (setUp !== undefined) run(setUp, inside)
  run(exact === true ? `${prepare}; ${OLD}` : prepare, inside, isUnprivileged)
  return inside
}

function run(script: string, cwd: string, isUnprivileged = false, args: readonly string[] = ['-e']): void {
  const shell = ['sh', ...args, '-c', `umask 022; ${script}`]
  const [program = '', ...rest] = isUnprivileged && isRoot ? [...unprivileged.command, ...shell] : shell
  const { status, stderr } = spawnSync(program, rest, { cwd, encoding: 'utf8' })
  if (args.includes('-e')) assert.is(status, 0, `${script}: ${stderr}`)
}

/** Ends what the row has started from the folder. */
function killProgramsOf(folder: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readlinkSync(`/proc/${pid}/exe`).startsWith(`${folder}/`)) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended, or is a thread of the kernel.
    }
  }
}

/** Ends what the row has started, and unmounts what it has mounted, innermost first. */
function discard(folder: string): void {
  killProgramsOf(folder)
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(`${folder}/`))
  for (const point of mounts.reverse()) execFileSync('umount', ['-l', point])
  spawnSync('chmod', ['-R', 'u+rwx', folder])
  rmSync(folder, { recursive: true, force: true })
}

async function copy(servers: Servers, row: Row, direction: Direction, cwd: string): Promise<Ended> {
  const isUnprivileged = row.unprivileged === true && isRoot
  const server = isUnprivileged ? (servers.nobody as RunningServer) : servers.own
  const words = serverCommand(['cp', '--url', server.url])
    .flat()
    .map((word) => `'${word}'`)
    .join(' ')
  const script = `umask 022; cd '${cwd}'; exec ${words} ${argumentsFor(row.args, direction)}`
  const command = ['sh', '-c', script]
  return begin(isUnprivileged ? [...unprivileged.command, ...command] : command).ended
}

function reference(row: Row): string[] {
  const folder = prepared(row)
  const { as: otherwise, args } = row
  if (otherwise !== 'none') {
    const script = otherwise === undefined ? `cp ${args}` : 'cp' in otherwise ? `cp ${otherwise.cp}` : otherwise.script
    // Where cp fails in part, so should ours.
    run(script, folder, row.unprivileged, [])
  }
  return listing(folder, row.exact === true)
}

/** Defines and runs a suite with a test for each row and direction. */
export function checkRows(name: string, rows: readonly Row[]): void {
  const test = suite(name, { limitMs: 180_000 })
  let servers: Servers
  test.before(async () => {
    servers = { own: await startServer(), nobody: isRoot ? await unprivileged.startServer() : undefined }
  })
  for (const [index, row] of rows.entries()) {
    const isMissing = row.needs !== undefined && !hasProgram(row.needs)
    if (isDeno || (row.mounts === true && !isRoot) || isMissing) {
      test.skip(isMissing ? `${row.title} (there is no ${row.needs})` : row.title)
      continue
    }
    for (const direction of directionsOf(row, index)) {
      test(`${row.title} (${direction})`, async () => {
        const folder = prepared(row)
        const expected = reference(row)
        const { code, stderr } = await copy(servers, row, direction, folder)
        assert.equal(listing(folder, row.exact === true), expected)
        assert.match(stderr, row.stderr ?? /^$/)
        assert.is(code, row.code ?? 0, stderr)
      })
    }
  }
  test.run()
}
