import * as assert from 'uvu/assert'
import type { Child, ChildEvents } from '../../../src/core/base/host.ts'
import type { SandboxedStart } from '../../../src/host/process/sandboxed-command.ts'
import { startConfirmed } from '../../../src/host/sandbox/confirmed-start.ts'
import { MountsChangedError } from '../../../src/host/sandbox/mount-sources.ts'
import { SandboxSetupError } from '../../../src/host/sandbox/mount-verification.ts'
import { test } from '../../support/suite.ts'

/** A client that writes down what it is told, and a child that does: it exits when it is killed. */
function stage() {
  const told: string[] = []
  const done: string[] = []
  const client: ChildEvents = {
    output: (stream, bytes) => told.push(`${stream} ${Buffer.from(bytes).toString()}`),
    exited: (code) => told.push(`exited ${code}`),
    ended: () => told.push('ended'),
    stdinMoved: () => told.push('stdin'),
  }
  let events = client
  const note = (what: string) => (): void => void done.push(what)
  const child: Child = {
    pid: 1,
    write: note('write'),
    stdinQueued: () => 0,
    stdinOpen: () => false,
    pause: note('pause'),
    resume: note('resume'),
    signal: note('signal'),
    terminate: note('terminate'),
    kill: () => {
      done.push('kill')
      events.exited(137)
    },
    abandon: note('abandon'),
    forget: note('forget'),
  }
  const say = (text: string): void => {
    const bytes = Buffer.from(text)
    events.output('stderr', bytes)
    // The memory of the next read.
    bytes.fill('?')
  }
  const start = async (given: ChildEvents): Promise<Child> => {
    events = given
    return child
  }
  const run = (confirm: SandboxedStart['confirm'], isLast = false): Promise<Child> => {
    const command = { file: '', args: [], descriptors: [], close: () => {}, release: () => {}, sharesNetwork: false }
    return startConfirmed({ ...command, ...(confirm && { confirm }) }, client, isLast, start)
  }
  return { told, done, child, say, exit: (code: number) => events.exited(code), run }
}

/** The error of a promise. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

test('events are held until the sandbox is confirmed, and then delivered in order', async () => {
  const { told, say, exit, run, child } = stage()
  const started = await run(async (pid) => {
    assert.is(pid, 1)
    say('early')
    await Promise.resolve()
    assert.equal(told, [])
  })
  assert.is(started, child)
  say('late')
  exit(0)
  assert.equal(told, ['stderr early', 'stderr late', 'exited 0'])
})

test('a sandbox that is not confirmed is killed, and its client learns nothing of it', async () => {
  const { told, done, say, run } = stage()
  const error = await failure(
    run(async () => {
      say('bwrap: something')
      throw new MountsChangedError('/w')
    }),
  )
  assert.instance(error, MountsChangedError)
  assert.equal([done, told], [['kill', 'abandon', 'forget'], []])
})

test("a bubblewrap that fails by itself is tried again; the last time its message and code are the command's", async () => {
  const fail =
    ({ say, exit }: ReturnType<typeof stage>) =>
    async () => {
      say('bwrap: no')
      exit(1)
      throw new SandboxSetupError('ended')
    }
  const first = stage()
  assert.instance(await failure(first.run(fail(first))), SandboxSetupError)
  assert.equal(first.told, [])
  const last = stage()
  await last.run(fail(last), true)
  assert.equal(last.told, ['stderr bwrap: no', 'exited 1'])
})

test('a sandbox with nothing to confirm starts at once', async () => {
  const { told, say, run } = stage()
  await run(undefined)
  say('x')
  assert.equal(told, ['stderr x'])
})

test.run()
