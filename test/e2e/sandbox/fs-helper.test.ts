/** The helper of sandboxed file calls, as a sandbox calls it: by its command line. */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { isHelperCall } from '../../../src/host/sandbox/helper-mode.ts'
import { serverCommand } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

let folder: string
const at = (name: string): string => join(folder, name)
test.before.each(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'fs-helper-')))
})
test.after.each(() => rmSync(folder, { recursive: true }))

function call(input: string, mode = 'fs-helper'): { status: number | null; answers: any[]; stderr: string } {
  const [command, args] = serverCommand([mode])
  const { status, stdout, stderr } = spawnSync(command, args, { input, encoding: 'utf8', timeout: 20_000 })
  return {
    status,
    stderr,
    answers: stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  }
}

const request = (operation: string, params: object, more: object = {}): string =>
  JSON.stringify({ operation, params, ...more })
const forbid = (...paths: string[]) => ({ forbidden: paths })

test('one request on stdin, with or without a newline, is one answer on stdout', () => {
  writeFileSync(at('f'), 'hello')
  const read = request('fs/readFile', { path: at('f') })
  const answer = { status: 'ok', payload: { operation: 'fs/readFile', response: { dataBase64: btoa('hello') } } }
  for (const [input, mode] of [[read], [`${read}\n`, '--codex-run-as-fs-helper']] as const) {
    assert.equal(call(input, mode), { status: 0, stderr: '', answers: [answer] })
  }
})

test('it is called by its first argument, by the flag of the reference, or by its name', () => {
  assert.ok(isHelperCall('/x/exec-server', ['fs-helper']))
  assert.ok(isHelperCall('exec-server', ['--codex-run-as-fs-helper']))
  assert.ok(isHelperCall('codex-fs', []))
  assert.ok(isHelperCall('/tmp/a/exec-server-fs-helper', ['whatever']))
  for (const args of [[], ['fs-helper', 'more'], ['--listen', 'fs-helper']])
    assert.not(isHelperCall('exec-server', args))
})

test('a failed call is an answer, and exits 0', () => {
  const calls = [
    request('fs/readFile', { path: at('missing') }),
    request('fs/readFile', {}),
    request('process/start', {}),
  ]
  const { status, answers } = call(calls.join('\n'))
  assert.is(status, 0)
  assert.equal(answers.slice(0, 1), [
    {
      status: 'error',
      payload: {
        code: -32004,
        message: `${folder}/missing does not exist on this devbox: No such file or directory (os error 2)`,
      },
    },
  ])
  assert.equal(
    answers.slice(1).map(({ payload }) => payload.code),
    [-32602, -32600],
  )
})

const NO_REQUESTS = [
  '{',
  '[]',
  '{"params":{}}',
  '{"operation":"fs/readFile"}',
  '{"operation":5,"params":{}}',
  '{"operation":"fs/x","params":{},"forbidden":5}',
]
const isRefused = (inputs: readonly string[]) => (): void => {
  for (const input of inputs) {
    const { status, answers, stderr } = call(input)
    assert.equal([status, answers], [1, []], input)
    assert.match(stderr, /^fs sandbox helper failed: [^\n]+\n$/)
  }
}
test('what is no JSON exits 1 and says so on stderr', isRefused(NO_REQUESTS.slice(0, 1)))
test.full('what is no request exits 1 and says so on stderr', isRefused(NO_REQUESTS))

test('requests follow each other until stdin ends, each after the one before', () => {
  const { status, answers } = call(
    [
      request('fs/createDirectory', { path: at('d') }),
      request('fs/writeFile', { path: at('d/f'), dataBase64: btoa('x'.repeat(300_000)) }),
      request('fs/copy', { sourcePath: at('d'), destinationPath: at('e'), recursive: true }),
      request('fs/readDirectory', { path: at('e') }),
    ].join('\n'),
  )
  assert.is(status, 0)
  assert.equal(
    answers.map((answer) => answer.status),
    ['ok', 'ok', 'ok', 'ok'],
  )
  assert.equal(answers[3].payload.response, { entries: [{ fileName: 'f', isDirectory: false, isFile: true }] })
  assert.is(readFileSync(at('e/f'), 'utf8').length, 300_000)
})

/** Calls that would make `.git`, which is forbidden. */
function forbiddenCalls(): string[] {
  mkdirSync(at('tree/.git'), { recursive: true })
  writeFileSync(at('tree/.git/config'), 'x')
  writeFileSync(at('file'), 'x')
  mkdirSync(at('sub'))
  symlinkSync('.git', at('dangling'))
  symlinkSync('..', at('sub/up'))
  symlinkSync('../.git', at('sub/dangling'))
  const attempts = [
    request('fs/writeFile', { path: at('.git'), dataBase64: '' }),
    request('fs/writeFile', { path: at('dangling'), dataBase64: '' }),
    request('fs/writeFile', { path: at('sub/dangling'), dataBase64: '' }),
    request('fs/writeFile', { path: at('sub/up/.git'), dataBase64: '' }),
    request('fs/writeFile', { path: at('.git/config'), dataBase64: '' }),
    request('fs/createDirectory', { path: at('.git') }),
    request('fs/createDirectory', { path: at('.git'), recursive: false }),
    request('fs/createDirectory', { path: at('.git/hooks') }),
    request('fs/createDirectory', { path: at('sub/up/.git/hooks') }),
    request('fs/createDirectory', { path: at('dangling') }),
    request('fs/copy', { sourcePath: at('file'), destinationPath: at('.git'), recursive: false }),
    request('fs/copy', { sourcePath: at('file'), destinationPath: at('dangling'), recursive: false }),
    request('fs/copy', { sourcePath: at('tree/.git'), destinationPath: at('.git'), recursive: true }),
    request('fs/copy', { sourcePath: at('tree'), destinationPath: folder, recursive: true }),
    request('fs/copy', { sourcePath: at('dangling'), destinationPath: at('.git'), recursive: false }),
  ]
  return attempts.map((attempt) => JSON.stringify({ ...JSON.parse(attempt), ...forbid(at('.git')) }))
}

