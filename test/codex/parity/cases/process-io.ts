/** process/read, write, signal and terminate. */
import { Buffer } from 'node:buffer'
import { malformed, requests, script } from '../case.ts'
import type { Case } from '../case.ts'
import { literally } from '../scene.ts'
import type { Scene } from '../scene.ts'
import { NEW } from '../reference.ts'
import type { Talk } from '../talk.ts'

const base = { processId: 'p', cwd: '$/', env: { PATH: '/usr/bin:/bin' }, tty: false }
const sh = (text: string, more: object = {}): object => ({ ...base, argv: ['/bin/sh', '-c', text], ...more })
const encode = (text: string): string => Buffer.from(text, 'latin1').toString('base64')

/** A connection on which a process has been started. */
async function withProcess(scene: Scene, params: object): Promise<Talk> {
  const talk = await scene.connect()
  await talk.quietly('process/start', params)
  return talk
}

function reads(
  name: string,
  params: object,
  play: (read: (params?: object) => Promise<unknown>, talk: Talk) => Promise<void>,
  release?: string,
): Case {
  return script(
    `process/read ${name}`,
    async (scene) => {
      const talk = await withProcess(scene, params)
      await play((more) => talk.ask('process/read', { processId: 'p', ...more }), talk)
      await talk.quietly('process/terminate', { processId: 'p' })
    },
    release,
  )
}

// Far enough apart for a busy machine, too: each piece is read by itself.
const PIECES = 'for n in 1 2 3 4; do printf "piece-$n"; sleep 0.25; done'

const afterEnd = [
  {},
  { afterSeq: null, maxBytes: null, waitMs: null },
  { afterSeq: 0 },
  { afterSeq: 2 },
  { afterSeq: 4 },
  { afterSeq: 5 },
  { afterSeq: 6 },
  { afterSeq: 100 },
  { afterSeq: literally('18446744073709551615') },
  { maxBytes: 0 },
  { maxBytes: 1 },
  { maxBytes: 7 },
  { maxBytes: 14 },
  { maxBytes: 15 },
  { maxBytes: 1000 },
  { maxBytes: literally('18446744073709551615') },
  { afterSeq: 2, maxBytes: 7 },
  { afterSeq: 4, maxBytes: 7 },
  { afterSeq: 100, maxBytes: 7 },
  { waitMs: 0 },
  { waitMs: 5000 },
  { afterSeq: 6, waitMs: 5000 },
  { afterSeq: 100, waitMs: 100 },
  { waitMs: literally('18446744073709551615') },
]

const reading: Case[] = [
  ...malformed('process/read', { processId: 'none' }, { processId: 'string' }),
  ...malformed('process/read', { processId: 'none', afterSeq: 1 }, { afterSeq: 'integer' }).slice(6),
  ...malformed('process/read', { processId: 'none', maxBytes: 1 }, { maxBytes: 'integer' }).slice(6),
  ...malformed('process/read', { processId: 'none', waitMs: 1 }, { waitMs: 'integer' }).slice(6),
  reads('after the end', sh(PIECES), async (read, talk) => {
    await talk.finish('p')
    for (const params of afterEnd) await read(params)
  }),
  reads('after the end of a terminal', sh(PIECES, { tty: true }), async (read, talk) => {
    await talk.finish('p')
    for (const params of afterEnd.slice(0, 12)) await read(params)
  }),
  reads('stdout and stderr', sh('printf out; sleep 0.1; printf err >&2; sleep 0.1; exit 3'), async (read, talk) => {
    await talk.finish('p')
    await read()
    await read({ afterSeq: 1 })
    await read({ maxBytes: 3 })
  }),
  reads('while nothing comes', sh('sleep 60'), async (read) => {
    await read()
    await read({ waitMs: 50 })
    await read({ afterSeq: 7, waitMs: 50 })
    await read({ maxBytes: 5 })
  }),
  reads('waiting for output', sh('sleep 0.3; printf late; sleep 60'), async (read) => {
    await read({ waitMs: 5000 })
    await read({ afterSeq: 1 })
    await read({ afterSeq: 1, maxBytes: 9 })
  }),
  reads('waiting for the end', sh('sleep 0.3; exit 4'), async (read, talk) => {
    // Whether it tells of the close already is up to chance.
    const { chunks, exited, exitCode } = await talk.quietly('process/read', { processId: 'p', waitMs: 5000 })
    await talk.finish('p')
    await read({ afterSeq: 1, waitMs: 5000 })
    talk.note('process/read', { chunks, exited, exitCode })
  }),
  reads(
    'when the output outlives the process',
    sh('(sleep 0.6; printf late; sleep 0.3) & printf early; sleep 0.1; exit 5'),
    async (read, talk) => {
      await talk.client.until(() => talk.client.eventsOf('p').some(({ method }) => method === 'process/exited'))
      await read()
      await read({ afterSeq: 2, waitMs: 3000 })
      await talk.finish('p')
      await read()
    },
  ),
  script('process/read the last of much output', async (scene) => {
    const talk = await withProcess(
      scene,
      sh('head -c 3000000 /dev/zero | tr "\\0" x; sleep 0.2; printf end; sleep 0.2'),
    )
    await talk.finish('p')
    const { chunks, exited, closed } = await talk.quietly('process/read', { processId: 'p' })
    const kept = Buffer.concat((chunks as { chunk: string }[]).map(({ chunk }) => Buffer.from(chunk, 'base64')))
    scene.note('process/read', {
      end: kept.subarray(-4).toString(),
      exited,
      closed,
      aMebibyte: kept.length > 960_000 && kept.length <= 1_048_576,
    })
  }),
]

