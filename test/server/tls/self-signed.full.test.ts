/** The certificate that a server makes for itself. */
import { X509Certificate } from 'node:crypto'
import { chmodSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { selfSigned, stateDirectory } from '../../../src/server/tls/self-signed.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

test('it stays the same until a name is wanted that it lacks, and keeps those that it has', async () => {
  const directory = join(temporaryFolder(), 'state')
  const first = await selfSigned(['127.0.0.1', 'Devbox.Example'], directory)
  assert.ok(first.isNew)
  const again = await selfSigned(['127.0.0.1'], directory)
  assert.not(again.isNew)
  assert.is(again.pair.fingerprint, first.pair.fingerprint)
  const more = await selfSigned(['*.corp.example', '0.0.0.0', '*', '2001:db8:0::1'], directory)
  assert.ok(more.isNew)
  assert.is.not(more.pair.fingerprint, first.pair.fingerprint)
  const parsed = new X509Certificate(more.pair.certificate)
  for (const name of ['localhost', 'devbox.example', 'a.corp.example']) assert.ok(parsed.checkHost(name), name)
  for (const address of ['127.0.0.1', '::1', '2001:db8::1']) assert.ok(parsed.checkIP(address), address)
  assert.is(parsed.checkHost('other.example'), undefined)
  assert.not(parsed.ca)
  assert.not((await selfSigned(['2001:db8::1', '*.corp.example'], directory)).isNew)
})

test('nobody else can read it, and nothing else is left in its directory', async () => {
  const directory = join(temporaryFolder(), 'state')
  const { files } = await selfSigned([], directory)
  for (const path of [directory, join(directory, 'tls')]) assert.is(statSync(path).mode & 0o777, 0o700, path)
  for (const path of Object.values(files)) assert.is(statSync(path).mode & 0o777, 0o600, path)
  await selfSigned(['new.example'], directory)
  assert.equal(readdirSync(directory), ['tls'])
})

test('a directory that others can read is refused', async () => {
  const directory = temporaryFolder()
  chmodSync(directory, 0o755)
  const fault = await selfSigned([], directory).catch((error: Error) => error.message)
  assert.match(String(fault), /is not of this user alone: chown and chmod 700 it/)
})

test('it is kept in the state directory of the user', () => {
  assert.is(stateDirectory({ XDG_STATE_HOME: '/state' }, '/home/ada'), '/state/exec-server')
  assert.is(stateDirectory({ XDG_STATE_HOME: 'relative' }, '/home/ada'), '/home/ada/.local/state/exec-server')
  assert.throws(() => stateDirectory({}, ''), /there is no home directory/)
})

test.run()
