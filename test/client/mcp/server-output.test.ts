import * as assert from 'uvu/assert'
import { OutputLostError, ProtocolError } from '../../../src/client/base/errors.ts'
import { defaultClientLimits } from '../../../src/client/base/limits.ts'
import type { ProcessEvent } from '../../../src/client/base/types.ts'
import { parseMessage, readOutput } from '../../../src/client/mcp/server-output.ts'
import type { ServerExit } from '../../../src/client/mcp/server-output.ts'
import { test } from '../../support/suite.ts'

type Part = ['stdout' | 'stderr', string] | Exclude<ProcessEvent, { type: 'output' }>

/** Reads a server that writes these parts; `lines` gets its lines, those of stderr after a `!`. */
function read(parts: Part[], lines: string[]): Promise<ServerExit> {
  async function* events(): AsyncGenerator<ProcessEvent> {
    for (const [index, part] of parts.entries()) {
      if (!Array.isArray(part)) yield part
      else yield { type: 'output', seq: index + 1, stream: part[0], bytes: new TextEncoder().encode(part[1]) }
    }
  }
  const limits = { ...defaultClientLimits, mcpLineBytes: 10 }
  return readOutput({ id: 'p', events }, limits, {
    onLine: (line) => lines.push(line),
    onStderr: (line) => lines.push(`!${line}`),
  })
}

test('lines of both streams are delivered as they end, with the exit code and the last line of stderr', async () => {
  const lines: string[] = []
  const exit = await read(
    [
      ['stdout', 'on'],
      ['stderr', 'oops\n\n'],
      ['stdout', 'e\ntwo\nrest'],
      { type: 'exited', seq: 4, exitCode: 3, sandboxDenied: false },
      ['stderr', 'last words'],
      { type: 'closed', seq: 6 },
    ],
    lines,
  )
  assert.equal(lines, ['!oops', '!', 'one', 'two', 'rest', '!last words'])
  assert.equal(exit, { exitCode: 3, lastStderr: 'last words' })
})

test('a line that is too long is an error, after the lines before it', async () => {
  const lines: string[] = []
  const error = await read([['stdout', 'one\n12345678901\n']], lines).catch((error: unknown) => error)
  assert.instance(error, ProtocolError)
  assert.equal(lines, ['one'])
})

test('lost output is an error, other lags are not', async () => {
  const lag = { type: 'lag', afterSeq: 1, resumesAtSeq: 3 } as const
  assert.equal(await read([{ ...lag, lost: false }], []), { exitCode: 0, lastStderr: '' })
  const error = await read([{ ...lag, lost: true }], []).catch((error: unknown) => error)
  assert.instance(error, OutputLostError)
})

test('a message is a JSON object of JSON-RPC 2.0', () => {
  assert.equal(parseMessage('{"jsonrpc":"2.0","id":1}'), { jsonrpc: '2.0', id: 1 })
  for (const line of ['nonsense', 'null', '[]', '{"jsonrpc":"1.0"}'])
    assert.throws(() => parseMessage(line), /wrote a line that is no message/)
})

test.run()