test('what is forbidden does not come to be, by any call or link, and nothing claims that it did', () => {
  const attempts = forbiddenCalls()
  const { answers } = call(attempts.join('\n'))
  assert.is(answers.length, attempts.length)
  for (const [index, attempt] of attempts.entries()) assert.is(answers[index].status, 'error', attempt)
  // None of the calls takes anything away that one before it has made.
  assert.not(existsSync(at('.git')))
})

test.full('what is forbidden does not come to be by any call or link that is the only one of its helper', () => {
  for (const attempt of forbiddenCalls()) {
    assert.is(call(attempt).answers[0].status, 'error', attempt)
    assert.not(existsSync(at('.git')), attempt)
  }
})

test('beside what is forbidden everything works as ever', () => {
  writeFileSync(at('file'), 'old')
  symlinkSync('file', at('link'))
  symlinkSync('new', at('to-be'))
  const lines = [
    request('fs/writeFile', { path: at('link'), dataBase64: btoa('by link') }, forbid(at('.git'))),
    request('fs/writeFile', { path: at('to-be'), dataBase64: btoa('by dangling link') }, forbid(at('.git'))),
    request('fs/writeFile', { path: at('plain'), dataBase64: btoa('plain') }, forbid(at('.git'))),
    request('fs/createDirectory', { path: at('a/b/c') }, forbid(at('.git'))),
    request('fs/createDirectory', { path: at('a/b/c') }, forbid(at('.git'))),
    request('fs/copy', { sourcePath: at('plain'), destinationPath: at('link'), recursive: false }, forbid(at('.git'))),
    request('fs/copy', { sourcePath: at('a'), destinationPath: at('copy'), recursive: true }, forbid(at('.git'))),
    request('fs/remove', { path: at('a') }, forbid(at('.git'))),
    request('fs/remove', { path: at('.git') }, forbid(at('.git'))),
  ]
  assert.equal(
    call(lines.join('\n')).answers.map((answer) => answer.status),
    lines.map(() => 'ok'),
  )
  assert.is(readFileSync(at('file'), 'utf8'), 'plain')
  assert.is(readFileSync(at('new'), 'utf8'), 'by dangling link')
  assert.equal(readdirSync(folder).sort(), ['copy', 'file', 'link', 'new', 'plain', 'to-be'])
})

test('nothing is made in what stands in a forbidden place for another sandbox, by any call or link', () => {
  mkdirSync(at('.git'))
  mkdirSync(at('tree'))
  writeFileSync(at('tree/f'), 'x')
  symlinkSync('.git', at('link'))
  symlinkSync('.git/new', at('dangling'))
  const lines = [
    request('fs/writeFile', { path: at('.git/config'), dataBase64: '' }, forbid(at('.git'))),
    request('fs/writeFile', { path: at('link/config'), dataBase64: '' }, forbid(at('.git'))),
    request('fs/writeFile', { path: at('dangling'), dataBase64: '' }, forbid(at('.git'))),
    request('fs/createDirectory', { path: at('.git/hooks') }, forbid(at('.git'))),
    request('fs/createDirectory', { path: at('link/a/b') }, forbid(at('.git'))),
    request('fs/copy', { sourcePath: at('tree'), destinationPath: at('link/t'), recursive: true }, forbid(at('.git'))),
    request(
      'fs/copy',
      { sourcePath: at('tree/f'), destinationPath: at('.git/f'), recursive: false },
      forbid(at('.git')),
    ),
    request('fs/open', { handleId: '', path: at('.git/opened'), mode: 'replace' }, forbid(at('.git'))),
  ]
  const { answers } = call(lines.join('\n'))
  for (const [index, line] of lines.entries()) assert.is(answers[index].status, 'error', line)
  assert.equal(readdirSync(at('.git')), [])
})

test('what stands in a forbidden place for another sandbox is kept from sight and from harm', () => {
  mkdirSync(at('.git'))
  mkdirSync(at('sub'))
  const answers = call(
    [
      request('fs/getMetadata', { path: at('.git') }, forbid(at('.git'))),
      request('fs/readDirectory', { path: folder }, forbid(at('.git'))),
      request('fs/remove', { path: at('.git'), force: false }, forbid(at('.git'))),
      request('fs/remove', { path: folder }, forbid(at('.git'))),
      request(
        'fs/walk',
        { path: folder, options: { maxDepth: 1, maxDirectories: 9, maxEntries: 9, followDirectorySymlinks: false } },
        forbid(at('.git')),
      ),
    ].join('\n'),
  ).answers
  assert.is(answers[0].payload.code, -32004)
  assert.equal(
    answers[1].payload.response.entries.map(({ fileName }: { fileName: string }) => fileName),
    ['sub'],
  )
  assert.is(answers[2].payload.code, -32004)
  assert.match(answers[3].payload.message, /os error 16/)
  assert.equal(answers[4].payload.response, {
    entries: [{ path: `file://${at('sub')}`, kind: 'directory' }],
    errors: [],
    truncated: false,
  })
  assert.equal(readdirSync(folder).sort(), ['.git', 'sub'])
})

test.run()
