/** Reads what processes write, through memory that all of them share: most write little, and wait most of the time. */
import { Buffer } from 'node:buffer'
import { Socket } from 'node:net'

/** Most bytes of one read: one chunk of output. Then others have their turn. */
const READ_BYTES = 64 * 1024

let buffer: Buffer | undefined

/** The memory of all reads. What was read must be copied before the next read begins. */
export const readBuffer = (): Buffer => (buffer ??= Buffer.allocUnsafeSlow(READ_BYTES))

/** Opens a stream on the read end of a pipe. `take` gets bytes that are valid during the call only. */
export function openOutputPipe(fd: number, take: (bytes: Uint8Array) => void): Socket {
  const onread = {
    buffer: readBuffer(),
    callback: (length: number, bytes: Uint8Array): boolean => {
      take(bytes.subarray(0, length))
      return true
    },
  }
  const pipe = new Socket({ fd, readable: true, writable: false, onread })
  // With `onread` there is no `data` listener to start the flow.
  pipe.resume()
  return pipe
}
