import * as assert from 'uvu/assert'
import { FILE_OVERHEAD, WARNING_OVERHEAD } from '../../../src/core/capabilities/capability-reader.ts'
import { defaultLimits as limits } from '../../../src/core/base/limits.ts'
import { test } from '../../support/suite.ts'

const base64 = (bytes: number): number => Math.ceil(bytes / 3) * 4

test('every answer that carries bytes fits a message', () => {
  const chunk = '{"seq":9007199254740991,"stream":"stdout","chunk":""},'.length
  const envelope = 1000
  assert.ok(base64(limits.readFileBytes) + envelope < limits.messageBytes)
  assert.ok(base64(limits.retainedPerProcess) + limits.chunksPerProcess * (chunk + 4) + envelope < limits.messageBytes)
})

test('an answer of capability roots fits a message, and is no more than clients decode', () => {
  const { capabilityAnswerBytes, capabilityWarningBytes, capabilityRoots, messageBytes } = limits
  // Room for the names and paths of the roots.
  assert.ok(capabilityAnswerBytes + capabilityWarningBytes + capabilityRoots * 64 * 1024 < messageBytes)
  const values =
    (capabilityAnswerBytes / FILE_OVERHEAD) * 5 + capabilityWarningBytes / WARNING_OVERHEAD + capabilityRoots * 10
  assert.ok(values < 256_000)
})

test('an event stays below what clients take, a read below what they decode', () => {
  assert.ok(base64(limits.chunkBytes) < 1024 * 1024)
  assert.ok(limits.chunksPerProcess * 5 + 10 <= 256_000)
})

test('the unsent output of a process fits what is retained of it, with room for what is read before it pauses', () => {
  assert.ok(limits.unsentPerProcess + 4 * limits.chunkBytes <= limits.retainedPerProcess)
  assert.ok(limits.unsentChunks * 2 <= limits.chunksPerProcess)
})

test('one largest answer fits an idle connection, one largest write fits an idle stdin', () => {
  assert.ok(limits.outboundTotal > limits.messageBytes)
  assert.ok(limits.stdinTotal >= (limits.messageBytes / 4) * 3)
})

test('sessions and ended processes outlive the recovery of every client', () => {
  assert.ok(limits.retainEndedMs >= 45_000 && limits.sessionTtlMs >= 80_000)
})

test('one largest message waits where waiting is bounded, and held writes of a long burst fit their bound', () => {
  assert.ok(limits.waitingBytes >= 2 * limits.messageBytes)
  // A burst of 20,000 small writes to a child that reads late is served in full.
  assert.ok(limits.stdinWrites + (limits.stdinTotal - limits.stdinQueue) / (limits.heldWriteOverhead + 100) > 20_000)
})

test('a drain leaves a client that is far away the time to come for the last of it, and is none unless asked for', () => {
  // Round trips of a client far away, and a look in between.
  assert.ok(limits.drainQuietMs >= 400 && limits.drainMs === 0)
})

test.run()
