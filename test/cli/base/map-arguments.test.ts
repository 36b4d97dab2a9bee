import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parseServe } from '../../../src/cli/serve/arguments.ts'
import { checkMappedFolders } from '../../../src/cli/base/map-arguments.ts'
import { PathMap } from '../../../src/protocol/schemas/path-map.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

function mapOf(args: string[], fromFile = {}): PathMap | undefined {
  const command = parseServe(args, fromFile)
  return command.kind === 'serve' ? command.pathMap : undefined
}

test('--map can be given several times, and in a file as a list', () => {
  const mappings = [
    { client: '/Users/me/a', own: '/srv/a' },
    { client: '/Users/me/b', own: '/srv/b' },
  ]
  const texts = ['/Users/me/a=/srv/a', '/Users/me/b=/srv/b']
  assert.equal(mapOf(texts.flatMap((text) => ['--map', text]))?.mappings, mappings)
  assert.equal(mapOf([], { map: texts })?.mappings, mappings)
  assert.is(mapOf([]), undefined)
  assert.is(mapOf([], { map: [] }), undefined)
})

test('what cannot be mapped is refused with the flag and the reason', () => {
  assert.throws(() => mapOf(['--map', 'a=/b']), /--map a=\/b: path is neither absolute/)
  assert.throws(() => mapOf(['--map', '/a=/b', '--map', '/a/c=/d']), /--map: \/a\/c lies in \/a/)
})

test('a folder that is reached through a link is refused, one that is not there yet is not', () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'real'))
  symlinkSync('real', join(folder, 'link'))
  const check = (name: string) => checkMappedFolders(new PathMap([{ client: '/Users/me', own: join(folder, name) }]))
  check('real')
  check('missing')
  assert.throws(() => check('link'), /leads through a link; name the folder itself, .*\/real/)
})

test.run()
