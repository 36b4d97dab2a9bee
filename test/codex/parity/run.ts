/**
 * Sends the same requests to Codex's own exec-server and to ours, and compares the answers:
 *
 *     node test/codex/parity/run.ts [OPTION...]
 *
 *     --only REGEXP      only the cases of such a name
 *     --release VERSION  only beside that release
 *     --ours COMMAND     what serves instead of dist/exec-server
 *     --verbose          every request with both answers
 *
 * It needs root, to give each server a /tmp of its own.
 */
import { existsSync } from 'node:fs'
import process from 'node:process'
import { executable } from '../server.ts'
import type { Case } from './case.ts'
import { cases } from './cases/index.ts'
import { options } from './options.ts'
import { base, visible, visibleCodex } from './place.ts'
import { isUnexpected, playBoth } from './play.ts'
import type { Pair } from './play.ts'
import { references } from './reference.ts'
import type { Reference } from './reference.ts'
import { Side } from './side.ts'
import { Tally } from './tally.ts'
import { startWeb } from './web.ts'

/** So many cases of a release are played side by side: most wait for something. */
const LANES = 2

function oursCommand(): string[] {
  if (options.ours !== undefined) return options.ours.split(' ')
  if (!existsSync(executable)) throw new Error(`${executable} has not been built`)
  return [visible(executable, 'exec-server')]
}

const tally = new Tally(options.verbose)

async function tryCase(pair: Pair, example: Case, reference: Reference): Promise<void> {
  let entries = await playBoth(pair, example, reference)
  if (entries.some(isUnexpected)) {
    // A busy machine may have had a part in it.
    const again = await playBoth(pair, example, reference)
    if (!again.some(isUnexpected)) tally.differedOnce(example.name, reference.version, entries, again)
    entries = again
  }
  for (const entry of entries) tally.add(example.name, reference.version, entry)
}

async function tryRelease(reference: Reference, ours: readonly string[]): Promise<void> {
  const { version, dialect, about = /^/ } = reference
  const codex = visibleCodex(version)
  const web = await startWeb()
  const wanted = new RegExp(options.only ?? '')
  const queue = cases.filter(
    ({ name, release }) => wanted.test(name) && about.test(name) && (release ?? dialect) === dialect,
  )
  const open = (name: string, command: readonly string[]): Side =>
    new Side({ name, command, reference, codex, base, web })
  const play = async (_: unknown, lane: number): Promise<void> => {
    // Names of one length, so that paths are.
    const place = `${version.split('.')[1]}-${lane}`
    const pair = { reference: open(`r${place}`, [codex, 'exec-server']), ours: open(`o${place}`, ours) }
    for (let example = queue.shift(); example !== undefined; example = queue.shift())
      await tryCase(pair, example, reference)
    await Promise.all(Object.values(pair).map((side) => side.close()))
  }
  await Promise.all(Array.from({ length: LANES }, play))
  web.close()
}

if (process.getuid?.() !== 0) throw new Error('the comparison needs root')
const ours = oursCommand()
const since = Date.now()
await Promise.all(
  references.filter(({ version }) => (options.release ?? version) === version).map((one) => tryRelease(one, ours)),
)
const isWhole = options.only === undefined && options.release === undefined
process.exit(tally.report(isWhole, Date.now() - since) ? 0 : 1)
