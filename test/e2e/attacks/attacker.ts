/** Carries out one attack until it is killed: `node attacker.ts NAME URL`. Prints a line once it has begun. */
import process from 'node:process'
import type { Socket } from 'node:net'
import { attacks } from './attacks.ts'
import type { Attack } from './attacks.ts'
import { dial, initialize, upgrade, write } from './raw-socket.ts'

/** After a refused connection: the server should be busy with the attack, and this process not with failing. */
const REDIAL_MS = 5

const [name, url = ''] = process.argv.slice(2)
const attack = attacks.find((each) => each.name === name)
if (attack === undefined) throw new Error(`no attack ${name}`)
const bytes = attack.bytes?.()
process.once('disconnect', () => process.exit())

let begun = 0
await Promise.all(Array.from({ length: attack.sockets }, () => attackForever(attack, begin)))

/** Tells the parent once every connection has got as far as it does for the first time. */
function begin(): void {
  if (++begun === (attack as Attack).sockets) process.send?.('begun')
}

async function attackForever({ handshake, takesNothing }: Attack, onBegun: () => void): Promise<void> {
  for (let isFirst = true; ; isFirst = false) {
    const socket = await dial(url)
    if (socket !== undefined) {
      if (handshake !== 'none') await upgrade(socket)
      if (handshake === 'initialize') await initialize(socket)
    }
    if (takesNothing === true) socket?.pause()
    if (isFirst) onBegun()
    if (socket !== undefined) await attackUntilClosed(socket)
    await new Promise((resolve) => setTimeout(resolve, REDIAL_MS))
  }
}

async function attackUntilClosed(socket: Socket): Promise<void> {
  const closed = new Promise((resolve) => socket.once('close', resolve))
  while (bytes !== undefined && !socket.destroyed) await write(socket, bytes)
  await closed
}
