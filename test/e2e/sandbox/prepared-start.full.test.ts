/** Prepared starts, on the real sandbox: what they name is all that the command has, and without one nothing runs. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { users } from '../../support/sandbox.ts'
import { startServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const test = suite('prepared starts')

const SYSTEM = ['/usr', '/bin', '/lib', '/lib64', '/etc'].map((path) => ({ path, access: 'read' }))
type Entries = readonly { path: string; access: string }[]

const prepared = (entries: Entries, network = 'restricted'): object => ({ sandbox: { entries, network } })

function needsSandbox(): void {
  const [user] = users()
  const reason = process.platform === 'linux' ? (user?.obstacle ?? user?.unconfined) : 'for Linux'
  if (reason !== undefined) skip(reason)
}

async function connect(...args: string[]): Promise<Client> {
  return Client.connect((await startServer(args)).url)
}

let count = 0

/** The exit code and the output of a shell script. */
async function run(client: Client, script: string, more: object): Promise<[unknown, string]> {
  const processId = `p${count++}`
  const argv = ['/bin/sh', '-c', script]
  await client.request('process/start', {
    processId,
    argv,
    cwd: '/usr',
    env: { PATH: '/usr/bin:/bin' },
    tty: false,
    ...more,
  })
  let output = ''
  for (let afterSeq = 0; ; ) {
    const { chunks, nextSeq, closed, exitCode } = (await client.request('process/read', {
      processId,
      afterSeq,
      waitMs: 10_000,
    })) as { chunks: { chunk: string }[]; nextSeq: number; closed: boolean; exitCode: number | null }
    for (const { chunk } of chunks) output += Buffer.from(chunk, 'base64').toString()
    afterSeq = nextSeq - 1
    if (closed) return [exitCode, output]
  }
}

const failureOf = async (call: Promise<unknown>): Promise<{ code: number; message: string }> => {
  try {
    await call
  } catch (error) {
    return error as { code: number; message: string } & Error
  }
  throw new Error('it was not refused')
}

test('a prepared command reads and writes what its sandbox names, and nothing else', async () => {
  needsSandbox()
  const [work, secret] = [temporaryFolder(), temporaryFolder()]
  writeFileSync(join(secret, 'file'), 'secret')
  const client = await connect()
  const sandbox = prepared([...SYSTEM, { path: work, access: 'write' }])
  const script = `echo written > ${work}/file; cat ${secret}/file; echo x > ${secret}/new; ls ${secret} | wc -l`
  const [, output] = await run(client, script, { prepared: sandbox })
  assert.is(readFileSync(join(work, 'file'), 'utf8'), 'written\n')
  assert.not.match(output, /^secret/m)
  assert.throws(() => readFileSync(join(secret, 'new')), /ENOENT/)
})

test('nothing is added to its environment, on a terminal neither', async () => {
  needsSandbox()
  const client = await connect()
  for (const tty of [false, true]) {
    const [, output] = await run(client, 'exec env', { tty, env: { A: '1' }, prepared: prepared(SYSTEM) })
    const names = output.split(/\r?\n/).flatMap((line) => line.match(/^\w+(?==)/)?.[0] ?? [])
    // The shell exports its own PWD.
    assert.equal(names.filter((name) => name !== 'PWD').sort(), ['A'], output)
  }
})

test('a prepared start whose sandbox confines nothing, or cannot be enforced, does not run', async () => {
  needsSandbox()
  const marker = join(temporaryFolder(), 'ran')
  const client = await connect()
  for (const [entries, network] of [
    [[{ path: '/', access: 'write' }], 'enabled'],
    [[{ path: '/', access: 'write' }], 'restricted'],
    [[...SYSTEM, { path: '/usr', access: 'write' }], 'restricted'],
  ] as [Entries, string][]) {
    const { code, message } = await failureOf(run(client, `touch ${marker}`, { prepared: prepared(entries, network) }))
    assert.is(code, -32602, message)
    assert.match(message, /confines nothing.*\(prepared\)/)
  }
  const without = await connect('--bwrap', '/nowhere/bwrap')
  const { code } = await failureOf(run(without, `touch ${marker}`, { prepared: prepared(SYSTEM) }))
  assert.is(code, -32602)
  assert.throws(() => readFileSync(marker), /ENOENT/)
})

test('a request for what this server does not know does not run', async () => {
  const marker = join(temporaryFolder(), 'ran')
  const client = await connect()
  for (const more of [{ prepared: true }, { isPrepared: true }, { sandboxPolicy: 'read-only' }]) {
    const { code, message } = await failureOf(run(client, `touch ${marker}`, more))
    assert.is(code, -32602)
    assert.match(message, new RegExp(`^${Object.keys(more)[0]}: `))
  }
  assert.throws(() => readFileSync(marker), /ENOENT/)
})

test('--no-direct starts only what is prepared', async () => {
  needsSandbox()
  const client = await connect('--no-direct')
  assert.match((await failureOf(run(client, 'true', {}))).message, /--no-direct/)
  assert.equal(await run(client, 'echo ran', { prepared: prepared(SYSTEM) }), [0, 'ran\n'])
})

test.run()
