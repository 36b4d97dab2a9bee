/** How cases are written. */
import type { Scene } from './scene.ts'
import { literally } from './scene.ts'

export type Case = {
  name: string
  /** The only release that it is for. */
  release?: string
  /** Files that no other case sees, nor is seen on. */
  ownFiles?: true
  play(scene: Scene): Promise<void>
}

export type CaseOptions = {
  release?: string
  /** On a connection of its own, because of what it leaves behind. */
  own?: boolean
  /** On a connection of its own, before the handshake. */
  early?: boolean
  /** How long an answer is waited for, where none may come. */
  patienceMs?: number
}

/** One request each, by name. */
export function requests(method: string, table: Record<string, unknown>, options: CaseOptions = {}): Case[] {
  const { release, own = false, early = false, patienceMs } = options
  return Object.entries(table).map(([name, params]) => ({
    name: `${method} ${name}`,
    ...(release === undefined ? {} : { release }),
    play: async (scene) => {
      const isOwn = own || patienceMs !== undefined
      const talk = early ? await scene.open() : isOwn ? await scene.connect() : await scene.shared()
      await talk.ask(method, params, patienceMs)
    },
  }))
}

export function script(name: string, play: (scene: Scene) => Promise<void>, release?: string): Case {
  return { name, ...(release === undefined ? {} : { release }), play }
}

const WRONG = {
  string: [null, 5, true, [], {}],
  boolean: [null, 'true', 1, [], {}],
  integer: [null, '5', -1, 1.5, true, [], {}, literally('1.0'), literally('1e0'), literally('18446744073709551616')],
  list: [null, 5, 'text', {}, [5], [null]],
  map: [null, 5, 'text', [], { a: 5 }, { a: null }],
  object: [5, 'text', [], true],
}

export type Kind = keyof typeof WRONG

/** Params that lack a member, or have one of another type, and what is no object at all. */
export function malformed(
  method: string,
  valid: Record<string, unknown>,
  kinds: Record<string, Kind>,
  options: CaseOptions = {},
): Case[] {
  const table: Record<string, unknown> = {
    'without params': undefined,
    'with null for params': null,
    'with an empty list for params': [],
    'with text for params': 'text',
    'with a number for params': 5,
    'with an unknown member': { ...valid, unknownMember: { a: [1] } },
  }
  for (const [member, kind] of Object.entries(kinds)) {
    const { [member]: _, ...rest } = valid
    table[`without ${member}`] = rest
    for (const value of WRONG[kind]) table[`${member} ${JSON.stringify(value)}`] = { ...valid, [member]: value }
  }
  return requests(method, table, options)
}
