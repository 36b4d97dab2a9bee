/**
 * Tries the same requests in the same sandboxes on Codex's own exec-server and on ours, and compares what comes of them:
 *
 *     node test/codex/matrix/run.ts [OPTION...]
 *
 *     --profile REGEXP, --operation REGEXP   only those (an operation's name ends before the targets of its cells)
 *     --ours COMMAND     what serves instead of dist/exec-server
 *     --user             everything as an ordinary user
 *     --fresh            do not believe what was recorded of the reference
 *     --self             the reference against itself, which shows what is not steady
 *     --messages         also what the servers said
 *     --quiet            not the differences that are known
 *     --times, --dump    how long each operation took; all that was observed
 *     --lanes N          how many profiles are tried side by side
 *
 * It needs root, to give each server a /tmp of its own and to become another user.
 */
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { copyTree } from '../copied.ts'
import { installedCodex } from '../install.ts'
import { killProcesses } from '../processes.ts'
import { executable } from '../server.ts'
import { compare } from './compare.ts'
import type { Difference } from './compare.ts'
import { knownDifferences } from './known-differences.ts'
import type { Known } from './known-differences.ts'
import { operations } from './operations.ts'
import type { Cells, Operation } from './operations.ts'
import { options } from './options.ts'
import { profiles } from './profiles.ts'
import type { Profile } from './profiles.ts'
import { Recorded } from './recorded.ts'
import { Side } from './side.ts'
import { openFolder } from './tree.ts'

const VERSION = '0.171.0'
const NOBODY = 65534
/** So many that the two servers are not of one mind, and not just the machine busy. */
const MAX_SECOND_TRIES = 300