function writes(
  name: string,
  params: object,
  play: (write: (chunk: string, writeId?: string) => Promise<unknown>, talk: Talk) => Promise<void>,
): Case {
  return script(`process/write ${name}`, async (scene) => {
    const talk = await withProcess(scene, params)
    let writes = 0
    await play(
      (chunk, writeId) =>
        talk.ask('process/write', { processId: 'p', chunk: encode(chunk), writeId: writeId ?? `w${writes++}` }),
      talk,
    )
    await talk.quietly('process/terminate', { processId: 'p' })
  })
}

const writing: Case[] = [
  ...malformed(
    'process/write',
    { processId: 'none', chunk: 'YQ==', writeId: '1' },
    { processId: 'string', chunk: 'string' },
  ),
  ...malformed(
    'process/write',
    { processId: 'none', chunk: 'YQ==', writeId: '1' },
    { writeId: 'string' },
    { release: NEW },
  ).slice(6),
  ...requests('process/write', {
    'to nobody': { processId: 'none', chunk: 'YQ==', writeId: '1' },
    'without padding': { processId: 'none', chunk: 'YQ', writeId: '1' },
    'with white space': { processId: 'none', chunk: 'YQ= =', writeId: '1' },
    'with a line feed': { processId: 'none', chunk: 'YQ==\n', writeId: '1' },
    'of another alphabet': { processId: 'none', chunk: '_-8=', writeId: '1' },
    'with trailing bits': { processId: 'none', chunk: 'YR==', writeId: '1' },
    'of no base64': { processId: 'none', chunk: '!', writeId: '1' },
    'of nothing': { processId: 'none', chunk: '', writeId: '1' },
  }),
  ...requests(
    'process/write',
    { 'with an empty writeId': { processId: 'none', chunk: 'YQ==', writeId: '' } },
    { release: NEW },
  ),
  writes('to a pipe', sh('head -c 9; printf .; sleep 60', { pipeStdin: true }), async (write, talk) => {
    await write('one\n')
    await write('')
    await write('two\n')
    await write('\n')
    await talk.wrote('p', 10)
    talk.note('process/output', talk.client.outputOf('p').toString())
  }),
  writes(
    'bytes that are no text',
    sh('head -c 4 | od -An -tx1; sleep 60', { pipeStdin: true }),
    async (write, talk) => {
      await write('\0\xff\xfe\n')
      await talk.wrote('p', 13)
    },
  ),
  writes('to closed stdin', sh('sleep 60'), async (write) => {
    await write('one')
    await write('')
  }),
  writes('to a terminal', sh('read line; echo "got $line"', { tty: true }), async (write, talk) => {
    await write('typed\n')
    await talk.finish('p')
  }),
  writes('an end of file to a terminal', sh('cat; exit 3', { tty: true }), async (write, talk) => {
    await write('x\n')
    await write('\x04')
    await talk.finish('p')
  }),
  writes(
    'an interrupt to a terminal',
    sh('trap "printf trapped; exit 9" INT; printf ready; while :; do sleep 0.05; done', { tty: true }),
    async (write, talk) => {
      await talk.wrote('p', 5)
      await write('\x03')
      await talk.finish('p')
    },
  ),
  writes('after the end', sh('exit 0', { pipeStdin: true }), async (write, talk) => {
    await talk.finish('p')
    await write('x')
  }),
  writes('after terminate', sh('sleep 60', { pipeStdin: true }), async (write, talk) => {
    await talk.ask('process/terminate', { processId: 'p' })
    await write('x')
    await talk.finish('p')
    await write('x')
  }),
  writes('to a terminal after terminate', sh('sleep 60', { tty: true }), async (write, talk) => {
    await talk.ask('process/terminate', { processId: 'p' })
    await talk.finish('p')
    await write('x')
  }),
  script('process/write twice with one writeId', async (scene) => {
    const talk = await withProcess(scene, sh('head -c 4; sleep 60', { pipeStdin: true }))
    await talk.ask('process/write', { processId: 'p', chunk: encode('ab'), writeId: 'same' })
    await talk.ask('process/write', { processId: 'p', chunk: encode('ab'), writeId: 'same' })
    await talk.ask('process/write', { processId: 'p', chunk: encode('cd'), writeId: 'other' })
    await talk.wrote('p', 4)
    scene.note('process/output', talk.client.outputOf('p').toString())
    await talk.quietly('process/terminate', { processId: 'p' })
  }),
]

