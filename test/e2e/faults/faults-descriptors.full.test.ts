/** Out of descriptors: with any number of them left a call works or says why not, and nothing is lost by it. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import type { Answer } from '../../support/client.ts'
import { cpuSeconds, holdingsOf, limitOf, setLimit, settled } from '../../support/faults/fault-proc.ts'
import {
  assertSilent,
  isLinux,
  needsLinux,
  shownInFull,
  shownUnless,
  startFaultServer,
  whyNoSandbox,
  works,
} from '../../support/faults/fault-server.ts'
import type { FaultServer } from '../../support/faults/fault-server.ts'
import { at, glob, managed, READ_ALL, special } from '../../support/sandbox.ts'
import { eventually, isDeno, sleep } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { reply, Web } from '../../support/web/web.ts'

const test = suite('faults: out of descriptors')
const needsPrlimit = works(['prlimit', '--version']) ? undefined : 'there is no prlimit'
const shown = shownUnless(needsLinux ?? needsPrlimit, test)
const needsSandbox = whyNoSandbox()

let server: FaultServer
let client: Client
let folder: string
let web: Web
let usual: number
let round = 0

test.before(async () => {
  if (!isLinux || needsPrlimit !== undefined) return
  folder = mkdtempSync(join(tmpdir(), 'exec-server-fds-'))
  mkdirSync(join(folder, 'tree', 'below'), { recursive: true })
  writeFileSync(join(folder, 'file'), 'content')
  writeFileSync(join(folder, 'tree', 'below', 'leaf'), 'leaf')
  web = await Web.start((_, socket) => socket.end(reply('answer', [['connection', 'close']])))
  server = await startFaultServer()
  usual = limitOf(server.pid, 'Max open files')
  client = await Client.connect(server.url)
})

test.after(async () => {
  await client?.close()
  await server?.stop()
  await web?.stop()
  if (folder !== undefined) rmSync(folder, { recursive: true })
})

/** The numbers of the server's descriptors, once nothing that it opened for a moment is among them. */
async function usedNumbers(): Promise<Set<number>> {
  const look = (): string[] => readdirSync(`/proc/${server.pid}/fd`)
  for (let before = look(); ; ) {
    await sleep(10)
    const now = look()
    if (now.join() === before.join()) return new Set(now.map(Number))
    before = now
  }
}

/** Leaves the server so many descriptors that are free. */
async function leaveFree(count: number): Promise<void> {
  const used = await usedNumbers()
  let limit = 0
  for (let free = 0; free < count || used.has(limit); limit++) if (!used.has(limit)) free++
  setLimit(server.pid, 'nofile', limit)
}

const giveBack = (): void => setLimit(server.pid, 'nofile', usual)

/** A call whose outcome can be told: whether it worked, as it should have. */
type Call = {
  title: string
  ask(): Promise<Answer>
  check(answer: Answer): void | Promise<void>
  confined?: boolean
  most?: number
}

const COMMAND = { argv: ['/bin/sh', '-c', 'echo out; exit 3'], cwd: '/', env: { PATH: '/bin:/usr/bin' }, tty: false }

function starting(more: object): Pick<Call, 'ask' | 'check'> {
  let id = ''
  return {
    ask: () => {
      id = `p${++round}`
      return client.ask('process/start', { processId: id, ...COMMAND, ...more })
    },
    check: async () => {
      assert.is(await client.closed(id), 3)
      assert.is(client.outputOf(id).toString().trim(), 'out')
    },
  }
}

const text = (value: string): string => Buffer.from(value).toString('base64')
const asked = (method: string, params: () => object, check: (result: any) => void): Pick<Call, 'ask' | 'check'> => ({
  ask: () => client.ask(method, params()),
  check: ({ result }) => check(result),
})

const sandbox = managed(['/'], [READ_ALL, special('tmpdir', 'write')])

