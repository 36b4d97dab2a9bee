/** One case on one side. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Client } from '../../support/client.ts'
import type { Names } from './names.ts'
import type { Entry, Outcome } from './record.ts'
import type { Reference } from './reference.ts'
import type { Side } from './side.ts'
import { Talk } from './talk.ts'
import type { Recorder } from './talk.ts'
import type { Tree } from './tree.ts'

export class Scene implements Recorder {
  readonly entries: Entry[] = []
  readonly tree: Tree
  readonly #side: Side
  readonly #names: Names
  readonly #clients: Client[] = []
  readonly #inHome: string[] = []

  constructor(side: Side) {
    this.#side = side
    this.tree = side.tree()
    this.#names = side.names(this.tree.root)
  }

  get reference(): Reference {
    return this.#side.options.reference
  }

  /** A connection of its own, before the handshake. */
  async open(): Promise<Talk> {
    const client = await this.#side.open()
    this.#clients.push(client)
    return new Talk(client, this)
  }

  /** A connection of its own, ready for use. */
  async connect(): Promise<Talk> {
    const talk = await this.open()
    await talk.shakeHands()
    return talk
  }

  /** A connection that other cases use, too. */
  async shared(): Promise<Talk> {
    return new Talk(await this.#side.shared(), this)
  }

  /** Adds something else that is compared. */
  note(what: string, value: unknown): void {
    this.record(what, {}, false)({ kind: 'result', value })
  }

  filled(params: unknown): unknown {
    const tokens = this.#side.tokens(this.tree.root)
    const fill = (value: unknown): unknown => {
      if (typeof value === 'string') return fillText(value, tokens)
      if (Array.isArray(value)) return value.map(fill)
      if (typeof value !== 'object' || value === null || isRawJson(value)) return value
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fill(inner)]))
    }
    return fill(params)
  }

  /** Ends the server; the next connection starts it anew. */
  restart(): Promise<void> {
    return this.#side.close()
  }

  record(method: string, params: unknown, isRequest: boolean): (outcome: Outcome) => void {
    const request = this.#names.text(typeof params === 'string' ? params : (JSON.stringify(params) ?? 'no params'))
    const entry: Entry = { method, request, isRequest, outcome: { kind: 'nothing', why: 'the case ended before' } }
    this.entries.push(entry)
    return (outcome) => {
      entry.outcome =
        outcome.kind === 'result' ? { ...outcome, value: inOrder(method, this.#names.value(outcome.value)) } : outcome
    }
  }

  /** A file in the home of the user and of Codex, for the time of the case. */
  makeInHome(name: string, content: string): void {
    const path = join(this.#side.home, name)
    const first = mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    this.#inHome.push(first ?? path)
  }

  async close(): Promise<void> {
    for (const path of this.#inHome) rmSync(path, { recursive: true, force: true })
    const changes = this.tree.changes()
    this.note('files', changes)
    if (changes.length > 0) this.#side.dropTree()
    for (const client of this.#clients) await client.drop()
  }
}

/** The entries of a folder have none that is promised. */
function inOrder(method: string, value: unknown): unknown {
  if (method !== 'fs/readDirectory') return value
  const { entries, ...rest } = value as { entries: { fileName: string }[] }
  return { ...rest, entries: entries.toSorted((one, other) => (one.fileName < other.fileName ? -1 : 1)) }
}

/** A leading `$/` is a path as the release writes them; the rest stands anywhere. */
function fillText(text: string, tokens: readonly [string, string][]): string {
  let result = text
  for (const [token, value] of tokens) {
    if (token === '$/') result = result.startsWith(token) ? value + result.slice(token.length) : result
    else result = result.replaceAll(token, value)
  }
  return result
}

type RawJson = { rawJSON(text: string): object; isRawJSON(value: unknown): boolean }
const { rawJSON, isRawJSON: isRawJson } = JSON as unknown as RawJson

/** A number as it is written, where JavaScript would write it otherwise. */
export const literally = (text: string): object => rawJSON(text)
