/** environments.toml: what is written into it, by us. */
import { chmodSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { edited, fileFor, leadsTo } from '../../../../src/cli/devbox/codex/environments-file.ts'
import { changeOf, writeFile } from '../../../../src/cli/devbox/codex/write-config.ts'
import { parseEnvironments } from '../../../../src/client/environments/toml.ts'
import { test } from '../../../support/suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const spec = { id: 'remote', url: 'ws://127.0.0.1:4600' }

const HAND_WRITTEN = `# mine
default = "old" # a comment
[[environments]]
id = "remote"
url = "ws://127.0.0.1:9"

# the other
[[environments]]
id = "old"
program = "ssh"
args = ["old"]
`

test('an edit changes the lines that it must, and no other', async () => {
  assert.is(
    await edited(HAND_WRITTEN, spec, '/home'),
    `include_local = false
# mine
default = "remote" # a comment
[[environments]]
id = "remote"
url = "ws://127.0.0.1:4600"

# the other
[[environments]]
id = "old"
program = "ssh"
args = ["old"]
`,
  )
})

test('an empty file gets the devbox, and an edited one is not edited again', async () => {
  const text = await edited('', spec, '/home')
  assert.is(
    text,
    'default = "remote"\ninclude_local = false\n\n[[environments]]\nid = "remote"\nurl = "ws://127.0.0.1:4600"\n',
  )
  assert.is(await edited(text as string, spec, '/home'), text)
})

test('an environment of the file becomes its default', async () => {
  const { environments } = await parseEnvironments(HAND_WRITTEN, '/home')
  const old = environments.find(({ id }) => id === 'old')
  assert.ok(old)
  assert.match((await edited(HAND_WRITTEN, old, '/home')) ?? '', /^include_local = false\n# mine\ndefault = "old" #/)
})

test('a layout that is not understood is left alone', async () => {
  const inline = 'environments = [\n  { id = "remote", url = "ws://127.0.0.1:9" },\n]\n'
  assert.is(await edited(inline, spec, '/home'), undefined)
  const table = `${HAND_WRITTEN}\n[environments.env]\nA = "b"\n`
    .replace('id = "old"', 'id = "x"')
    .replace('"old"', '"x"')
  assert.ok(await edited(table, spec, '/home'))
  let message = ''
  await changeOf('/home/environments.toml', inline, spec).catch((error: Error) => (message = error.message))
  assert.match(message, /a layout that is not edited here/)
})

test('a private file holds the one devbox, as the file had it, and nothing local', async () => {
  const text = HAND_WRITTEN.replace('args', 'cwd = "sub"\nskills = { required = ["a"] }\nargs')
  const { environments } = await parseEnvironments(text, '/home')
  const old = environments.find(({ id }) => id === 'old')
  assert.ok(old)
  const made = await fileFor(old, text, '/home/environments.toml')
  const parsed = await parseEnvironments(made, '/elsewhere')
  assert.ok(leadsTo(parsed, old))
  assert.equal(parsed.environments, [{ id: 'old', command: ['ssh', 'old'], cwd: '/home/sub' }])
  assert.match(made, /"required" = \["a"\]/)
})

test('the diff hides the token, and the file holds it', async () => {
  const secret = { ...spec, headers: { authorization: 'Bearer hidden-token' } }
  const change = await changeOf('/home/environments.toml', undefined, secret)
  assert.not.match(change?.diff ?? 'hidden-token', /hidden-token/)
  assert.match(change?.diff ?? '', /\+auth_bearer_token = "…"/)
  assert.match(change?.text ?? '', /auth_bearer_token = "hidden-token"/)
})

test('a file is replaced at once, with its mode, behind its link; a new one is private', () => {
  const folder = temporaryFolder()
  const [target, link, fresh] = ['target', 'link', 'new/environments.toml'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(target, 'old')
  chmodSync(target, 0o640)
  symlinkSync(target, link)
  writeFile(link, 'text')
  writeFile(fresh, 'text')
  assert.ok(lstatSync(link).isSymbolicLink())
  assert.equal([readFileSync(target, 'utf8'), statSync(target).mode & 0o777], ['text', 0o640])
  assert.equal([readFileSync(fresh, 'utf8'), statSync(fresh).mode & 0o777], ['text', 0o600])
  assert.equal(readdirSync(folder).sort(), ['link', 'new', 'target'])
  assert.throws(() => writeFile(join(target, 'x'), 'text'), /cannot write/)
})

test.run()
