/**
 * Reads what processes write, through memory that all of them share: most write little, and wait most of the time. A flood
 * of output is read in slices, between which the clients are served: the runtime reads 2 MiB of each pipe at a time.
 */
import { Buffer } from 'node:buffer'
import { Socket } from 'node:net'
import { afterTurn } from './after-turn.ts'

/** Most bytes of one read: one chunk of output. */
const READ_BYTES = 64 * 1024

/** Bytes of all pipes in one turn of the event loop: read, encoded and sent in half a millisecond. */
const TURN_BYTES = 256 * 1024

let buffer: Buffer | undefined

/** The memory of all reads. What was read must be copied before the next read begins. */
export const readBuffer = (): Buffer => (buffer ??= Buffer.allocUnsafeSlow(READ_BYTES))

let turnBytes = 0
/** Pipes that go on in a later turn, in that order. */
const stopped = new Set<Socket>()

/** Opens a stream on the read end of a pipe. `take` gets bytes that are valid during the call only. */
export function openOutputPipe(fd: number, take: (bytes: Uint8Array) => void): Socket {
  const onread = {
    buffer: readBuffer(),
    callback: (length: number, bytes: Uint8Array): boolean => {
      take(bytes.subarray(0, length))
      return length < READ_BYTES || mayReadOn(pipe, length)
    },
  }
  const pipe = new Socket({ fd, readable: true, writable: false, onread })
  // With `onread` there is no `data` listener to start the flow.
  pipe.resume()
  return pipe
}

/** Counts a full read. Whether there may be more of them in this turn. */
function mayReadOn(pipe: Socket, length: number): boolean {
  openTurn()
  turnBytes += length
  if (turnBytes < TURN_BYTES && stopped.size === 0) return true
  stopped.add(pipe)
  return false
}

/** Lets as many pipes read on as there is time for. */
const openTurn = afterTurn(() => {
  turnBytes = 0
  let room = TURN_BYTES / READ_BYTES
  for (const pipe of stopped) {
    stopped.delete(pipe)
    if (pipe.isPaused()) continue
    pipe.resume()
    if (--room === 0) break
  }
  if (stopped.size > 0) openTurn()
})
