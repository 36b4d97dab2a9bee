/** What a SKILL.md says of itself. Every case was compared with the reference. */
import * as assert from 'uvu/assert'
import { readSkillHead } from '../../../src/core/capabilities/skill-head.ts'
import { test } from '../../support/suite.ts'

const D = '\ndescription: d'

/** Name, description and short description of a head; undefined if it is not valid. */
async function read(head: string, folder = 'folder'): Promise<unknown[] | undefined> {
  const found = await readSkillHead(`---\n${head}\n---\nbody\n`, folder)
  return found && [found.name, found.description, found.shortDescription]
}

const VALID: Record<string, [head: string, name: string, description: string, short?: string]> = {
  'plain texts': [`name: a b${D}`, 'a b', 'd'],
  'white space becomes single spaces': ['name: "a\\t b"\ndescription: |\n  one\n\n  two', 'a b', 'one two'],
  'no name is that of the folder': ['description: d', 'folder', 'd'],
  'a blank name, too': [`name: "  "${D}`, 'folder', 'd'],
  'a null name, too': [`name: ~${D}`, 'folder', 'd'],
  'numbers and booleans are texts': ['name: 0x10\ndescription: true', '0x10', 'true'],
  'a text that goes on in the next lines': ['name: x\ndescription: one\n  two', 'x', 'one two'],
  'a colon that needs quotes': ['name: x\ndescription: for AWS: ECS # c', 'x', 'for AWS: ECS'],
  'a list that is never closed': ['name: x\ndescription: [a, b', 'x', '[a, b'],
  'a reserved character': ['name: x\ndescription: `code` does', 'x', '`code` does'],
  'what looks like a map': ['name: x\ndescription: {a: b} c', 'x', '{a: b} c'],
  'a colon in a member that is not asked for': [`name: x${D}\nhint: <duration: e.g. 7d>`, 'x', 'd'],
  'an anchor and its alias': ['name: &n x\ndescription: *n', 'x', 'x'],
  'a tag': ['name: !foo x\ndescription: !!int 5', 'x', '5'],
  'other members that are there twice': [`name: x${D}\no: 1\no: 2`, 'x', 'd'],
  'a merge key, which is none here': [`base: &b\n  name: z\n<<: *b${D}`, 'folder', 'd'],
  'a short description': [`name: x${D}\nmetadata:\n  short-description: a: b`, 'x', 'd', 'a: b'],
  'metadata that is null': [`name: x${D}\nmetadata:`, 'x', 'd'],
  '64 characters, whatever their bytes': [`name: ${'😀'.repeat(64)}${D}`, '😀'.repeat(64), 'd'],
}

for (const [title, [head, name, description, short = null]] of Object.entries(VALID)) {
  test(`a head is valid: ${title}`, async () => {
    assert.equal(await read(head), [name, description, short])
  })
}

const INVALID: Record<string, string> = {
  'no description': 'name: x',
  'a blank one': 'name: x\ndescription: " "',
  'a null one': 'name: x\ndescription: # d',
  'a list': 'name: x\ndescription: [a, b]',
  'a list for a name': `name: [a]${D}`,
  'a name that is there twice': `name: x\nname: y${D}`,
  'metadata that is a text': `name: x${D}\nmetadata: text`,
  'no map': '- a',
  'a comment alone': '# only',
  'nothing at all': '',
  'two documents': `name: x${D}\n--- x`,
  'a control character': 'name: x\ndescription: a\u0007b',
  'half of a surrogate pair': 'name: "\\uD800"\ndescription: d',
  'a quote that is not closed': 'name: x\ndescription: "abc',
  '65 characters': `name: ${'n'.repeat(65)}${D}`,
  'a head that is too long to parse': `name: x${D}\nmore: ${'m'.repeat(17_000)}`,
}

for (const [title, head] of Object.entries(INVALID)) {
  test(`a head is not valid: ${title}`, async () => {
    assert.is(await read(head), undefined)
  })
}

test('the head stands between two lines of three dashes, from the first line on', async () => {
  const found = async (text: string): Promise<string | undefined> => (await readSkillHead(text, 'f'))?.name
  assert.is(await found(' --- \r\nname: x\r\ndescription: d\r\n\t---\r\n'), 'x')
  for (const text of [
    'text',
    '---\nname: x\ndescription: d\n',
    '----\nname: x\ndescription: d\n---',
    '\ufeff---\nname: x\ndescription: d\n---',
  ])
    assert.is(await found(text), undefined, text)
})

test('a folder without a name that can be shown gives a name, too', async () => {
  assert.equal(await read('description: d', 'two  words'), ['two words', 'd', null])
  assert.equal(await read('description: d', ' '), ['skill', 'd', null])
})

test.run()
