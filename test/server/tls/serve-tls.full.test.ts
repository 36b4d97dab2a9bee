/** The certificate of a running server, whose files change. */
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Log } from '../../../src/server/telemetry/log.ts'
import { createCertificate } from '../../../src/server/tls/create-certificate.ts'
import { readKeyPair } from '../../../src/server/tls/key-pair.ts'
import { createTlsTerminator } from '../../../src/server/tls/tls-terminator.ts'
import { serveTls } from '../../../src/server/tls/serve-tls.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { dial, listenThrough } from './support.ts'

type Line = { level: string; event: string; why?: string; fingerprint?: string }

test('a changed pair is used; a broken one is reported, and the old one stays', async () => {
  const folder = temporaryFolder()
  const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  const [first, second] = await Promise.all([createCertificate(['localhost']), createCertificate(['localhost'])])
  const write = (path: string, text: string): void => {
    writeFileSync(`${path}.new`, text, { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
  write(files.certificate, first.certificate)
  write(files.key, first.key)
  const lines: Line[] = []
  const log: Log = {
    has: () => true,
    write: (level, event, fields) => void lines.push({ level, event, ...fields }),
    dropped: () => 0,
  }
  const tls = serveTls({ files, pair: readKeyPair(files) }, { log, onRefused: () => {}, checkMs: 20 })
  atEnd(() => tls.close())
  const port = await listenThrough(tls)
  const trusts = async (ca: string): Promise<boolean> =>
    dial(port, { ca, servername: 'localhost' }).then(
      () => true,
      () => false,
    )
  assert.equal(
    lines.map(({ event }) => event),
    ['certificateLoaded'],
  )
  assert.ok(await trusts(first.certificate))

  write(files.certificate, second.certificate)
  await eventually(() => lines.some(({ event }) => event === 'certificateNotReloaded'))
  const broken = lines.find(({ event }) => event === 'certificateNotReloaded')
  assert.is(broken?.level, 'warn')
  assert.match(broken?.why ?? '', /key\.pem is not the key of .*cert\.pem/)
  assert.ok(await trusts(first.certificate))

  write(files.key, second.key)
  await eventually(() => lines.some(({ event }) => event === 'certificateReloaded'))
  assert.is(lines.at(-1)?.fingerprint, readKeyPair(files).fingerprint)
  assert.ok(await trusts(second.certificate))
  assert.not(await trusts(first.certificate))
})

test('handshakes that follow have the pair that replaced the first; open connections stay', async () => {
  const [first, made] = await Promise.all([createCertificate(['localhost']), createCertificate(['localhost'])])
  const rest = { fingerprint: '', expires: new Date() }
  const terminator = createTlsTerminator({ ...first, ...rest }, () => {})
  const port = await listenThrough(terminator)
  const before = await dial(port, { ca: first.certificate, servername: 'localhost' })
  terminator.replace({ ...made, ...rest })
  const after = await dial(port, { ca: made.certificate, servername: 'localhost' })
  assert.ok(after.authorized)
  before.end('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  assert.match(String((await once(before, 'data'))[0]), /200 OK/)
})

test.run()
