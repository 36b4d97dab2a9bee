/** --record: what is recorded shows the screen that the terminal showed, and a disk that is full stops no terminal. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import xterm from '@xterm/headless'
import * as assert from 'uvu/assert'
import { endWithTest } from '../../support/child.ts'
import { Client } from '../../support/client.ts'
import { works } from '../../support/faults/fault-server.ts'
import { firstLine } from '../../support/first-line.ts'
import { eventually, serverCommand, startServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const test = suite('recording')

type Header = { version: number; width: number; height: number; timestamp: number; command: string; title: string }
type Cast = { header: Header; events: [number, string, string][] }

const casts = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.cast'))
    .sort()
    .map((name) => join(folder, name))

/** The lines that are whole. */
function parse(path: string): Cast {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  const [header, ...events] = lines.map((line) => JSON.parse(line) as unknown)
  return { header: header as Header, events: events as Cast['events'] }
}

/** Until the first recording holds this text. */
const recordedIn = (folder: string, text: string): Promise<void> =>
  eventually(() =>
    casts(folder)
      .slice(0, 1)
      .some((path) => readFileSync(path, 'utf8').includes(text)),
  )

/** The rows that a player shows at the end. */
async function played({ header, events }: Cast): Promise<{ lines: string[]; cursor: [number, number] }> {
  const terminal = new xterm.Terminal({
    rows: header.height,
    cols: header.width,
    scrollback: 0,
    allowProposedApi: true,
  })
  for (const [, kind, data] of events) {
    if (kind === 'o') await new Promise<void>((resolve) => terminal.write(data, resolve))
    else if (kind === 'r') terminal.resize(...(data.split('x').map(Number) as [number, number]))
  }
  const { active } = terminal.buffer
  const line = (row: number): string => active.getLine(active.baseY + row)?.translateToString(true) ?? ''
  return {
    lines: Array.from({ length: terminal.rows }, (_, row) => line(row)),
    cursor: [active.cursorY, active.cursorX],
  }
}

type Snapshot = { screen: { lines: string[]; cursor: { row: number; column: number }; complete: boolean } }

const start = (client: Client, processId: string, script: string, more: object = {}): Promise<unknown> =>
  client.request('process/start', {
    processId,
    argv: ['/bin/sh', '-c', script],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', TERM: 'xterm-256color' },
    tty: true,
    ...more,
  })

/** Until all output has ended. */
const closed = (client: Client, processId: string): Promise<unknown> =>
  client.request('process/wait', { processId, until: 'close' })

/** Colours, the alternate screen, scrolling, wide characters, and a line that is drawn over. */
const DRAWING = String.raw`
printf 'first\r\n\033[31mred\033[0m \303\244\342\202\254\360\237\230\200 wide \346\274\242\n'
seq 1 200
printf '\033[?1049h\033[2J\033[5;5Hon the other screen\033[7;1H'
seq 1 3
printf '\033[?1049l'
printf 'over\rO\nprompt> '
`

test('a player of the recording shows the screen that the terminal showed', async () => {
  const folder = join(temporaryFolder(), 'recordings')
  const server = await startServer(['--record', folder])
  const client = await Client.connect(server.url)
  await start(client, 'p', DRAWING, { terminalSize: { rows: 10, columns: 40 } })
  await closed(client, 'p')
  const { screen } = (await client.request('process/snapshot', { processId: 'p' })) as Snapshot
  await recordedIn(folder, 'prompt> ')
  const cast = parse(casts(folder)[0] as string)
  const { version, width, height, command, title } = cast.header
  assert.equal([version, width, height, title], [2, 40, 10, 'sh'])
  assert.ok(command.startsWith('/bin/sh -c '))
  const { lines, cursor } = await played(cast)
  assert.ok(
    lines.some((line) => line.includes('Over')),
    lines.join('\n'),
  )
  assert.equal(lines, screen.lines)
  assert.equal(cursor, [screen.cursor.row, screen.cursor.column])
  const times = cast.events.map(([at]) => at)
  assert.equal(
    times,
    [...times].sort((one, other) => one - other),
  )
  assert.is(await server.stop(), 0)
})

test('a resize is in its place, and input is not recorded', async () => {
  const folder = join(temporaryFolder(), 'recordings')
  const server = await startServer(['--record', folder])
  const client = await Client.connect(server.url)
  await start(client, 'p', 'stty -echo; echo ready; read secret; stty size; read rest')
  await recordedIn(folder, 'ready')
  await client.request('process/resize', { processId: 'p', rows: 30, columns: 99 })
  const write = (text: string): Promise<unknown> =>
    client.request('process/write', { processId: 'p', chunk: Buffer.from(text).toString('base64') })
  await write('the-secret\n')
  await recordedIn(folder, '30 99')
  const { screen } = (await client.request('process/snapshot', { processId: 'p' })) as Snapshot
  await write('\n')
  await closed(client, 'p')
  const path = casts(folder)[0] as string
  const cast = parse(path)
  assert.equal(
    cast.events.filter(([, kind]) => kind === 'r').map(([, , data]) => data),
    ['99x30'],
  )
  assert.not.match(readFileSync(path, 'utf8'), /the-secret/)
  assert.equal((await played(cast)).lines, screen.lines)
  assert.is(statSync(path).mode & 0o777, 0o600)
  assert.is(server.stderr(), '')
})

test('each terminal has a file, and what has none is not recorded', async () => {
  const folder = join(temporaryFolder(), 'recordings')
  const client = await Client.connect((await startServer(['--record', folder])).url)
  for (const id of ['a', 'b']) await start(client, id, `echo ${id}`)
  await start(client, 'c', 'echo c', { tty: false })
  for (const id of ['a', 'b', 'c']) await closed(client, id)
  await eventually(() => casts(folder).every((path) => readFileSync(path, 'utf8').includes('"o"')))
  const output = casts(folder).map((path) =>
    parse(path)
      .events.map(([, , data]) => data)
      .join(''),
  )
  assert.equal(output.sort(), ['a\r\n', 'b\r\n'])
})

test('on a disk that is full the terminal goes on, with a warning, and the recording ends with a whole line', async () => {
  const disk = temporaryFolder()
  const mount = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=256k tmpfs "$0" && exec "$@"', disk]
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !works([...mount, 'true']))
    skip('no disk can be mounted')
  const folder = join(disk, 'recordings')
  const [command, args] = serverCommand(['--record', folder])
  const [program = '', ...before] = [...mount, command, ...args]
  const child = endWithTest(spawn(program, before, { stdio: ['ignore', 'pipe', 'pipe'] }))
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const client = await Client.connect(await firstLine(child))
  await start(client, 'p', 'seq 1 200000; echo LAST', { outputWindow: undefined })
  const { exitCode } = (await closed(client, 'p')) as { exitCode: number }
  assert.is(exitCode, 0)
  await eventually(() => /"event":"recordingStopped"/.test(stderr))
  assert.match(stderr, /"reason":"No space left on device/)
  // Seen through the server, which has the disk.
  await start(client, 'q', `tail -n 1 ${folder}/*000001.cast | grep -c '"]$'`)
  const ended = (await closed(client, 'q')) as { exitCode: number }
  assert.is(ended.exitCode, 0)
})

test('a directory that others can read is refused before the server starts', async () => {
  const folder = mkdtempSync(join(temporaryFolder(), 'shared-'))
  chmodSync(folder, 0o755)
  const [command, args] = serverCommand(['--record', folder])
  const child = endWithTest(spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] }))
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.is(code, 1)
  assert.match(stderr, /cannot use the directory .* of --record: its group or others can read it: chmod go= /)
})

test.run()