// Neither in /tmp, which profiles make writable and where the reference refuses to have its home, nor below root's home.
const base = mkdtempSync('/var/tmp/exec-server-matrix-')
chmodSync(base, 0o755)
process.on('exit', () => {
  if (!options.self) recorded.save()
  killProcesses(base)
  rmSync(base, { recursive: true, force: true, maxRetries: 5 })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** A copy that every user can run; on the same disk, of hard links. */
function readable(path: string, name: string): string {
  return copyTree(path, join(openFolder(join(base, 'bin')), name))
}

const codex = installedCodex(VERSION)
// With the folders beside it, where it has programs of its own.
const vendor = dirname(dirname(codex))
const referenceCommand = [join(readable(vendor, 'reference'), codex.slice(vendor.length + 1)), 'exec-server']

function oursCommand(): string[] {
  if (options.self) return referenceCommand
  if (options.ours !== undefined) return options.ours.split(' ')
  if (!existsSync(executable)) throw new Error(`${executable} has not been built`)
  return [readable(executable, 'exec-server')]
}

const listener = createServer((connection) => connection.end()).listen(0, '127.0.0.1')
await once(listener, 'listening')
listener.unref()

const mode = options.user ? 'user' : 'root'
const recorded = new Recorded(VERSION, mode, options.fresh || options.self)
const met = new Set<Known>()
const took = { reference: 0, ours: 0 }
let cells = 0
let known = 0
let unexpected = 0
let unsteady = 0
let secondTries = 0

type Which = 'reference' | 'ours'
type Lane = Record<Which, Side>

async function openLane(number: number): Promise<Lane> {
  const common = {
    base,
    owner: options.user ? { uid: NOBODY, gid: NOBODY } : { uid: 0, gid: 0 },
    networkPort: (listener.address() as AddressInfo).port,
  }
  return {
    // Names of one length, so that paths are.
    reference: await Side.open({ ...common, name: `r${number}`, command: referenceCommand }),
    ours: await Side.open({ ...common, name: `o${number}`, command: oursCommand() }),
  }
}

async function playOn(lane: Lane, which: Which, profile: Profile, operation: Operation): Promise<Cells> {
  const sandbox = which === 'reference' || options.self ? (profile.modern ?? profile.sandbox) : profile.sandbox
  const since = performance.now()
  const cells = await lane[which].play(profile, operation, sandbox)
  const ms = performance.now() - since
  took[which] += ms
  if (options.times) console.log(`${ms.toFixed(0).padStart(6)} ms  ${which} ${profile.name} | ${operation.name}`)
  return cells
}

/** All that decides what the reference does. */
function identity({ tree }: Side, profile: Profile): string {
  const { name, variant, start } = profile
  return tree.common(
    JSON.stringify([name, variant, start, profile.tmpdir?.(tree), (profile.modern ?? profile.sandbox)(tree)]),
  )
}

async function playReference(lane: Lane, profile: Profile, operation: Operation, anew = false): Promise<Cells> {
  const key = identity(lane.reference, profile)
  const kept = anew ? undefined : recorded.get(key, operation.name)
  if (kept !== undefined) return kept
  const cells = await playOn(lane, 'reference', profile, operation)
  recorded.set(key, operation.name, cells)
  return cells
}

function differencesOf(profile: Profile, reference: Cells, ours: Cells): Difference[] {
  const differences = compare(profile.name, reference, ours, mode, met)
  return options.self ? differences.map((difference) => ({ ...difference, known: undefined })) : differences
}

const isUnexpected = ({ known }: Difference): boolean => known === undefined

async function tryOperation(lane: Lane, profile: Profile, operation: Operation): Promise<void> {
  let reference = await playReference(lane, profile, operation)
  let ours = await playOn(lane, 'ours', profile, operation)
  let differences = differencesOf(profile, reference, ours)
  if (differences.some(isUnexpected) && secondTries++ < MAX_SECOND_TRIES) {
    // A busy machine, somebody else's sandbox or an old record may have had a part in it.
    const first = JSON.stringify(ours)
    reference = await playReference(lane, profile, operation, true)
    ours = await playOn(lane, 'ours', profile, operation)
    const again = differencesOf(profile, reference, ours)
    if (!again.some(isUnexpected)) {
      // Ours is to do the same every time: what it kept of earlier calls must not show.
      const isOurs = JSON.stringify(ours) !== first
      if (isOurs) unexpected++
      else unsteady++
      for (const { operation, text } of differences.filter(isUnexpected)) {
        console.log(`${isOurs ? 'UNEXPECTED ' : 'unsteady   '} ${profile.name} | ${operation} | once only: ${text}`)
      }
    }
    differences = again
  }
  if (options.dump) console.log(`${profile.name} | ${operation.name}`, JSON.stringify({ reference, ours }, null, 1))
  cells += new Set([...Object.keys(reference), ...Object.keys(ours)]).size
  for (const difference of differences) tell(difference, { reference, ours })
}

function tell(difference: Difference, sides: Record<Which, Cells>): void {
  const { profile, operation, text, known: entry } = difference
  if (entry === undefined) unexpected++
  else known++
  if (entry !== undefined && options.quiet) return
  const place = `${profile} | ${operation} | ${text}`
  console.log(entry === undefined ? `UNEXPECTED  ${place}` : `known       ${place} (${entry.kind}: ${entry.reason})`)
  if (!options.messages) return
  for (const [name, cells] of Object.entries(sides)) {
    const message = cells[operation]?.['message']
    if (message !== undefined) console.log(`            ${name} said: ${message}`)
  }
}

const matches = (pattern: string | undefined, name: string): boolean =>
  pattern === undefined || new RegExp(pattern).test(name)

async function tryProfile(lane: Lane, profile: Profile): Promise<void> {
  for (const operation of operations) {
    if (!matches(options.operation, operation.name)) continue
    if (profile.brief ? operation.brief : operation.topic === undefined || profile.topics?.includes(operation.topic)) {
      await tryOperation(lane, profile, operation)
    }
  }
}

const since = Date.now()
const wanted = profiles.filter(({ name }) => matches(options.profile, name))
const queue = wanted.filter(({ alone }) => !alone)
const lanes = await Promise.all(Array.from({ length: Number(options.lanes) }, (_, number) => openLane(number)))
await Promise.all(
  lanes.map(async (lane) => {
    for (let profile = queue.shift(); profile !== undefined; profile = queue.shift()) await tryProfile(lane, profile)
  }),
)
for (const profile of wanted.filter(({ alone }) => alone)) await tryProfile(lanes[0] as Lane, profile)
for (const side of lanes.flatMap((lane) => Object.values(lane))) side.close()

// A part of the matrix does not meet them all.
const whole = options.profile === undefined && options.operation === undefined && !options.self
const stale = whole
  ? knownDifferences.filter((entry) => !met.has(entry) && (entry.only === undefined || entry.only === mode))
  : []
for (const { profile, operation, reason } of stale) console.log(`STALE       ${profile} | ${operation} | ${reason}`)

const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`
console.log(`${seconds(Date.now() - since)}: the reference ${seconds(took.reference)}, ours ${seconds(took.ours)}`)
console.log(`${unsteady} operations of the reference differed once only`)
console.log(
  `${cells} cells, ${known} known differences, ${unexpected} unexpected${stale.length > 0 ? `, ${stale.length} stale entries` : ''}`,
)
process.exit(unexpected > 0 || stale.length > 0 ? 1 : 0)
