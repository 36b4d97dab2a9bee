/** What one client does to keep the server from serving the others. */
import { truncateSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fragmented, frame, message, Opcode, repeated } from './raw-socket.ts'

/** One attack: on each of `sockets` connections, `bytes` are sent again and again. */
export type Attack = {
  name: string
  sockets: number
  /** How far each connection gets before. */
  handshake: 'none' | 'upgrade' | 'initialize'
  /** Whether it takes no answers after the handshake. */
  takesNothing?: boolean
  /** What the other client asks meanwhile; by default for the server's status. */
  observed?: { method: string; params: unknown }
  /** Absent: the connections stay silent. */
  bytes?: () => Buffer
}

const MiB = 1024 * 1024
const FRAME = 16 * MiB

const profile = (patterns: readonly string[]): object => ({
  permissions: {
    type: 'managed',
    file_system: {
      type: 'restricted',
      entries: [
        { path: { type: 'special', value: { kind: 'root' } }, access: 'read' },
        ...patterns.map((pattern) => ({ path: { type: 'glob_pattern', pattern }, access: 'deny' })),
      ],
    },
    network: 'restricted',
  },
  cwd: '/tmp',
})

/** A file of some 10 MiB that every checkout has. */
const LARGE_FILE = createRequire(createRequire(import.meta.url).resolve('esbuild')).resolve(
  `@esbuild/${process.platform}-${process.arch}/bin/esbuild`,
)

/** What may not be read keeps the read from being made without a helper. */
const sandboxedRead = (path: string): { method: string; params: object } => ({
  method: 'fs/readFile',
  params: { path: `file://${path}`, sandbox: profile(['/nothing/*.secret']) },
})

const start = (more: object): object => ({
  id: 1,
  method: 'process/start',
  params: { processId: 'p', argv: ['/bin/true'], cwd: '/tmp', env: {}, tty: false, ...more },
})

const many = (count: number, one: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => one(i))

const filled = (bytes: number, text: string): Buffer => Buffer.alloc(bytes, text)

/** A sparse file of 40 MiB. */
function makeFileOf40MiB(): string {
  const path = join(tmpdir(), 'exec-server-attack-40-MiB')
  writeFileSync(path, '')
  truncateSync(path, 40 * MiB)
  return path
}

/** 60 MiB of JSON. */
const large = (open: string, fill: string, close: string): Buffer => {
  const inside = filled(Math.floor((60 * MiB) / fill.length) * fill.length, fill)
  return fragmented(Buffer.concat([Buffer.from(open), inside, Buffer.from(close)]), FRAME)
}

const params = '{"id":1,"method":"process/list","params":'

