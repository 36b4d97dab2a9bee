/** Every tool of `exec-server mcp`, with good and bad input. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../../support/suite.ts'
import { dataOf, startAgent, textOf } from './mcp-client.ts'

const test = suite('mcp tools', { limitMs: 180_000 })

test('tools are listed with schemas and annotations; fetch only with network', async () => {
  const { client } = await startAgent()
  const { tools } = await client.listTools()
  assert.equal(
    tools.map(({ name }) => name),
    'exec write_stdin read_output kill list_runs read_file write_file edit_file apply_patch list_dir glob grep'.split(
      ' ',
    ),
  )
  for (const { name, annotations, inputSchema, outputSchema, description } of tools) {
    assert.is(inputSchema.type, 'object', name)
    assert.is(outputSchema?.type, 'object', name)
    assert.type(annotations?.readOnlyHint, 'boolean', name)
    assert.ok((description ?? '').length > 20, name)
  }
  const refusal = await client.callTool({ name: 'fetch', arguments: { url: 'http://127.0.0.1/' } }).catch(String)
  assert.match(String(refusal), /not offered without network/)
})

test('a command answers with its output and exit code', async () => {
  const { call, workspace } = await startAgent()
  const result = await call('exec', { command: 'pwd; echo oops >&2; exit 3' })
  const data = dataOf(result)
  assert.is(data['exit_code'], 3)
  assert.is(data['state'], 'exited')
  assert.match(String(data['output']), new RegExp(`^${workspace}\n`))
  assert.match(textOf(result), /oops[^]*exit code 3/)
})

test('a command that goes on is read, written, listed and killed by its run id', async () => {
  const { call } = await startAgent()
  const started = dataOf(await call('exec', { command: 'echo ready; cat', stdin: true, yield_time_ms: 0 }))
  assert.is(started['state'], 'running')
  const id = String(started['run_id'])
  const echoed = dataOf(await call('write_stdin', { run_id: id, text: 'hello\n', end: true, yield_time_ms: 60_000 }))
  assert.is(echoed['exit_code'], 0)
  const all = dataOf(await call('read_output', { run_id: id, cursor: 0 }))
  assert.is(all['output'], 'ready\nhello\n')
  const late = await call('write_stdin', { run_id: id, text: 'x' })
  assert.is(late.isError, true)
  assert.match(textOf(late), /has ended/)

  const sleeping = dataOf(await call('exec', { command: 'sleep 1000', yield_time_ms: 0 }))
  const killed = dataOf(await call('kill', { run_id: sleeping['run_id'] }))
  assert.is(killed['exit_code'], 143)
  const { runs } = dataOf(await call('list_runs')) as { runs: { state: string }[] }
  assert.equal(
    runs.map(({ state }) => state),
    ['exited', 'exited'],
  )
})

test('a command that exceeds its time limit is ended', async () => {
  const { call } = await startAgent()
  const data = dataOf(await call('exec', { command: 'sleep 1000', timeout_ms: 100, yield_time_ms: 60_000 }))
  assert.is(data['timed_out'], true)
  assert.is(data['state'], 'exited')
})

test('files are written, read, edited, patched, listed and found', async () => {
  const { call, workspace } = await startAgent()
  const at = (name: string): string => join(workspace, name)
  assert.is(dataOf(await call('write_file', { path: 'src/a.txt', content: 'one\ntwo\nthree\n' }))['created'], true)
  const read = dataOf(await call('read_file', { path: 'src/a.txt', first_line: 2, lines: 1 }))
  assert.is(read['content'], 'two\n')
  assert.is(read['next_line'], 3)
  const edits = [
    { old_text: 'one', new_text: 'ONE' },
    { old_text: 'three', new_text: 'THREE' },
  ]
  assert.match(
    textOf(await call('edit_file', { path: at('src/a.txt'), edits })),
    /-one\n\+ONE\n two\n-three\n\+THREE\n/,
  )
  const patch = [
    '--- a/src/a.txt',
    '+++ b/src/a.txt',
    '@@ -1,3 +1,3 @@',
    ' ONE',
    '-two',
    '+2',
    ' THREE',
    '--- /dev/null',
    '+++ b/new/b.txt',
    '@@ -0,0 +1 @@',
    '+made',
    '',
  ].join('\n')
  assert.match(textOf(await call('apply_patch', { patch })), /changed .*a\.txt\ncreated .*b\.txt/)
  assert.is(readFileSync(at('src/a.txt'), 'utf8'), 'ONE\n2\nTHREE\n')
  assert.is(readFileSync(at('new/b.txt'), 'utf8'), 'made\n')
  assert.is(textOf(await call('list_dir')), 'new/\nsrc/')
  assert.equal(dataOf(await call('glob', { pattern: '**/*.txt' }))['matches'], ['new/b.txt', 'src/a.txt'])
  assert.match(textOf(await call('grep', { pattern: 'TH.EE' })), /a\.txt:3:THREE/)
  assert.is(textOf(await call('grep', { pattern: 'nowhere' })), '[no match]')
})