const signalling: Case[] = [
  ...malformed(
    'process/signal',
    { processId: 'none', signal: 'interrupt' },
    { processId: 'string', signal: 'string' },
    { release: NEW },
  ),
  ...requests(
    'process/signal',
    {
      'to nobody': { processId: 'none', signal: 'interrupt' },
      kill: { processId: 'none', signal: 'kill' },
      Interrupt: { processId: 'none', signal: 'Interrupt' },
      SIGINT: { processId: 'none', signal: 'SIGINT' },
    },
    { release: NEW },
  ),
  ...[false, true].map((tty) =>
    script(
      `process/signal a trap${tty ? ' on a terminal' : ''}`,
      async (scene) => {
        const talk = await withProcess(
          scene,
          sh('trap "printf trapped; sleep 0.1; exit 9" INT; printf ready; while :; do sleep 0.05; done', { tty }),
        )
        await talk.wrote('p', 5)
        await talk.ask('process/signal', { processId: 'p', signal: 'interrupt' })
        await talk.finish('p')
        await talk.ask('process/signal', { processId: 'p', signal: 'interrupt' })
      },
      NEW,
    ),
  ),
  ...[false, true].map((tty) =>
    script(
      `process/signal without a trap${tty ? ' on a terminal' : ''}`,
      async (scene) => {
        const talk = await withProcess(scene, { ...base, argv: ['sleep', '60'], tty })
        await talk.ask('process/signal', { processId: 'p', signal: 'interrupt' })
        await talk.finish('p')
        await talk.ask('process/read', { processId: 'p' })
      },
      NEW,
    ),
  ),
]

const terminating: Case[] = [
  ...malformed('process/terminate', { processId: 'none' }, { processId: 'string' }),
  ...[false, true].flatMap((tty) => {
    const where = tty ? ' on a terminal' : ''
    return [
      script(`process/terminate${where}`, async (scene) => {
        const talk = await withProcess(scene, { ...base, argv: ['sleep', '60'], tty })
        await talk.ask('process/terminate', { processId: 'p' })
        await talk.finish('p')
        await talk.ask('process/terminate', { processId: 'p' })
        await talk.ask('process/read', { processId: 'p' })
      }),
      script(`process/terminate a trap${where}`, async (scene) => {
        const talk = await withProcess(scene, sh('trap "" INT TERM HUP; printf ready; sleep 60', { tty }))
        await talk.wrote('p', 5)
        await talk.ask('process/terminate', { processId: 'p' })
        await talk.finish('p')
      }),
      script(`process/terminate with children${where}`, async (scene) => {
        const talk = await withProcess(scene, sh('sleep 60 & sleep 60 & printf ready; wait', { tty }))
        await talk.wrote('p', 5)
        await talk.ask('process/terminate', { processId: 'p' })
        await talk.finish('p')
      }),
      script(`process/terminate after the end${where}`, async (scene) => {
        const talk = await withProcess(scene, sh('exit 3', { tty }))
        await talk.finish('p')
        await talk.ask('process/terminate', { processId: 'p' })
      }),
    ]
  }),
]

export const processIo: readonly Case[] = [...reading, ...writing, ...signalling, ...terminating]
