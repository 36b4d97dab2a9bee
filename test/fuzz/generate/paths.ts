/** Paths, plain and as URIs, in every spelling. Those that something is done to never lead out of the folder given. */
import fc from 'fast-check'
import { oddString } from './json.ts'

/** What stands in the folder (see place.ts), and what does not; and ways that lead nowhere. Each is as deep as it looks, or deeper. */
const NAMES = [
  'f',
  'd',
  'd/g',
  'link',
  'to-d',
  'to-d/g',
  'loop',
  'dangling',
  'fifo',
  'new',
  'd/new',
  'f/below',
  'no/such',
  'plugin',
  'plugin/skills',
  'executable',
  'script',
  'ü',
  'name with space',
  '%41',
  '%zz',
  '%ff',
  '%C3%28',
  '%2F',
  'a\nb',
  '__proto__',
  'constructor',
  '.',
  './',
  '//',
  'd/..',
  'x/%2e%2e',
  'd/./../f',
  'x'.repeat(255),
  'x'.repeat(256),
  'C:',
  '*',
  '\\',
  '🦀',
]

/** No paths of this machine; not one of them means its root. */
const NO_PATHS = [
  '',
  '.',
  '..',
  'relative',
  './f',
  '~',
  'file:',
  'file:x',
  'file:relative/x',
  'file://evil/x',
  'file:///C:/x',
  'C:\\x',
  'C:/x',
  '\\\\host\\share',
  'http://127.0.0.1/x',
  'untitled:x',
  'file:///x?y',
  'file:///x#y',
  '/a\0b',
  'file:///%00',
  'file://%6cocalhost/x',
  ' /x',
  '\ufeff/x',
  `/${'y'.repeat(70_000)}`,
  `/${'z/'.repeat(3000)}`,
]

const inside = (folder: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.array(fc.constantFrom(...NAMES), { maxLength: 2 }), fc.constantFrom<number[]>(0, 0, 0, 1, 2, 3, 4, 5))
    .map(([names, spelling]) => spelled(`${folder}/${names.join('/')}`, spelling))

function spelled(path: string, spelling: number): string {
  switch (spelling) {
    case 1:
      return `file://${path}`
    case 2:
      return `file://localhost${path}`
    case 3:
      return `FILE:${path}`
    case 4:
      return `file://${path.replace(/[^/%.]/g, (character) => [...new TextEncoder().encode(character)].map((byte) => `%${byte.toString(16)}`).join(''))}`
    case 5:
      return `${path}//`
    default:
      return path
  }
}

/** For calls that change something. */
export const writtenPath = (folder: string): fc.Arbitrary<string> =>
  fc.oneof({ weight: 12, arbitrary: inside(folder) }, { weight: 1, arbitrary: fc.constantFrom(...NO_PATHS) })

/** For calls that look at one thing. */
export const readPath = (folder: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 12, arbitrary: inside(folder) },
    { weight: 1, arbitrary: fc.constantFrom(...NO_PATHS) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '/',
        '//',
        'file:',
        'file://',
        'file:///',
        '/..',
        '/dev/null',
        '/dev/zero',
        '/dev/tty',
        '/proc/self/mem',
        '/no/such',
      ),
    },
    { weight: 1, arbitrary: oddString },
  )