test('a renamed file keeps its mode, with its text changed or not, and the answer names a mode that is not set', async () => {
  const { call, workspace } = await startAgent()
  const at = (name: string): string => join(workspace, name)
  for (const name of ['a.sh', 'b.sh']) writeFileSync(at(name), 'echo\n', { mode: 0o755 })
  const patch = [
    ...['diff --git a/a.sh b/new/a.sh', 'similarity index 100%', 'rename from a.sh', 'rename to new/a.sh'],
    ...['diff --git a/b.sh b/new/b.sh', '--- a/b.sh', '+++ b/new/b.sh', '@@ -1 +1 @@', '-echo', '+true'],
    ...[
      'diff --git a/c.sh b/c.sh',
      'new file mode 100755',
      '--- /dev/null',
      '+++ b/c.sh',
      '@@ -0,0 +1 @@',
      '+true',
      '',
    ],
  ].join('\n')
  const result = await call('apply_patch', { patch })
  assert.is(
    textOf(result),
    [
      `renamed ${at('a.sh')} to ${at('new/a.sh')}`,
      `renamed ${at('b.sh')} to ${at('new/b.sh')}`,
      `created ${at('c.sh')}`,
      `[${at('c.sh')} does not have mode 100755: use exec with chmod]`,
    ].join('\n'),
  )
  assert.is(readFileSync(at('new/b.sh'), 'utf8'), 'true\n')
  for (const name of ['new/a.sh', 'new/b.sh']) assert.is(statSync(at(name)).mode & 0o777, 0o755, name)
  for (const name of ['a.sh', 'b.sh']) assert.not(existsSync(at(name)))
})

test('files keep their line ends, and one without a last line end is shown without', async () => {
  const { call, workspace } = await startAgent()
  writeFileSync(join(workspace, 'crlf.txt'), 'one\r\ntwo\r\n')
  await call('edit_file', { path: 'crlf.txt', edits: [{ old_text: 'one\ntwo', new_text: '1\n2\n3' }] })
  assert.is(readFileSync(join(workspace, 'crlf.txt'), 'utf8'), '1\r\n2\r\n3\r\n')
  await call('apply_patch', { patch: '--- a/crlf.txt\n+++ b/crlf.txt\n@@ -1,2 +1,2 @@\n-1\n+one\n 2\n' })
  assert.is(readFileSync(join(workspace, 'crlf.txt'), 'utf8'), 'one\r\n2\r\n3\r\n')
  writeFileSync(join(workspace, 'open.txt'), 'a\nb')
  assert.is(dataOf(await call('read_file', { path: 'open.txt' }))['content'], 'a\nb')
})

test('edits of one file at once are all made', async () => {
  const { call, workspace } = await startAgent()
  const names = Array.from({ length: 20 }, (_, index) => `<${index}>`)
  writeFileSync(join(workspace, 'a.txt'), names.join('\n'))
  const edited = names.map((name) => ({ path: 'a.txt', edits: [{ old_text: name, new_text: `${name} edited` }] }))
  const results = await Promise.all(edited.map((args) => call('edit_file', args)))
  assert.ok(results.every(({ isError }) => isError !== true))
  assert.is(readFileSync(join(workspace, 'a.txt'), 'utf8'), names.map((name) => `${name} edited`).join('\n'))
})

test('a search knows \\d, with and without ripgrep', async () => {
  const { call } = await startAgent()
  await call('write_file', { path: 'a.txt', content: 'x1\n' })
  assert.match(textOf(await call('grep', { pattern: '^\\w\\d$' })), /a\.txt:1:x1/)
})

