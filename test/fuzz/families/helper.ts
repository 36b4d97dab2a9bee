/** Request lines to the real fs-helper: every request has its answer, in order; what is none ends it with a word. */
import fc from 'fast-check'
import { Method } from '../../../src/protocol/wire/methods.ts'
import { isBlank } from '../expectation.ts'
import { Failure } from '../failure.ts'
import type { Family, Input, Subject } from '../family.ts'
import { disturbed, Members, oddString, oddValue, print } from '../generate/json.ts'
import type { Json } from '../generate/json.ts'
import { paramsOf } from '../generate/params.ts'
import { readJson } from '../json-reader.ts'
import type { Read } from '../json-reader.ts'
import { checkError } from '../ledger.ts'
import { cutLines } from '../lines.ts'
import type { Place } from '../place.ts'
import { startProgram, waitFor, watchHoldings } from '../subject.ts'
import type { Program } from '../subject.ts'

const NEWLINE = Uint8Array.of(0x0a)
const BOM = [0xef, 0xbb, 0xbf]

/** Whether a line is a request, whatever comes of it. */
function isRequest(line: Uint8Array): boolean {
  const text = BOM.every((byte, index) => line[index] === byte) ? line.subarray(BOM.length) : line
  const request = readJson(text)
  if (!(request instanceof Map) || typeof request.get('operation') !== 'string' || !request.has('params')) return false
  const forbidden: Read = request.get('forbidden') ?? (request.has('forbidden') ? null : [])
  return Array.isArray(forbidden) && forbidden.every((path) => typeof path === 'string')
}

const linesOf = ({ bytes }: Input): Uint8Array[] => {
  const lines: Uint8Array[] = []
  for (let from = 0; from <= bytes.length; ) {
    const end = bytes.indexOf(0x0a, from)
    lines.push(bytes.subarray(from, end < 0 ? bytes.length : end))
    from = end < 0 ? bytes.length + 1 : end + 1
  }
  return lines.filter((line) => !isBlank(line))
}

type Talk = { program: Program; ask(line: Uint8Array): void; settled(patienceMs: number): Promise<void> }

function talkTo(program: Program): Talk {
  let wake = (): void => {}
  let failure: Failure | undefined
  let isClosed = false
  /** What was asked for, in order. */
  const due: string[] = []
  program.child.stdout.on(
    'data',
    cutLines((line) => {
      try {
        checkAnswer(line, due.shift())
      } catch (error) {
        failure ??= error instanceof Failure ? error : new Failure(`no JSON: ${line.slice(0, 200)}`)
      }
      wake()
    }),
  )
  program.child.on('close', () => {
    isClosed = true
    wake()
  })
  return {
    program,
    ask: (line) => {
      due.push(new TextDecoder().decode(line))
      program.child.stdin.write(Buffer.concat([line, NEWLINE]))
    },
    async settled(patienceMs) {
      await waitFor(
        () => failure !== undefined || isClosed || due.length === 0,
        patienceMs,
        (call) => (wake = call),
        () => `no answer to ${due[0]?.slice(0, 300)}`,
      )
      if (failure !== undefined) throw failure
      if (due.length > 0)
        throw new Failure(
          `the helper ended with ${program.child.exitCode} (${program.stderr().trim()}) at ${due[0]?.slice(0, 300)}`,
        )
    },
  }
}

function checkAnswer(line: string, request: string | undefined): void {
  if (request === undefined) throw new Failure(`an answer to nothing: ${line.slice(0, 200)}`)
  const { status, payload } = JSON.parse(line) as {
    status: unknown
    payload: { operation: unknown; response: unknown; code: number; message: string }
  }
  if (status === 'error') return checkError(payload)
  const { operation } = JSON.parse(request.replace(/^\ufeff/, '')) as { operation: string }
  if (status !== 'ok' || payload.operation !== operation || typeof payload.response !== 'object')
    throw new Failure(`no answer to ${request.slice(0, 200)}: ${line.slice(0, 200)}`)
}

