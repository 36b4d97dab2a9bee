/** The table of commands, and what comes from it. */
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import * as assert from 'uvu/assert'
import { commands } from '../../src/cli/commands.ts'
import { help } from '../../src/cli/serve/help.ts'
import { root } from '../support/server.ts'
import { test } from '../support/suite.ts'

const devboxCommands = commands.filter(({ usesDevbox }) => usesDevbox)
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

test('the help has a line for each command, in the order of the table', () => {
  const lines = help(commands).match(/^ +exec-server [a-z].*$/gm) ?? []
  assert.equal(
    lines.map((line) => line.trim().replace(/ {2,}/g, ' ')),
    commands.map(({ name, usage, summary }) => `exec-server ${[name, usage, summary].filter(Boolean).join(' ')}`),
  )
})

test('the list of src/cli/README.md is that of the table, each with what it does', () => {
  const rows = [...read('src/cli/README.md').matchAll(/^\| `(.+?)` \| (.+) \|$/gm)]
  assert.equal(
    rows.map(([, usage]) => usage),
    devboxCommands.map(({ name, usage }) => `${name} ${usage}`.trim()),
  )
  for (const [index, { summary }] of devboxCommands.entries())
    assert.ok(rows[index]?.[2]?.startsWith(summary), `${rows[index]?.[0]} does not begin with: ${summary}`)
})

test('README.md names each command of the devbox, and src/server/README.md the others', () => {
  const names = devboxCommands.map(({ name }) => `\`${name}\``).join(', ')
  assert.ok(read('README.md').includes(`[src/cli](src/cli/README.md): ${names}\n`), names)
  for (const { name } of commands.filter(({ usesDevbox }) => !usesDevbox))
    assert.match(read('src/server/README.md'), new RegExp(`\`exec-server\\s${name}\\b`), name)
})

/** What a file imports as soon as it is loaded, types aside: paths below src, found through all that it imports. */
function loadedWith(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path)) return found
  found.add(path)
  for (const [, target = ''] of read(path).matchAll(/^(?:import|export) (?!type\b)[^'"]*?from '(\.[^']+)'/gm))
    loadedWith(relative(root, join(root, dirname(path), target)), found)
  return found
}

test('a server loads nothing of the devbox commands, and these nothing of a server', () => {
  const isOf = (pattern: RegExp, path: string): string[] => [...loadedWith(path)].filter((each) => pattern.test(each))
  assert.equal(
    [...loadedWith('src/main.ts')].filter((path) => path.startsWith('src/cli/')),
    ['src/cli/commands.ts'],
  )
  assert.equal(isOf(/^src\/(?:cli\/devbox|client)\//, 'src/cli/serve/run.ts'), [])
  assert.ok(isOf(/^src\/client\//, 'src/cli/devbox/run/run.ts').length > 0)
  for (const [, path = ''] of read('src/cli/commands.ts').matchAll(/import\('\.\/(devbox\/[^']+)'\)/g))
    assert.equal(isOf(/^src\/(?:cli\/serve|server|core\/rpc)\//, `src/cli/${path}`), [], path)
})

test.run()
