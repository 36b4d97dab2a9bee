import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { FileOrder } from '../../../src/core/fs/file-order.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

type Call = { kind: 'read' | 'append' | 'copy' | 'remove' | 'settled'; file: number; fails: boolean }

const call: fc.Arbitrary<Call> = fc.record({
  kind: fc.constantFrom('read', 'read', 'append', 'copy', 'remove', 'settled'),
  file: fc.nat(2),
  fails: fc.boolean(),
})

test('whatever the disk does first, calls find the files as if they had run one after the other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(call, { minLength: 1, maxLength: 12 }), async (scheduler, calls) => {
      const order = new FileOrder()
      const files = ['a', 'b', 'c']
      const model = [...files]
      const disk = (): Promise<unknown> => scheduler.schedule(Promise.resolve())
      const results: Promise<unknown>[] = []
      const expected: unknown[] = []
      let [mutations, done] = [0, 0]

      calls.forEach(({ kind, file, fails }, index) => {
        const change = (content: readonly string[]): string => {
          if (kind === 'append') return `${content[file]}${index}`
          return kind === 'copy' ? (content[(file + 1) % 3] as string) : ''
        }
        if (kind === 'settled') {
          const before = mutations
          results.push((order.settled() ?? Promise.resolve()).then(() => done >= before))
          expected.push(true)
        } else if (kind === 'read') {
          results.push(
            order.read(async () => {
              const first = files[file]
              await disk()
              assert.is(files[file], first, 'the file changed under a read')
              if (fails) throw new Error('read failed')
              return first
            }),
          )
          expected.push(fails ? 'failed' : model[file])
        } else {
          mutations++
          results.push(
            order.mutate(async () => {
              const next = change(files)
              files[file] = 'half-written'
              await disk()
              files[file] = next
              done++
              if (fails) throw new Error('mutation failed')
              return next
            }),
          )
          const next = change(model)
          model[file] = next
          expected.push(fails ? 'failed' : next)
        }
      })

      const all = Promise.all(
        results.map((result) =>
          result.catch((error: Error) => (error.message.endsWith('failed') ? 'failed' : error.message)),
        ),
      )
      await scheduler.waitFor(all)
      assert.equal(await all, expected)
      assert.equal(files, model)
      await settled()
      assert.is(order.settled(), undefined)
    }),
    { numRuns: 300 },
  )
})

/** A call that runs until it is told to end. */
function pending(): { run: () => Promise<void>; end: () => void; started: () => boolean } {
  const { promise, resolve } = Promise.withResolvers<void>()
  let started = false
  return { run: () => ((started = true), promise), end: resolve, started: () => started }
}

test('reads run side by side, and start in the very turn in which they come', () => {
  const order = new FileOrder()
  const [one, other] = [pending(), pending()]
  void order.read(one.run)
  void order.read(other.run)
  assert.ok(one.started() && other.started())
})

test('a mutation waits for the reads before it, and holds up those after it', async () => {
  const order = new FileOrder()
  const [before, mutation, after] = [pending(), pending(), pending()]
  void order.read(before.run)
  void order.mutate(mutation.run)
  void order.read(after.run)
  await settled()
  assert.equal([mutation.started(), after.started()], [false, false])
  before.end()
  await settled()
  assert.equal([mutation.started(), after.started()], [true, false])
  mutation.end()
  await settled()
  assert.ok(after.started())
})

test('a read that comes while a second mutation runs waits for it, though the first is done', async () => {
  const order = new FileOrder()
  const [first, second, read] = [pending(), pending(), pending()]
  void order.mutate(first.run)
  void order.mutate(second.run)
  first.end()
  await settled()
  assert.ok(second.started())
  void order.read(read.run)
  await settled()
  assert.not(read.started())
  second.end()
  await settled()
  assert.ok(read.started())
})

test('what settled waits for is the mutations that came before, not the reads', async () => {
  const order = new FileOrder()
  const [read, mutation] = [pending(), pending()]
  void order.read(read.run)
  assert.is(order.settled(), undefined)
  const other = new FileOrder()
  void other.mutate(mutation.run)
  let done = false
  void other.settled()?.then(() => (done = true))
  await settled()
  assert.not(done)
  mutation.end()
  await settled()
  assert.ok(done)
})

test.run()