async function open(place: Place): Promise<Subject> {
  const start = (): Talk => talkTo(startProgram(['fs-helper'], place))
  const probe = new TextEncoder().encode(JSON.stringify({ operation: Method.FsGetMetadata, params: { path: '/' } }))
  const prime = async (): Promise<Talk> => {
    const begun = start()
    begun.ask(probe)
    await begun.settled(30_000)
    return begun
  }
  let talk = await prime()
  let watch = await watchHoldings(talk.program.child.pid as number)

  /** What ends the helper is said to one of its own. */
  async function offend(line: Uint8Array, patienceMs: number): Promise<void> {
    const { program } = start()
    try {
      program.child.stdin.write(Buffer.concat([line, NEWLINE]))
      const exit = await Promise.race([
        program.exit,
        new Promise((resolve) => setTimeout(resolve, patienceMs, 'nothing').unref()),
      ])
      if (exit !== 1 || !/^fs sandbox helper failed: [^\n]+\n$/.test(program.stderr()))
        throw new Failure(`what is no request led to ${exit}: ${program.stderr().slice(0, 1000)}`)
    } finally {
      await program.kill('SIGKILL')
    }
  }

  return {
    async run({ inputs }, patienceMs) {
      place.reset()
      for (const line of inputs.flatMap(linesOf)) {
        if (isRequest(line)) talk.ask(line)
        else await offend(line, patienceMs)
      }
      talk.ask(probe)
      await talk.settled(patienceMs)
      talk.program.check()
    },
    async restart() {
      await talk.program.kill('SIGKILL')
      talk = await prime()
      watch = await watchHoldings(talk.program.child.pid as number)
    },
    kill: () => talk.program.kill('SIGKILL'),
    warm: (restMs) => watch.warm(restMs),
    async finish() {
      const leaks = await watch.settle()
      talk.program.child.stdin.end()
      const exit = await talk.program.exit
      if (exit !== 0) throw new Failure(`the end of stdin ended the helper with ${exit}: ${talk.program.stderr()}`)
      return leaks
    },
  }
}

/** In a sandbox, so that nothing else is: those of the server's methods that are about files, and what else it may be asked. */
function requests(place: Place): fc.Arbitrary<Input> {
  const methods = Object.entries(paramsOf({ ...place, sandboxes: false })).filter(
    ([name]) => name.startsWith('fs/') && name !== Method.FsOpen,
  )
  const call = fc.oneof(...methods.map(([name, params]) => params.map((value) => [name, value] as const)))
  const odd = fc.tuple(
    fc.oneof(oddString, fc.constantFrom<string[]>(Method.ProcessStart, Method.FsClose, Method.CapabilityRootsDiscover)),
    disturbed(fc.constant<Json>({ descriptor: 0 })),
  )
  const forbidden: fc.Arbitrary<Json> = fc.oneof(
    { weight: 4, arbitrary: fc.constant<Json>(undefined) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Json[]>(
        [],
        [`${place.folder}/.git`],
        [place.folder],
        [`${place.folder}/new`, `${place.folder}/d`],
      ),
    },
    { weight: 1, arbitrary: fc.array(oddString, { maxLength: 2 }) },
  )
  const regular = fc
    .tuple(
      fc.oneof({ weight: 12, arbitrary: call }, { weight: 1, arbitrary: odd }),
      forbidden,
      fc.constantFrom<Json[]>(undefined, true, false, 0),
    )
    .map(([[operation, params], paths, covered]) => print({ operation, params, forbidden: paths, covered }))
  const other = fc.oneof(
    oddValue.map(print),
    fc.tuple(fc.constantFrom('operation', 'params', 'forbidden'), oddValue).map(([name, value]) =>
      print(
        new Members([
          ['operation', 'fs/x'],
          ['params', null],
          [name, value],
        ]),
      ),
    ),
    fc.constantFrom(
      '',
      ' ',
      '\r',
      '{',
      '[]',
      '{"operation":"fs/x"}',
      '{"params":{}}',
      '\ufeff{"operation":"fs/x","params":{}}',
    ),
  )
  const input = (text: string): Input => ({ bytes: new TextEncoder().encode(text), binary: true })
  // What is no request takes a helper of its own, and thus as long as a thousand requests.
  const isHarmless = (given: Input): boolean => linesOf(given).every(isRequest)
  return fc.oneof(
    { weight: 500, arbitrary: regular.map(input).filter(isHarmless) },
    { weight: 1, arbitrary: fc.oneof(regular, other).map(input) },
    { weight: 3, arbitrary: other.map(input) },
  )
}

export const helperFamily: Family = { name: 'helper', share: 6, batch: 200, input: requests, open }