/** Every attack that the server withstands. */
export const attacks: readonly Attack[] = [
  // ---- globs ----
  {
    name: '40 globs of eight alternatives each',
    sockets: 1,
    handshake: 'initialize',
    bytes: () =>
      message(start({ sandbox: profile(many(40, (i) => `/w${i}/${'x'.repeat(4000)}${'{a,b}'.repeat(8)}`)) })),
  },
  {
    name: 'globs of nested alternatives',
    sockets: 1,
    handshake: 'initialize',
    bytes: () =>
      message(start({ sandbox: profile(many(400, (i) => `/w${i}/${'{a,'.repeat(1000)}${'}'.repeat(1000)}`)) })),
  },
  {
    name: '2,000 globs of `**` and classes',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => message(start({ sandbox: profile(many(2000, (i) => `/w${i}${'/**/*a*[b-z]'.repeat(150)}`)) })),
  },
  // ---- messages ----
  { name: '60 MiB of {}, before initialize', sockets: 1, handshake: 'upgrade', bytes: () => large('[', '{},', '{}]') },
  { name: '60 MiB of {},', sockets: 1, handshake: 'initialize', bytes: () => large(`${params}[`, '{},', '{}]}') },
  { name: '60 MiB of escapes', sockets: 1, handshake: 'initialize', bytes: () => large(`${params}["`, '\\n', '"]}') },
  { name: '60 MiB of white space', sockets: 1, handshake: 'initialize', bytes: () => large(params, ' ', '{}}') },
  { name: '60 MiB of numbers', sockets: 1, handshake: 'initialize', bytes: () => large(`${params}[`, '1,', '1]}') },
  {
    name: 'an env of 2 M names',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => {
      const env = many(2_000_000, (i) => `"${i}":""`).join(',')
      const text = JSON.stringify(start({})).replace('"env":{}', `"env":{${env}}`)
      return fragmented(Buffer.from(text), FRAME)
    },
  },
  {
    name: 'an argv of 60,000 names',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => message(start({ argv: many(60_000, String) })),
  },
  {
    name: '2,000 paths of 1,000 names',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => {
      const path = `/${'x/'.repeat(1000)}`
      return message(start({ sandbox: { ...profile([]), workspaceRoots: many(2000, (i) => `${path}${i}`) } }))
    },
  },
  {
    name: '4 MiB of paths with empty names',
    sockets: 1,
    handshake: 'initialize',
    bytes: () =>
      message(start({ sandbox: { ...profile([]), workspaceRoots: many(250, () => `/${'x//'.repeat(5333)}`) } })),
  },
  {
    name: '3.9 MiB of arguments',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => message(start({ argv: many(39, () => 'x'.repeat(100_000)) })),
  },
  {
    name: 'strings of 500 KB of escapes',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => message({ id: 1, method: 'process/list', params: many(7, () => '\n'.repeat(250_000)) }),
  },
  {
    name: '60 MiB of base64 with a fault at its end',
    sockets: 1,
    handshake: 'initialize',
    bytes: () =>
      large('{"id":1,"method":"fs/writeFile","params":{"path":"/nothing/x","dataBase64":"', 'AAAA', '=A=="}}'),
  },
  {
    name: '60 MiB of base64 that nothing takes',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => large('{"id":1,"method":"process/list","params":{"dataBase64":"', 'AAAA', '"}}'),
  },
  // ---- frames ----
  { name: 'pings', sockets: 1, handshake: 'initialize', bytes: () => repeated(frame(Opcode.Ping, ''), 100_000) },
  {
    name: 'pings on 8 connections',
    sockets: 8,
    handshake: 'initialize',
    bytes: () => repeated(frame(Opcode.Ping, ''), 100_000),
  },
  { name: 'pongs', sockets: 1, handshake: 'initialize', bytes: () => repeated(frame(Opcode.Pong, ''), 100_000) },
  {
    name: 'empty messages',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => repeated(frame(Opcode.Text, ''), 100_000),
  },
  {
    name: 'fragments of one byte',
    sockets: 1,
    handshake: 'initialize',
    bytes: () =>
      Buffer.concat([
        frame(Opcode.Text, ' ', { fin: false }),
        repeated(frame(Opcode.Continuation, ' ', { fin: false }), 100_000),
      ]),
  },
  {
    name: 'empty fragments',
    sockets: 1,
    handshake: 'initialize',
    bytes: () =>
      Buffer.concat([
        frame(Opcode.Text, '', { fin: false }),
        repeated(frame(Opcode.Continuation, '', { fin: false }), 100_000),
      ]),
  },
  {
    name: 'small requests',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => repeated(message({ id: 1, method: 'environment/status' }), 50_000),
  },
  {
    name: 'notifications',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => repeated(message({ method: 'initialized', params: {} }), 50_000),
  },
  {
    name: 'malformed messages',
    sockets: 1,
    handshake: 'upgrade',
    bytes: () => repeated(frame(Opcode.Text, '{'), 50_000),
  },
  // ---- large files ----
  {
    name: 'reads of 40 MiB',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => message({ id: 1, method: 'fs/readFile', params: { path: `file://${makeFileOf40MiB()}` } }),
  },
  {
    name: 'writes of 40 MiB',
    sockets: 1,
    handshake: 'initialize',
    bytes: () => {
      const data = Buffer.alloc(40 * MiB, 7).toString('base64')
      const path = `file://${join(tmpdir(), 'exec-server-attack-written')}`
      return fragmented(
        Buffer.from(`{"id":1,"method":"fs/writeFile","params":{"path":"${path}","dataBase64":"${data}"}}`),
        FRAME,
      )
    },
  },
  // ---- slots ----
  {
    name: 'sandboxed reads that are not taken',
    sockets: 1,
    handshake: 'initialize',
    takesNothing: true,
    observed: sandboxedRead('/etc/passwd'),
    bytes: () => repeated(message({ id: 1, ...sandboxedRead(LARGE_FILE) }), 16),
  },
  // ---- sockets ----
  { name: '1,100 silent sockets', sockets: 1100, handshake: 'none' },
  { name: '1,100 silent WebSockets', sockets: 1100, handshake: 'upgrade' },
]
