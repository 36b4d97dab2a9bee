/** `exec-server forward`: ports of the devbox on this machine, and the reverse. */
import process from 'node:process'
import type { CommandManual } from '../../manual/manual.ts'
import { CommandError } from '../base/command-error.ts'
import { interruptible } from '../io/interruptible.ts'
import { writeOut } from '../io/write-out.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import { openDevbox } from '../target.ts'
import { parseForward } from './forward-spec.ts'
import type { Forward } from './forward-spec.ts'
import { forwardFromHere } from './from-here.ts'
import type { ActiveForward } from './from-here.ts'
import { forwardFromThere } from './from-there.ts'
import { holdDevbox } from './held-devbox.ts'
import type { HeldDevbox } from './held-devbox.ts'

const HELP = `Forwards ports of a devbox to this machine, as ssh -L, and with -R the reverse.

Usage: exec-server forward [options] [LISTEN:]TARGET…

${TARGET_HELP}  -R, --reverse SPEC        [LISTEN:]TARGET: the devbox listens, and connections come to this machine (repeatable)

LISTEN and TARGET are PORT, HOST:PORT, [IPV6]:PORT or the path of a unix socket. Without HOST it is loopback, without
LISTEN the port of TARGET; port 0 is any free one, and * all addresses.

  exec-server forward 5173                  the devbox's port 5173 is http://localhost:5173 here
  exec-server forward 8080:5173 5432        two at once, one of them at another port here
  exec-server forward 15432:db.internal:5432
                                            a host that the devbox reaches, if its server has a --forward-policy for it
  exec-server forward -R 3000               what the devbox connects to at its port 3000 is port 3000 here

One line on stdout for each says what is forwarded, once it is. It ends with Ctrl-C. When the connection to the devbox is lost,
what was open breaks off, and it is connected to again.
`

const options = { ...targetOptions, reverse: { type: 'string', short: 'R', multiple: true } } as const

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: HELP, options }

/**
 * Forwards until it is interrupted.
 * @throws {UsageError | CommandError}
 */
export async function forward(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, options)
  if (values.help === true) return writeOut(HELP)
  checkTarget(values)
  const fromHere = positionals.map(parseForward)
  const fromThere = (values.reverse ?? []).map(parseForward)
  for (const { target } of fromHere) checkThere(target)
  for (const { listen } of fromThere) checkThere(listen)
  if (fromHere.length + fromThere.length === 0) throw usageError('forward takes what to forward: a port, for example')
  return interruptible(async (signal) => {
    const devbox = await holdDevbox(() => openDevbox(values))
    try {
      return await forwardAll(devbox, { fromHere, fromThere }, signal)
    } finally {
      await devbox.close()
    }
  })
}

/** @throws {UsageError} */
function checkThere(endpoint: Forward['target']): void {
  if ('path' in endpoint && !endpoint.path.startsWith('/'))
    throw usageError(`a unix socket of the devbox is an absolute path, not '${endpoint.path}'`)
}

type Forwards = { fromHere: readonly Forward[]; fromThere: readonly Forward[] }

async function forwardAll(devbox: HeldDevbox, { fromHere, fromThere }: Forwards, signal: AbortSignal): Promise<number> {
  const { extensions } = await devbox.client(signal)
  if (!extensions.has(fromHere.length > 0 ? 'netConnect' : 'netListen'))
    throw new CommandError('this server forwards nothing', 1, [
      'it is too old, or was started with --no-forward, or with --require-sandbox and without --forward-policy',
    ])
  const active: ActiveForward[] = []
  const add = async (opening: Promise<ActiveForward>): Promise<void> => {
    const one = await opening
    active.push(one)
    const code = await writeOut(`${one.name}\n`)
    if (code !== 0) process.exitCode = code
  }
  try {
    for (const each of fromHere) await add(forwardFromHere(devbox, each))
    for (const each of fromThere) await add(forwardFromThere(devbox, each))
    return await new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason as Error)
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  } finally {
    for (const { close } of active) close()
  }
}
