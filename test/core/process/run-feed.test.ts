import * as assert from 'uvu/assert'
import type { ListedProcess } from '../../../src/protocol/schemas/process.ts'
import { ProcessRegistry } from '../../../src/core/process/process-registry.ts'
import { RunFeed } from '../../../src/core/process/run-feed.ts'
import { jsonText } from '../../support/json-text.ts'
import { test } from '../../support/suite.ts'

const run = (number: number, argv: string[] = ['x']): ListedProcess => ({
  run: number,
  name: null,
  detached: true,
  processId: 'p',
  client: '',
  session: '',
  attached: true,
  argv,
  cwd: '/',
  tty: false,
  pid: null,
  state: 'closed',
  exitCode: 0,
  startedAtMs: 0,
  exitedAtMs: 0,
})

function setup(bound: number, argv?: string[]) {
  let ready = 0
  const feed = new RunFeed({ eventsReady: () => ready++ }, bound)
  const registry = new ProcessRegistry(100)
  registry.addEarlier([1, 2, 3, 4].map((number) => run(number, argv)))
  const take = (): any => {
    const event = feed.takeEvent()
    return event === undefined ? undefined : JSON.parse(jsonText(event.json()))
  }
  return { feed, registry, take, ready: () => ready }
}

test('changes come in order, from the time on when it follows', () => {
  const { feed, registry, take, ready } = setup(10)
  registry.removeEarlier(1)
  feed.follow(registry)
  feed.follow(registry)
  registry.removeEarlier(2)
  registry.removeEarlier(3)
  assert.is(ready(), 2)
  assert.equal(take(), { method: 'process/listChanged', params: { process: run(2), removed: true } })
  assert.is(take().params.process.run, 3)
  assert.is(take(), undefined)
  feed.dispose()
  registry.removeEarlier(4)
  assert.is(take(), undefined)
})

test('the queue of a client that does not read is bounded; the client gets a notice of what it missed', () => {
  const { feed, registry, take } = setup(2)
  feed.follow(registry)
  for (const number of [1, 2, 3, 4]) registry.removeEarlier(number)
  assert.equal(take(), { method: 'process/listChanged', params: { process: null } })
  assert.is(take().params.process.run, 4)
  assert.is(take(), undefined)
})

test('half a character in a command is replaced in its event', () => {
  const { feed, registry, take } = setup(2, ['\ud800'])
  feed.follow(registry)
  registry.removeEarlier(1)
  assert.equal(take().params.process.argv, ['\ufffd'])
})

test.run()
