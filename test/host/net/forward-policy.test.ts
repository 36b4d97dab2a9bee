import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { compileForwardPolicy, defaultForwardPolicy, readForwardPolicy } from '../../../src/host/net/forward-policy.ts'
import { parseHttpPolicy } from '../../../src/host/http/http-policy.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const LOOPBACK = ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1']
const OTHERS = ['10.0.0.1', '169.254.169.254', '8.8.8.8', 'fe80::1', '::ffff:10.0.0.1']

test('without rules loopback and unix sockets may be used, and nothing else', () => {
  const { allows, allowsListening, allowsSocket } = defaultForwardPolicy(undefined)
  for (const address of LOOPBACK) assert.ok(allows('localhost', address) && allowsListening(address), address)
  for (const address of OTHERS) assert.not(allows('x.test', address) || allowsListening(address), address)
  for (const everywhere of ['0.0.0.0', '::', '::0', '::ffff:0.0.0.0'])
    assert.not(allowsListening(everywhere), everywhere)
  assert.ok(allowsSocket('/run/x.sock'))
})

test('without rules what --http-policy denies cannot be reached either', () => {
  const { allows } = defaultForwardPolicy(parseHttpPolicy('{"deny":["127.0.0.1"]}'))
  assert.not(allows('localhost', '127.0.0.1'))
  assert.ok(allows('localhost', '127.0.0.2'))
  assert.not(defaultForwardPolicy(parseHttpPolicy('{"allow":["10.0.0.0/8"]}')).allows('10.0.0.1', '10.0.0.1'))
})

test('rules replace the default, for addresses and for sockets', () => {
  const { allows, allowsListening, allowsSocket } = compileForwardPolicy({
    allow: ['db.test', '10.0.0.0/8', '/run/app/'],
    deny: ['10.0.0.1', '/run/app/admin.sock'],
  })
  assert.ok(allows('db.test', '1.2.3.4') && allows('x', '10.0.0.2') && allowsListening('10.0.0.2'))
  assert.not(allows('x', '10.0.0.1') || allows('localhost', '127.0.0.1') || allowsListening('127.0.0.1'))
  assert.ok(allowsSocket('/run/app') && allowsSocket('/run/app/x.sock') && allowsSocket('/run/app/a/b'))
  assert.not(allowsSocket('/run/app/admin.sock') || allowsSocket('/run/apple') || allowsSocket('/run/docker.sock'))
})

test('listening on all addresses needs a rule that names them', () => {
  for (const rule of ['0.0.0.0', '*', '0.0.0.0/0'])
    assert.ok(compileForwardPolicy({ allow: [rule], deny: [] }).allowsListening('0.0.0.0'), rule)
  assert.not(compileForwardPolicy({ allow: ['127.0.0.0/8', '::1'], deny: [] }).allowsListening('0.0.0.0'))
  assert.ok(compileForwardPolicy({ deny: ['10.0.0.1'] }).allowsListening('0.0.0.0'), 'only what is denied is denied')
  assert.not(compileForwardPolicy({ deny: ['0.0.0.0'] }).allowsListening('0.0.0.0'))
})

test('a rule for a path that leads through a link holds for where it leads', () => {
  const directory = temporaryFolder()
  mkdirSync(join(directory, 'real'))
  symlinkSync('real', join(directory, 'link'))
  const { allowsSocket } = compileForwardPolicy({ deny: [join(directory, 'link')] })
  assert.not(allowsSocket(join(directory, 'real/x.sock')))
  assert.ok(allowsSocket(join(directory, 'other/x.sock')))
})

test('what is no rule is refused by its name', () => {
  assert.throws(() => readForwardPolicy('{"allow":["no host:80"]}'), /'no host:80'/)
  assert.throws(() => readForwardPolicy('{"permit":[]}'), /permit/)
})

test.run()
