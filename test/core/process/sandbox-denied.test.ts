import * as assert from 'uvu/assert'
import { wasSandboxDenied } from '../../../src/core/process/sandbox-denied.ts'
import type { OutputStream } from '../../../src/protocol/schemas/process.ts'
import { test } from '../../support/suite.ts'

const output =
  (...texts: [OutputStream, string][]) =>
  () =>
    texts.map(([stream, text], index) => ({ seq: index + 1, stream, bytes: new TextEncoder().encode(text) }))

test('a failure with the words of a refusal on any stream is a denial', () => {
  for (const words of [
    'touch: x: Read-only file system',
    'OPERATION NOT PERMITTED',
    'bash: /x: Permission denied',
    'failed to write file',
    'seccomp: bad system call',
    'denied by the Sandbox',
    'Landlock is not there',
  ]) {
    assert.ok(wasSandboxDenied(1, output(['stderr', words])), words)
    assert.ok(wasSandboxDenied(127, output(['stdout', `é ${words}\n`])), words)
    assert.ok(wasSandboxDenied(2, output(['pty', words])), words)
  }
})

test('words that are cut between chunks of a stream count, between streams they do not', () => {
  assert.ok(wasSandboxDenied(1, output(['stderr', 'Permission '], ['stdout', '...'], ['stderr', 'denied'])))
  assert.not(wasSandboxDenied(1, output(['stdout', 'Permission '], ['stderr', 'denied'])))
})

test('success is none whatever it says, nor is a failure without such words', () => {
  assert.not(wasSandboxDenied(0, output(['stderr', 'Permission denied'])))
  assert.not(wasSandboxDenied(127, output(['stderr', 'exec-server: no such program'])))
  assert.not(wasSandboxDenied(1, output()))
})

test('to be killed by the filter of system calls is one without a word', () => {
  assert.ok(wasSandboxDenied(128 + 31, output()))
})

test.run()
