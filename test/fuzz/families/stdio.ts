/** Lines to the real stdio server. */
import fc from 'fast-check'
import { Method } from '../../../src/protocol/wire/methods.ts'
import { isBlank } from '../expectation.ts'
import { Failure } from '../failure.ts'
import type { Batch, Family, Input, Subject } from '../family.ts'
import { envelopes, requests } from '../generate/messages.ts'
import { Ledger } from '../ledger.ts'
import { cutLines } from '../lines.ts'
import type { Place } from '../place.ts'
import { anyCharacter } from '../../support/characters.ts'
import { startProgram, waitFor, watchHoldings } from '../subject.ts'
import type { Program } from '../subject.ts'

const NEWLINE = Uint8Array.of(0x0a)
const encode = (message: object): Uint8Array => new TextEncoder().encode(JSON.stringify(message))

const HANDSHAKE = [
  encode({ id: 'handshake', method: 'initialize', params: { clientName: 'fuzz' } }),
  encode({ method: 'initialized', params: {} }),
]

/** A server that is talked to, and the account of what it owes. */
type Talk = {
  program: Program
  ledger: Ledger
  say(line: Uint8Array): boolean
  settled(patienceMs: number): Promise<void>
}

function talkTo(program: Program): Talk {
  const ledger = new Ledger(false)
  let wake = (): void => {}
  ledger.onProgress = () => wake()
  let isClosed = false
  program.child.stdout.on(
    'data',
    cutLines((line) => ledger.came(line)),
  )
  program.child.on('close', () => {
    isClosed = true
    wake()
  })
  const talk: Talk = {
    program,
    ledger,
    /** Says whether that must end the server. */
    say: (bytes) => {
      program.child.stdin.write(Buffer.concat([bytes, NEWLINE]))
      return lines(bytes).some((line) => ledger.sent(line))
    },
    async settled(patienceMs) {
      const done = (): boolean => ledger.failure !== undefined || ledger.complete || isClosed
      await waitFor(
        done,
        patienceMs,
        (call) => (wake = call),
        () => `no answer to ${ledger.unanswered}`,
      )
      if (ledger.failure !== undefined) throw ledger.failure
      if (!ledger.complete) throw new Failure(`ended without an answer to ${ledger.unanswered}`)
    },
  }
  for (const line of HANDSHAKE) talk.say(line)
  return talk
}

/** Lines that are not blank, as the server cuts them. */
function lines(bytes: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = []
  for (let from = 0; from <= bytes.length; ) {
    const end = bytes.indexOf(0x0a, from)
    const line = bytes.subarray(from, end < 0 ? bytes.length : end)
    if (!isBlank(line)) found.push(line)
    from = end < 0 ? bytes.length + 1 : end + 1
  }
  return found
}

const isOffence = ({ bytes }: Input): boolean => lines(bytes).some((line) => new Ledger(true).sent(line))

async function open(place: Place): Promise<Subject> {
  const start = (): Talk => talkTo(startProgram(['--listen', 'stdio'], place))
  let talk = start()
  await talk.settled(30_000)
  let watch = await watchHoldings(talk.program.child.pid as number)

  /** What ends the server is said to one of its own: it answers what came before, and exits. */
  async function offend(inputs: readonly Input[], patienceMs: number): Promise<void> {
    const other = start()
    try {
      for (const { bytes } of inputs) if (other.say(bytes)) break
      await other.settled(patienceMs)
      const exit = await Promise.race([
        other.program.exit,
        new Promise((resolve) => setTimeout(resolve, patienceMs, 'nothing').unref()),
      ])
      if (exit !== 0) throw new Failure(`an offence led to ${exit}: ${other.program.stderr()}`)
    } finally {
      await other.program.kill('SIGKILL')
    }
  }

  async function run({ inputs }: Batch, patienceMs: number): Promise<void> {
    for (let at = 0; at < inputs.length; ) {
      const next = inputs.findIndex((input, index) => index >= at && isOffence(input))
      const end = next < 0 ? inputs.length : next
      for (const { bytes } of inputs.slice(at, end)) talk.say(bytes)
      if (next >= 0) await offend(inputs.slice(Math.max(at, end - 3), end + 1), patienceMs)
      at = end + (next < 0 ? 0 : 1)
    }
    await talk.settled(patienceMs)
    // An answer too many has been sent before the answer to this.
    talk.say(encode({ id: 'last word', method: 'environment/status' }))
    await talk.settled(patienceMs)
  }

  return {
    async run(batch, patienceMs) {
      place.reset()
      try {
        await run(batch, patienceMs)
      } finally {
        talk.program.check()
      }
    },
    async restart() {
      await talk.program.kill('SIGKILL')
      talk = start()
      await talk.settled(30_000)
      watch = await watchHoldings(talk.program.child.pid as number)
    },
    kill: () => talk.program.kill('SIGKILL'),
    warm: (restMs) => watch.warm(restMs),
    async finish() {
      const leaks = await watch.settle()
      talk.program.check()
      talk.program.child.stdin.end()
      const exit = await talk.program.exit
      if (exit !== 0) throw new Failure(`the end of stdin ended the server with ${exit}: ${talk.program.stderr()}`)
      return leaks
    },
  }
}

/** What is about lines and not about messages. */
const odd: fc.Arbitrary<Input> = fc
  .oneof(
    fc.constantFrom(
      '',
      ' ',
      '\r',
      '\t \r',
      '\r\r',
      '\u2028',
      '\ufeff',
      '{"id":1,\n"method":"x"}',
      '{"id":1,"method":"x"}\r',
      '{"id":1,"method":"x"}\r\n{"id":2,"method":"x"}',
      '\0',
    ),
    fc.string({ unit: anyCharacter, maxLength: 40 }),
  )
  .map((text) => ({ bytes: new TextEncoder().encode(text), binary: false }))

/** Processes, and what stays open, are for the WebSocket family: one session holds all of this. */
const UNWANTED = [Method.ProcessStart, Method.Initialize, Method.FsOpen, Method.FsWatchMissing]

function input(place: Place): fc.Arbitrary<Input> {
  // What ends the server takes one of its own, and thus as long as a thousand lines.
  const harmless = fc
    .oneof(
      { weight: 6, arbitrary: envelopes(0) },
      { weight: 6, arbitrary: requests(place, UNWANTED) },
      { weight: 1, arbitrary: odd },
    )
    .filter((line) => !isOffence(line))
  return fc.oneof({ weight: 500, arbitrary: harmless }, { weight: 1, arbitrary: envelopes(1000) })
}

export const stdioFamily: Family = { name: 'stdio', share: 10, batch: 300, input, open }
