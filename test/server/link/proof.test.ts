import * as assert from 'uvu/assert'
import { isProof, newNonce, proofOf } from '../../../src/server/link/proof.ts'
import { test } from '../../support/suite.ts'

const transcript = { challenge: newNonce(), nonce: newNonce(), instance: 'run', host: 'devbox' }

test('a proof is of one end, one secret, and everything that was said', () => {
  const proof = proofOf('secret', 'devbox', transcript)
  assert.ok(isProof(proof, proofOf('secret', 'devbox', { ...transcript })))
  const others = [
    proofOf('secret', 'accept', transcript),
    proofOf('secre', 'devbox', transcript),
    proofOf('secret', 'devbox', { ...transcript, challenge: newNonce() }),
    proofOf('secret', 'devbox', { ...transcript, nonce: newNonce() }),
    proofOf('secret', 'devbox', { ...transcript, instance: 'run"' }),
    proofOf('secret', 'devbox', { ...transcript, host: 'other' }),
    // The parts cannot be cut anew.
    proofOf('secret', 'devbox', { ...transcript, instance: 'rundevbox', host: '' }),
  ]
  for (const other of others) assert.not(isProof(proof, other))
  assert.is(new Set(others).size, others.length)
})

test('a proof of another length is none', () => {
  const proof = proofOf('secret', 'devbox', transcript)
  for (const other of ['', proof.slice(1), `${proof}A`]) assert.not(isProof(other, proof))
})

test.run()
