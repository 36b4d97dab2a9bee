/** The stdio transport: one client, one JSON message per line. The server exits when the client disconnects. */
import { Socket } from 'node:net'
import { createReadStream, createWriteStream, fstatSync } from 'node:fs'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import type { RawJson } from '../../core/base/json-fragments.ts'
import type { ExecServer } from '../../core/rpc/server.ts'
import { CloseCode } from '../../core/base/transport.ts'
import type { Transport } from '../../core/base/transport.ts'
import { noteBytes } from '../../host/memory-pressure.ts'
import { lineReader, NEWLINE } from '../../base/line-reader.ts'
import { payloadLength, writePayload } from './message-encoding.ts'

/** How long a parent that has closed our stdin may take to read the last responses. */
const CLOSE_GRACE_MS = 5000

/** Serves one client on `input` and `output`. Resolves when its last response is written, or it stops reading. */
export function serveStdio(server: ExecServer, input: Readable, output: Writable): Promise<void> {
  const { totals } = server.observer
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const finished = (): void => {
      clearTimeout(timer)
      resolve()
    }
    const transport: Transport = {
      source: 'JSON-RPC message from exec-server stdio',
      peer: 'stdio',
      send: (message) => {
        const line = encodeLine(message)
        totals.sent += line.length
        output.write(line)
      },
      queued: () => output.writableLength,
      pauseInput: () => void input.pause(),
      resumeInput: () => void input.resume(),
      close: () => {
        output.end(finished)
        timer ??= setTimeout(finished, CLOSE_GRACE_MS)
      },
    }
    const connection = server.connect(transport)
    const lines = lineReader(
      () => connection.messageBytes,
      (line) => connection.receive(line),
      () => {
        const { messageBytes, isInitialized } = connection
        connection.refuse(`a line exceeds ${messageBytes} bytes${isInitialized ? '' : ' before initialize'}`)
        connection.close(CloseCode.TooBig, 'line too long')
      },
    )
    input.on('data', (bytes: Buffer) => {
      noteBytes(bytes.length)
      totals.received += bytes.length
      lines.push(bytes)
    })
    input.on('end', () => {
      lines.end()
      connection.close(CloseCode.GoingAway, 'stdin has ended')
    })
    // The client no longer reads, so nothing more can be delivered.
    const lost = (): void => {
      connection.gone()
      finished()
    }
    input.on('error', lost)
    output.on('error', lost)
    output.on('close', lost)
    output.on('drain', () => connection.drained())
  })
}

function encodeLine(message: string | RawJson): Buffer {
  const length = payloadLength(message)
  noteBytes(length)
  const line = Buffer.allocUnsafeSlow(length + 1)
  writePayload(line, message, 0)
  line[length] = NEWLINE
  return line
}

/**
 * The process's own stdin and stdout as non-blocking streams. The runtime's `process.stdout` writes to pipes
 * synchronously: a parent that does not read would block the whole event loop.
 */
export function stdioStreams(): { input: Readable; output: Writable } {
  return {
    input: isStream(0)
      ? new Socket({ fd: 0, readable: true, writable: false })
      : isTerminal(0)
        ? process.stdin
        : createReadStream('', { fd: 0 }),
    output: isStream(1)
      ? new Socket({ fd: 1, readable: false, writable: true })
      : isTerminal(1)
        ? process.stdout
        : createWriteStream('', { fd: 1 }),
  }
}

function isStream(fd: number): boolean {
  const info = fstatSync(fd)
  return info.isFIFO() || info.isSocket()
}

function isTerminal(fd: number): boolean {
  return fstatSync(fd).isCharacterDevice()
}