const CALLS: Call[] = [
  { title: 'a process on pipes', ...starting({ pipeStdin: true }) },
  { title: 'a process with closed stdin', ...starting({}) },
  { title: 'a process on a terminal', ...starting({ tty: true }) },
  { title: 'a process in a sandbox', ...starting({ sandbox }), confined: true },
  { title: 'a process on a terminal in a sandbox', ...starting({ tty: true, sandbox }), confined: true },
  {
    title: 'fs/open',
    ask: () => client.ask('fs/open', { handleId: `h${++round}`, path: join(folder, 'file') }),
    check: async () => {
      const block = await client.request('fs/readBlock', { handleId: `h${round}`, offset: 0, len: 100 })
      assert.is(block.chunk, text('content'))
      await client.request('fs/close', { handleId: `h${round}` })
    },
  },
  {
    title: 'fs/readFile',
    ...asked(
      'fs/readFile',
      () => ({ path: join(folder, 'file') }),
      ({ dataBase64 }) => assert.is(dataBase64, text('content')),
    ),
  },
  {
    title: 'fs/writeFile',
    ...asked(
      'fs/writeFile',
      () => ({ path: join(folder, `new${++round}`), dataBase64: text('new') }),
      () => assert.is(readFileSync(join(folder, `new${round}`), 'utf8'), 'new'),
    ),
  },
  {
    title: 'fs/copy of a tree',
    ...asked(
      'fs/copy',
      () => ({ sourcePath: join(folder, 'tree'), destinationPath: join(folder, `copy${++round}`), recursive: true }),
      () => assert.is(readFileSync(join(folder, `copy${round}`, 'below', 'leaf'), 'utf8'), 'leaf'),
    ),
  },
  {
    title: 'fs/readDirectory',
    ...asked(
      'fs/readDirectory',
      () => ({ path: join(folder, 'tree') }),
      ({ entries }) => assert.is(entries[0].fileName, 'below'),
    ),
  },
  {
    title: 'fs/remove of a tree',
    ask: async () => {
      mkdirSync(join(folder, `gone${++round}`, 'below'), { recursive: true })
      return client.ask('fs/remove', { path: join(folder, `gone${round}`), recursive: true })
    },
    check: () => assert.not(readdirSync(folder).includes(`gone${round}`)),
  },
  {
    title: 'fs/readFile in a sandbox',
    confined: true,
    ...asked(
      'fs/readFile',
      () => ({ path: join(folder, 'file'), sandbox: anotherSandbox() }),
      ({ dataBase64 }) => assert.is(dataBase64, text('content')),
    ),
  },
  {
    title: 'http/request',
    ...asked(
      'http/request',
      () => ({ method: 'GET', url: web.url(), requestId: `r${++round}` }),
      ({ status, bodyBase64, body }) => assert.equal([status, bodyBase64 ?? body], [200, text('answer')]),
    ),
  },
]

/** Each takes a helper of its own, as no two are the same. What may be read is not all, or it would be read without one. */
function anotherSandbox(): object {
  return managed([folder], [special('minimal', 'read'), at(folder, 'read'), glob(`/nowhere${++round}/*`)])
}

/** Enough for anything: the most that a call takes at a time, and some. */
const PLENTY = 30

/**
 * It says what there is too little of, or at least what could not be had. The executable has the terminals' native part in
 * it, and tells in the linker's words why that could not be loaded.
 */
const CLEAR =
  /Too many open files \(os error 24\)|cannot open a terminal|EMFILE|^terminals are not available here: .*Too many open files/

async function mustWork({ ask, check }: Call): Promise<void> {
  const answer = await ask()
  assert.is(answer.error, undefined, JSON.stringify(answer.error))
  await check(answer)
}

/** The call with so many descriptors left. Returns whether it worked. */
async function withFree(count: number, { ask, check }: Call): Promise<boolean> {
  await leaveFree(count)
  const answer = await ask().finally(giveBack)
  if (answer.error === undefined) {
    await check(answer)
    return true
  }
  assert.is(answer.error.code, -32603, answer.error.message)
  assert.match(answer.error.message, CLEAR, answer.error.message)
  return false
}

/** Deno ends itself when it cannot open a file while it reads a module. */
const needsNode = isDeno ? 'Deno panics when it loads a module without a descriptor' : undefined

/** Before anything was used for the first time: what is loaded then needs descriptors, too. */
for (const call of CALLS) {
  const show = shownUnless(needsLinux ?? needsPrlimit ?? needsNode ?? (call.confined ? needsSandbox : undefined), test)
  show(`${call.title} works later though its first use found no descriptor`, async () => {
    await withFree(0, call)
    await withFree(1, call)
    await withFree(4, call)
    await mustWork(call)
    assertSilent(server)
  })
}

const NUMBERS = Array.from({ length: PLENTY + 1 }, (_, count) => count).filter(
  (count) => count < 14 || (count - PLENTY) % 8 === 0,
)
/** None, what the quickest take, what falls short in the midst of the others, and enough. */
const FEW_NUMBERS = [0, 1, 2, 4, 7, PLENTY]

