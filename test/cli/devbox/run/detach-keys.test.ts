import * as assert from 'uvu/assert'
import { detachKeys } from '../../../../src/cli/devbox/run/detach-keys.ts'
import { test } from '../../../support/suite.ts'

function typed(...pieces: number[][]): { through: number[]; detached: number } {
  let detached = 0
  const filter = detachKeys(() => detached++)
  return { through: pieces.flatMap((piece) => [...filter(Uint8Array.from(piece))]), detached }
}

test('Ctrl-P Ctrl-Q detaches, in one piece or in two, and what is typed before it goes through', () => {
  assert.equal(typed([97, 16, 17]), { through: [97], detached: 1 })
  assert.equal(typed([97, 16], [17]), { through: [97], detached: 1 })
  assert.equal(typed([16, 16, 17]), { through: [16], detached: 1 })
})

test('a Ctrl-P with another key behind it goes through with that, in order', () => {
  assert.equal(typed([16, 97]), { through: [16, 97], detached: 0 })
  assert.equal(typed([97, 16], [98, 17]), { through: [97, 16, 98, 17], detached: 0 })
  assert.equal(typed([16], [16], [97]), { through: [16, 16, 97], detached: 0 })
  assert.equal(typed([17], [17, 97]), { through: [17, 17, 97], detached: 0 })
})

test.run()
