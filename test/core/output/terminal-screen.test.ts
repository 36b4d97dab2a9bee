import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import { RetainedOutput } from '../../../src/core/output/retained-output.ts'
import { TerminalScreen } from '../../../src/core/output/terminal-screen.ts'
import { FakeHost } from '../../support/fakes/fake-host.ts'
import { ManualClock, settled } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

function setup(given: Partial<Limits> = {}, count = { open: 0 }) {
  const limits = { ...defaultLimits, retainedPerProcess: 100, screenSlice: 20, ...given }
  const [clock, host] = [new ManualClock(), new FakeHost()]
  const retained = new RetainedOutput(limits)
  const faults: unknown[] = []
  let [seq, holds] = [0, 0]
  const screen = new TerminalScreen({
    output: {
      after: (seq) => retained.ring.after(seq),
      get lastDropped() {
        return retained.lastDropped
      },
    },
    hold: () => {
      holds++
      return () => holds--
    },
    size: { rows: 24, columns: 80 },
    open: (size) => host.openScreen(size),
    count,
    clock,
    limits,
    report: (fault) => faults.push(fault),
  })
  const write = (text: string): void =>
    screen.added(retained.append(++seq, 'pty', new TextEncoder().encode(text), Infinity))
  /** Lets it draw for as long as it wants to. */
  const draw = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) {
      await settled()
      clock.advance(limits.screenPauseMs)
    }
  }
  return { screen, clock, host, count, write, draw, faults, holds: () => holds, drawn: () => host.screens.at(-1)?.text }
}

test('nothing is drawn as long as all of it is retained, unless it is asked for', async () => {
  const { screen, write, draw, host, clock, drawn, holds } = setup()
  write('a'.repeat(50))
  await draw()
  assert.is(host.screens.length, 0)
  const asking = screen.snapshot()
  while (host.screens.length === 0) await settled()
  assert.is(holds(), 1, 'the output is held back meanwhile')
  for (let turn = 0; turn < 5; turn++, await settled()) clock.turn()
  const snapshot = await asking
  assert.equal(
    [snapshot?.screen.lines, snapshot?.screen.complete, snapshot?.seq, holds()],
    [['a'.repeat(50)], true, 1, 0],
  )
  assert.is(drawn(), 'a'.repeat(50))
})

test('what would be dropped is drawn before, so that the screen is whole after any amount of output', async () => {
  const { screen, write, draw, drawn, clock } = setup()
  let all = ''
  for (let count = 0; count < 200; count++) {
    const text = `${count},`.padEnd(10)
    all += text
    write(text)
    await draw()
  }
  const asking = screen.snapshot()
  for (let turn = 0; turn < 20; turn++, await settled()) clock.turn()
  assert.is((await asking)?.screen.complete, true)
  assert.is(drawn(), all)
})

test('a flood is not drawn before it is asked for; what is gone is skipped, and the screen says so', async () => {
  const { screen, write, drawn, clock, host } = setup()
  for (let count = 0; count < 100; count++) {
    write(`${count},`.padEnd(100))
    clock.advance(1)
    await settled()
  }
  assert.is(host.screens.length, 0)
  const asking = screen.snapshot()
  for (let turn = 0; turn < 20; turn++, await settled()) clock.turn()
  const snapshot = await asking
  assert.equal([snapshot?.screen.complete, snapshot?.seq], [false, 100])
  assert.ok(drawn()?.startsWith('99,'))
  assert.is(host.screens.length, 1)
})

test('what a flood has left is drawn once it is over, before further output drops it', async () => {
  const { screen, write, draw, drawn, clock } = setup()
  for (const text of ['a', 'b', 'c']) write(text.repeat(30))
  await draw()
  assert.is(drawn(), 'a'.repeat(30) + 'b'.repeat(30) + 'c'.repeat(30))
  write('d'.repeat(90))
  const asking = screen.snapshot()
  for (let turn = 0; turn < 20; turn++, await settled()) clock.turn()
  assert.is((await asking)?.screen.complete, true)
})

test('a flood that overtakes the drawing is left alone for a while, and drawn when it has slowed down', async () => {
  const { screen, write, draw, drawn, clock, host } = setup({ screenRestMs: 10_000 })
  for (let count = 0; count < 10; count++) write(`${count},`.padEnd(10))
  clock.advance(20)
  await settled()
  for (let count = 10; count < 100; count++) write(`${count},`.padEnd(10))
  await draw()
  const before = drawn()
  assert.ok((before as string).length < 500)
  for (let count = 100; count < 200; count++) write(`${count},`.padEnd(10))
  await draw()
  assert.is(drawn(), before, 'it rests')
  clock.advance(10_000)
  await draw()
  assert.ok(drawn()?.endsWith('199,      '))
  assert.is((await screen.snapshot())?.screen.complete, false)
  assert.is(host.screens.length, 1)
})

test('no timer is left of a terminal that has ended', async () => {
  for (const end of ['over', 'dispose'] as const) {
    const { screen, write, clock } = setup()
    write('a'.repeat(90))
    assert.is(clock.timers, 1)
    screen[end]()
    assert.is(clock.timers, 0)
  }
})

test('output is drawn on the size that the terminal had when it came', async () => {
  const { screen, write, host, clock } = setup()
  const sizes: string[] = []
  const open = host.openScreen.bind(host)
  host.openScreen = async (size) => {
    const opened = await open(size)
    const note = (kind: string): void => void sizes.push(`${kind} ${host.screens[0]?.columns}`)
    return {
      ...opened,
      write: async (bytes) => note(new TextDecoder().decode(bytes)),
      resize: (to) => opened.resize(to),
    }
  }
  write('a')
  screen.resized({ rows: 24, columns: 100 })
  screen.resized({ rows: 24, columns: 90 })
  write('b')
  screen.resized({ rows: 24, columns: 70 })
  const asking = screen.snapshot()
  for (let turn = 0; turn < 5; turn++, await settled()) clock.turn()
  assert.is((await asking)?.screen.columns, 70)
  assert.equal(sizes, ['a 80', 'b 90'])
})

test('there are so many emulators at a time, and none for a terminal larger than any display', async () => {
  const count = { open: 0 }
  const [one, other] = [setup({ screens: 1 }, count), setup({ screens: 1 }, count)]
  await one.screen.snapshot()
  assert.is(count.open, 1)
  let refusal: unknown
  await other.screen.snapshot().catch((error: unknown) => (refusal = error))
  assert.match(String(refusal), /too many screens are drawn: 1/)
  one.screen.dispose()
  await settled()
  assert.is(count.open, 0)
  other.screen.resized({ rows: 1000, columns: 1000 })
  assert.is(await other.screen.snapshot(), undefined)
  other.screen.resized({ rows: 24, columns: 80 })
  assert.is((await other.screen.snapshot())?.screen.columns, 80)
  assert.equal(other.faults, [])
})

test.run()
