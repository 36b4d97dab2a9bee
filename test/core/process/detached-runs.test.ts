/** Detached runs with a store; what they are without one shows in rpc/run-methods.test.ts. */
import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { LogRange, RunStore, StoredOutput } from '../../../src/core/base/run-store.ts'
import { silentObserver } from '../../../src/core/base/observer.ts'
import { logPart } from '../../../src/core/output/log-part.ts'
import { DetachedRuns } from '../../../src/core/process/detached-runs.ts'
import { ProcessRegistry } from '../../../src/core/process/process-registry.ts'
import { RetainedBudget } from '../../../src/core/output/retained-budget.ts'
import type { ListedProcess } from '../../../src/protocol/schemas/process.ts'
import { FakeHost } from '../../support/fakes/fake-host.ts'
import { ManualClock } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

/** A store in memory. */
class FakeStore implements RunStore {
  earlier: ListedProcess[] = []
  readonly output = new Map<number, StoredOutput[]>()
  readonly ended: ListedProcess[] = []
  readonly removed: number[] = []
  isBehind = false
  onCaughtUp = (): void => {}

  create(run: ListedProcess, onCaughtUp: () => void) {
    this.onCaughtUp = onCaughtUp
    const output: StoredOutput[] = []
    this.output.set(run.run, output)
    const isBehind = (): boolean => this.isBehind
    return {
      write: (chunk: StoredOutput): void => void output.push(chunk),
      get isBehind() {
        return isBehind()
      },
      end: (process: ListedProcess): void => void this.ended.push(process),
    }
  }

  async read(run: number, range: LogRange) {
    const output = this.output.get(run)
    return (
      output &&
      logPart(
        output,
        output.reduce((sum, { bytes }) => sum + bytes.length, 0),
        range,
      )
    )
  }

  remove(run: number): void {
    this.removed.push(run)
    this.output.delete(run)
  }
}

function setup({ earlier = [], limits = {} }: { earlier?: ListedProcess[]; limits?: object } = {}) {
  const [clock, host, store] = [new ManualClock(), new FakeHost(), new FakeStore()]
  store.earlier = earlier
  const all = { ...defaultLimits, retainedPerProcess: 20, ...limits }
  const registry = new ProcessRegistry(100)
  const budget = new RetainedBudget(1e9)
  const runs = new DetachedRuns({ clock, host, limits: all, budget, observer: silentObserver(), runs: registry }, store)
  const start = (name?: string) =>
    runs.start(() => ({ argv: ['x'], cwd: '/', env: new Map(), stdin: 'closed' }), {
      peer: { connection: 1, address: '' },
      isSandboxed: false,
      ready: undefined,
      name,
    })
  const write = (text: string): void => {
    host.child.output('stdout', text)
    clock.turn()
  }
  return { clock, host, store, registry, runs, start, write }
}

const old = (run: number, more: Partial<ListedProcess> = {}): ListedProcess => ({
  run,
  name: `old-${run}`,
  detached: true,
  processId: '',
  client: '',
  session: '',
  attached: true,
  argv: ['x'],
  cwd: '/',
  tty: false,
  pid: null,
  state: 'closed',
  exitCode: 0,
  startedAtMs: Date.now(),
  exitedAtMs: Date.now(),
  ...more,
})

const range: LogRange = { position: 0, lastBytes: undefined, sinceMs: 0, maxBytes: 1e9 }

test('all output goes to the store, which is read instead of what memory retains', async () => {
  const { runs, start, write, host, store } = setup()
  const run = await start()
  for (let count = 0; count < 50; count++) write('0123456789')
  const { entries, droppedBytes } = await runs.logs(run, range)
  assert.equal([entries.length, droppedBytes], [50, 0])
  host.child.exit(4)
  host.child.end()
  assert.equal(
    store.ended.map(({ run, exitCode, state }) => [run, exitCode, state]),
    [[1, 4, 'closed']],
  )
  store.output.clear()
  assert.ok((await runs.logs(run, range)).droppedBytes > 0, 'memory has less')
})

test('a store that is behind holds the process back, and nothing is dropped', async () => {
  const { start, write, host, store } = setup()
  await start()
  store.isBehind = true
  write('one')
  assert.ok(host.child.paused)
  store.isBehind = false
  store.onCaughtUp()
  assert.not(host.child.paused)
})

test('runs of earlier servers are listed and read, their names are taken, and numbers go on behind them', async () => {
  const { runs, start, store, registry } = setup({ earlier: [old(3), old(7)] })
  store.output.set(7, [{ stream: 'stdout', atMs: 0, position: 0, bytes: new TextEncoder().encode('kept') }])
  assert.is((await start('new')).number, 8)
  assert.equal(
    registry.list().map(({ run, name }) => [run, name]),
    [
      [3, 'old-3'],
      [7, 'old-7'],
      [8, 'new'],
    ],
  )
  const found = await registry.findAny('old-7')
  assert.is((await runs.logs(found, range)).entries.length, 1)
  let message = ''
  await start('old-7').catch((error: Error) => ({ message } = error))
  assert.match(message, /there is a run old-7 already/)
  await registry.find(7).catch((error: Error) => ({ message } = error))
  assert.match(message, /earlier server/)
  runs.remove(found)
  assert.equal(store.removed, [7])
  await runs.logs(old(3), range).catch((error: Error) => ({ message } = error))
  assert.match(message, /not kept any more/)
})

test('the oldest go beyond the count, those of earlier servers first, and those beyond the age at the start', async () => {
  const tooOld = old(1, { exitedAtMs: 0 })
  const { registry, start, host, store } = setup({ earlier: [tooOld, old(2), old(3)], limits: { endedRuns: 2 } })
  const numbers = (): number[] => registry.list().map(({ run }) => run)
  assert.equal(numbers(), [2, 3])
  for (let count = 0; count < 2; count++) {
    await start()
    host.child.exit(0)
    host.child.end()
  }
  assert.equal(
    [numbers(), store.removed],
    [
      [4, 5],
      [1, 2, 3],
    ],
  )
})

test('a start that fails leaves nothing in the store, and the end of the server leaves everything', async () => {
  const { start, host, store, runs } = setup()
  host.spawnError = new Error('no')
  await start().catch(() => {})
  assert.equal(store.removed, [1])
  host.spawnError = undefined
  await start('two')
  runs.dispose()
  assert.equal(
    [store.ended.map(({ name, state, exitCode }) => [name, state, exitCode]), store.removed],
    [[['two', 'closed', null]], [1]],
  )
  assert.is(host.child.kills, 1)
})

test.run()
