/** The stdio transport of a real server. */
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { eventually, isAlive } from '../../support/server.ts'
import { startStdioServer } from '../../support/stdio-server.ts'
import { untilSteady } from '../../support/time/steady.ts'
import { test } from '../../support/suite.ts'

const HANDSHAKE = '{"id":1,"method":"initialize","params":{"clientName":"x"}}\n{"method":"initialized"}\n'
const startProcess = (id: number, processId: string, script: string, more = ''): string =>
  `{"id":${id},"method":"process/start","params":{"processId":"${processId}","argv":["/bin/sh","-c",${JSON.stringify(script)}],"cwd":"/","env":{"PATH":"/bin:/usr/bin"},"tty":false${more}}}\n`

const withId = (lines: readonly string[], id: number): any =>
  lines.map((line) => JSON.parse(line)).find((message) => message.id === id)

function pidsOf(lines: readonly string[]): number[] {
  const text = lines
    .map((line) => JSON.parse(line))
    .filter(({ method }) => method === 'process/output')
    .map(({ params }) => Buffer.from(params.chunk, 'base64').toString())
  return text.join(' ').trim().split(/\s+/).filter(Boolean).map(Number)
}

const allIsAnswered = (listen: 'stdio' | 'stdio://') => async (): Promise<void> => {
  const { child, lines, exit, stderr } = startStdioServer(listen)
  child.stdin.write(HANDSHAKE + startProcess(2, 'p', 'trap "" TERM HUP; sleep 60 & echo $! $$; wait'))
  await eventually(() => pidsOf(lines).length === 2)
  const pids = pidsOf(lines)
  let burst = '{"id":3,"method":"process/read","params":{"processId":"p","afterSeq":1,"waitMs":60000}}\n'
  for (let id = 10; id < 60; id++) burst += `{"id":${id},"method":"fs/getMetadata","params":{"path":"/"}}\n`
  // The last line needs no newline.
  child.stdin.end(`${burst}{"id":60,"method":"environment/status"}`)
  assert.is(await exit, 0)
  for (let id = 10; id <= 60; id++) assert.ok(withId(lines, id)?.result, `answer ${id}`)
  assert.equal(withId(lines, 3).result.chunks, [])
  await eventually(() => pids.every((pid) => !isAlive(pid)), 5000, 'the death of the children')
  assert.is(stderr(), '')
}
const ALL_IS_ANSWERED = 'everything read before the end of stdin is answered, then all is killed and the exit code is 0'
test(ALL_IS_ANSWERED, allIsAnswered('stdio'))
test.full(`${ALL_IS_ANSWERED}, with a URL for the transport`, allIsAnswered('stdio://'))

test('blank lines are passed over, CR LF is a line end, malformed lines are answered and the connection lives', async () => {
  const { child, lines, exit } = startStdioServer()
  child.stdin.write('\n  \r\n\t\nnot json\n{"id":1}{"id":2}\n')
  child.stdin.write(Buffer.from([0x22, 0xff, 0x22, 0x0a]))
  child.stdin.write('{"id":4,"method":"initialize","params":{"clientName":"a\u2028b"}}\r\n')
  await eventually(() => lines.length === 4)
  assert.equal(
    lines.map((line) => JSON.parse(line).id),
    [-1, -1, -1, 4],
  )
  assert.match(lines[0] as string, /exec-server stdio: /)
  child.stdin.end()
  assert.is(await exit, 0)
})

test.full('a line of 64 MiB is taken; one byte more gets an error and the end', async () => {
  const line = (bytes: number): string => {
    const head = '{"id":7,"method":"environment/status","params":{"dataBase64":"'
    const base64 = 'x'.repeat(Math.floor((bytes - head.length - 3) / 4) * 4)
    return `${`${head}${base64}"}}`.padEnd(bytes)}\n`
  }
  const { child, lines, exit } = startStdioServer()
  child.stdin.write(HANDSHAKE)
  child.stdin.write(line(64 * 1024 * 1024))
  await eventually(() => withId(lines, 7) !== undefined, 20_000)
  assert.ok(withId(lines, 7).result)
  child.stdin.write(line(64 * 1024 * 1024 + 1))
  assert.is(await exit, 0)
  assert.is(withId(lines, -1).error.code, -32600)
})

test('a line may have 64 KiB before initialize; a longer one gets an error and the end', async () => {
  const { child, lines, exit } = startStdioServer()
  child.stdin.write(`${'{}'.padEnd(64 * 1024)}\n`)
  await eventually(() => lines.length === 1)
  child.stdin.write(`${'{}'.padEnd(64 * 1024 + 1)}\n`)
  assert.is(await exit, 0)
  assert.match(lines[1] as string, /a line exceeds 65536 bytes before initialize/)
})

const endsAtOnce = (signal: 'SIGTERM' | 'SIGINT') => async (): Promise<void> => {
  const { child, lines, exit } = startStdioServer()
  child.stdin.write(
    HANDSHAKE +
      startProcess(2, 'p', 'trap "" TERM HUP; sleep 60 & echo $! $$; wait') +
      startProcess(3, 't', 'trap "" TERM HUP; sleep 60 & echo $! $$; wait').replace('"tty":false', '"tty":true'),
  )
  await eventually(() => pidsOf(lines).length === 4)
  const pids = pidsOf(lines)
  process.kill(child.pid as number, signal)
  assert.is(await exit, 0)
  await eventually(() => pids.every((pid) => !isAlive(pid)), 5000, 'the death of the children')
}
test('SIGTERM ends it at once, with its processes', endsAtOnce('SIGTERM'))
test.full('SIGINT ends it at once, with its processes', endsAtOnce('SIGINT'))

test.full(
  'a parent that does not read is waited for without a standstill, and one that closes stdout ends it',
  async () => {
    const { child, exit, lines } = startStdioServer()
    child.stdin.write(HANDSHAKE + startProcess(2, 'p', 'yes'))
    await eventually(() => lines.length > 10)
    child.stdout.pause()
    // Until no more goes into the pipe.
    await untilSteady(() => /^wchar: (.*)$/m.exec(readFileSync(`/proc/${child.pid}/io`, 'latin1'))?.[1])
    process.kill(child.pid as number, 'SIGTERM')
    child.stdout.destroy()
    assert.is(await exit, 0)

    const other = startStdioServer()
    other.child.stdin.write(HANDSHAKE + startProcess(2, 'p', 'yes'))
    await eventually(() => other.lines.length > 10)
    other.child.stdout.destroy()
    assert.is(await other.exit, 0)
  },
)

test.run()