async function mustWorkOrSaySo(call: Call, counts: readonly number[]): Promise<void> {
  await mustWork(call)
  const before = holdingsOf(server.pid)
  const worked: number[] = []
  for (const count of counts) {
    if (await withFree(count, call)) worked.push(count)
    await settled(server.pid, before)
  }
  assert.not(worked.includes(0), 'it works without a descriptor')
  assert.ok(worked.includes(PLENTY), `it works with ${worked} only`)
  await mustWork(call)
  assertSilent(server)
}

for (const call of CALLS) {
  const needs = needsLinux ?? needsPrlimit ?? (call.confined ? needsSandbox : undefined)
  shownUnless(needs, test)(`${call.title} works or is a clear error with few descriptors left, and leaks none`, () =>
    mustWorkOrSaySo(call, FEW_NUMBERS),
  )
  shownInFull(needs, test)(
    `${call.title} works or is a clear error with any number of descriptors left, and leaks none`,
    () => mustWorkOrSaySo(call, NUMBERS),
  )
}

/** More are started at once than there are descriptors for. */
async function crowd(count: number, free: number): Promise<void> {
  const before = holdingsOf(server.pid)
  const argv = ['/bin/sh', '-c', 'sleep 0.5; echo $0; exit 5']
  const ask = (id: string, index: number): Promise<Answer> =>
    client.ask('process/start', {
      processId: id,
      argv: [...argv, id],
      cwd: '/',
      env: { PATH: '/bin:/usr/bin' },
      tty: index % 2 === 0,
    })
  const ids = Array.from({ length: count }, () => `crowd${++round}`)
  await leaveFree(free)
  const answers = await Promise.all(ids.map(ask)).finally(giveBack)
  const started = ids.filter((_, index) => answers[index]?.error === undefined)
  const refusals = answers.flatMap(({ error }) => error ?? [])
  assert.ok(started.length > 0 && refusals.length > 0, `${started.length} started`)
  for (const { code, message } of refusals) assert.ok(code === -32603 && CLEAR.test(message), message)
  const mustEnd = async (id: string): Promise<void> => {
    assert.is(await client.closed(id, 50_000), 5)
    assert.is(client.outputOf(id).toString().trim(), id)
  }
  for (const id of started) await mustEnd(id)
  // The ids of those that were refused are free.
  const rest = ids.filter((id) => !started.includes(id))
  for (const { error } of await Promise.all(rest.map(ask))) assert.is(error, undefined, error?.message)
  for (const id of rest) await mustEnd(id)
  await settled(server.pid, before)
}

shown(
  'of many processes started at once with descriptors for a few each runs or fails with the reason, and later all run',
  () => crowd(30, 20),
)
shownInFull(needsLinux ?? needsPrlimit, test)(
  'of a hundred processes started at once with descriptors for a few each runs or fails with the reason, and later all run',
  () => crowd(100, 40),
)

/** Deno takes no more connections once one could not be accepted, and does not say so. */
const needsAccept = isDeno ? 'Deno listens no more once a connection could not be accepted' : undefined

/** Ten of the units that processor time is told in. */
const REST_MS = 100

const shownAccepting = shownUnless(needsLinux ?? needsPrlimit ?? needsAccept, test)
shownAccepting(
  'connections that find no descriptor are turned away, others are served, and new ones are taken later',
  async () => {
    const before = holdingsOf(server.pid)
    await leaveFree(3)
    const sockets = Array.from({ length: 20 }, () => connect(server.port, '127.0.0.1'))
    let closed = 0
    for (const socket of sockets)
      socket
        .on('error', () => {})
        .on('close', () => closed++)
        .resume()
    await eventually(() => closed >= 10, 30_000, 'the end of those for whom there is no descriptor')
    // Whoever is busy with those that it cannot take never rests for so long.
    await eventually(
      async () => {
        const processor = cpuSeconds(server.pid)
        await sleep(REST_MS)
        return cpuSeconds(server.pid) === processor
      },
      30_000,
      'a server at rest',
    )
    assert.equal(await client.request('environment/status', null), { status: 'ready' })
    giveBack()
    const late = await Client.connect(server.url)
    assert.is((await late.run(`late${++round}`, ['/bin/echo', 'late'])).output, 'late\n')
    await late.drop()
    for (const socket of sockets) socket.destroy()
    await settled(server.pid, before)
    assertSilent(server)
  },
)

test.run()