test('bad input is a tool error with clear words, and changes nothing', async () => {
  const { call, workspace } = await startAgent()
  writeFileSync(join(workspace, 'a.txt'), 'x\nx\n')
  writeFileSync(join(workspace, 'bin'), Buffer.from([1, 0, 2]))
  writeFileSync(join(workspace, 'latin1'), Buffer.from([0x61, 0xe9, 0x0a]))
  mkdirSync(join(workspace, 'dir'))
  const cases: [string, Record<string, unknown>, RegExp][] = [
    ['exec', {}, /command/],
    ['exec', { command: 'true', cwd: 'nowhere' }, /./],
    ['exec', { command: 'true', unknown: 1 }, /unknown/],
    ['exec', { command: 'true', yield_time_ms: -1 }, /yield_time_ms/],
    ['kill', { run_id: 'run-77' }, /there is no run run-77/],
    ['read_output', { run_id: 'x' }, /there is no run/],
    ['write_stdin', { run_id: 'x', text: '' }, /there is no run/],
    ['read_file', { path: 'nowhere' }, /nowhere: No such file/],
    ['read_file', { path: 'dir' }, /is a directory/],
    ['read_file', { path: 'bin' }, /binary file of 3 bytes/],
    ['read_file', { path: 'a.txt', first_line: 9 }, /has 2 lines/],
    ['read_file', { path: 'a\0b' }, /NUL/],
    ['write_file', { path: 'dir', content: '' }, /./],
    ['write_file', { path: 'b', content: '!', encoding: 'base64' }, /not base64/],
    ['edit_file', { path: 'a.txt', edits: [{ old_text: 'x', new_text: 'y' }] }, /found 2 times/],
    ['edit_file', { path: 'a.txt', edits: [{ old_text: 'z', new_text: 'y' }] }, /not found/],
    ['edit_file', { path: 'latin1', edits: [{ old_text: 'a', new_text: 'b' }] }, /no UTF-8/],
    ['apply_patch', { patch: 'no patch' }, /no unified diff/],
    ['apply_patch', { patch: '--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-q\n+r\n' }, /does not fit/],
    ['apply_patch', { patch: '--- a/nowhere\n+++ b/nowhere\n@@ -1 +1 @@\n-q\n+r\n' }, /nowhere: No such file/],
    ['list_dir', { path: 'a.txt' }, /./],
    ['list_dir', { path: 'nowhere' }, /nowhere does not exist on this devbox/],
    ['glob', { pattern: '*', path: 'a.txt' }, /no directory/],
    ['glob', { pattern: '*', path: 'nowhere' }, /nowhere: No such file/],
    ['glob', { pattern: '/etc/*' }, /name another one in path/],
    ['glob', { pattern: '{a,b}'.repeat(30) }, /too many alternatives/],
    ['grep', { pattern: '(' }, /./],
  ]
  for (const [name, args, message] of cases) {
    const result = await call(name, args)
    assert.is(result.isError, true, `${name} ${JSON.stringify(args)}: ${textOf(result)}`)
    assert.match(textOf(result), message)
  }
  assert.is(readFileSync(join(workspace, 'a.txt'), 'utf8'), 'x\nx\n')
  assert.not(existsSync(join(workspace, 'b')))
})

test('an image comes as an image, and binary data is written as it is', async () => {
  const { call, workspace } = await startAgent()
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  )
  await call('write_file', { path: 'dot.png', content: png.toString('base64'), encoding: 'base64' })
  assert.equal(readFileSync(join(workspace, 'dot.png')), png)
  const { content } = await call('read_file', { path: 'dot.png' })
  assert.equal(content[0], { type: 'image', mimeType: 'image/png', data: png.toString('base64') })
})

test('100 MB of output are counted, and the answer is bounded', async () => {
  const { call } = await startAgent()
  const command = 'echo first; head -c 100000000 /dev/zero | tr "\\0" x; echo; echo last'
  const result = await call('exec', { command, yield_time_ms: 100_000 })
  const data = dataOf(result) as { output: string; total_bytes: number; omitted_bytes: number }
  assert.is(data.total_bytes, 100_000_012)
  assert.ok(data.output.length < 31_000, `${data.output.length}`)
  assert.match(data.output, /^first\n[^]*bytes omitted[^]*last\n$/)
  assert.ok(data.omitted_bytes > 99_900_000)
})

test.run()
