import * as assert from 'uvu/assert'
import { ErrorCode, ProtocolError, RpcError } from '../../../src/client/base/errors.ts'
import { ServerProfile } from '../../../src/client/session/server-profile.ts'
import { test } from '../../support/suite.ts'

const environmentInfo = { shell: { name: 'sh', path: '/bin/sh' }, cwd: 'file:///' }
const needsUri = new RpcError(ErrorCode.InvalidParams, 'expected a file URI')

test('a server that reports its environment gets URIs, any other plain paths', () => {
  const newer = new ServerProfile()
  newer.onInitialized({ sessionId: 's', environmentInfo, extensions: ['resize', 7] }, null)
  assert.equal([newer.sessionId, [...newer.extensions], newer.paths.encode('/a')], ['s', ['resize'], 'file:///a'])
  const older = new ServerProfile()
  older.onInitialized({ sessionId: 's' }, null)
  assert.equal([older.environmentInfo, [...older.extensions], older.paths.encode('/a')], [undefined, [], '/a'])
})

test('an error that asks for URIs switches the path format once', () => {
  const profile = new ServerProfile()
  profile.onInitialized({ sessionId: 's' }, null)
  assert.not.ok(profile.switchToUris(new RpcError(ErrorCode.InvalidParams, 'no such directory')))
  assert.not.ok(profile.switchToUris(new RpcError(ErrorCode.Internal, 'URI')))
  assert.ok(profile.switchToUris(needsUri))
  assert.is(profile.paths.encode('/a'), 'file:///a')
  assert.not.ok(profile.switchToUris(needsUri))
  profile.onInitialized({ sessionId: 's' }, 's')
  assert.is(profile.paths.encode('/a'), 'file:///a')
})

test('a malformed result, or another session than the one to be resumed, is a ProtocolError', () => {
  for (const [result, resumed] of [
    [null, null],
    [{ sessionId: 7 }, null],
    [{ sessionId: 'other' }, 's'],
  ] as const) {
    assert.throws(
      () => new ServerProfile().onInitialized(result, resumed),
      (error: Error) => error instanceof ProtocolError,
    )
  }
})

test.run()
