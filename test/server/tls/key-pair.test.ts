/** Certificates and keys from files. */
import { chmodSync, writeFileSync } from 'node:fs'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { readKeyPair } from '../../../src/server/tls/key-pair.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { certificate } from '../../support/web/certificate.ts'

/** Writes both texts; returns their paths. */
function filesOf(cert: string, key: string): { certificate: string; key: string } {
  const folder = temporaryFolder()
  const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  writeFileSync(files.certificate, cert)
  writeFileSync(files.key, key, { mode: 0o600 })
  return files
}

const faultOf = (files: { certificate: string; key: string }): string => {
  try {
    readKeyPair(files)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test('a pair is read with its fingerprint and the end of its life', () => {
  const pair = readKeyPair(filesOf(certificate.cert, certificate.key))
  assert.is(pair.key, certificate.key)
  assert.match(pair.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  assert.is(pair.expires.toISOString(), '2120-01-01T00:00:00.000Z')
})

test('what cannot be used is an error that names the file', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const other = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const encrypted = String(
    privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' }),
  )
  assert.match(faultOf(filesOf('', certificate.key)), /cert\.pem holds no certificate in PEM/)
  assert.match(faultOf(filesOf(certificate.key, certificate.key)), /cert\.pem holds no certificate in PEM/)
  assert.match(faultOf(filesOf(certificate.cert, certificate.cert)), /key\.pem holds no private key in PEM/)
  assert.match(
    faultOf(filesOf(certificate.cert, encrypted)),
    /key\.pem holds no private key in PEM, or an encrypted one/,
  )
  assert.match(faultOf(filesOf(certificate.cert, other)), /key\.pem is not the key of .*cert\.pem/)
  assert.match(faultOf({ certificate: '/nowhere/cert.pem', key: '/nowhere/key.pem' }), /cannot read \/nowhere\/cert/)
})

test('a key that others can write is refused', () => {
  const files = filesOf(certificate.cert, certificate.key)
  chmodSync(files.key, 0o666)
  assert.match(faultOf(files), /can be written by its group or by others: chmod go-w/)
})

test.run()
