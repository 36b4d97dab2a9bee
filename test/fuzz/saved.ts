/** Inputs that once failed, in seeds.json, with a sentence each on what they found. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Batch, Input } from './family.ts'
import type { Place } from './place.ts'

/** Text as it is where it can be; where the folder and the fixture are is another matter every time. */
type SavedInput = { text: string; binary?: true } | { base64: string }

export type Saved = { family: string; found: string; mode: number; inputs: SavedInput[] }

export function savedBatches(): Saved[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'seeds.json'), 'utf8')) as Saved[]
}

export function restored({ inputs, mode }: Saved, { folder, port }: Place): Batch {
  return { mode, inputs: inputs.map((input) => restoredInput(input, folder, port)) }
}

function restoredInput(input: SavedInput, folder: string, port: number): Input {
  if ('base64' in input) return { bytes: Buffer.from(input.base64, 'base64'), binary: true }
  const text = input.text.replaceAll('FOLDER', folder).replaceAll('PORT', String(port))
  return { bytes: new TextEncoder().encode(text), binary: input.binary === true }
}

/** How a failure is to be written there. */
export function saved(inputs: readonly Input[], { folder, port }: Place): SavedInput[] {
  return inputs.map(({ bytes, binary }) => {
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
        .decode(bytes)
        .replaceAll(folder, 'FOLDER')
        .replaceAll(`127.0.0.1:${port}`, '127.0.0.1:PORT')
      return { text, ...(binary ? { binary } : {}) }
    } catch {
      return { base64: Buffer.from(bytes).toString('base64') }
    }
  })
}
