/** Encodes results with long lists in steps, as of directories with many entries. */
import type { Steps } from './steps.ts'
import { asciiJson } from './string-bytes.ts'

/** Elements of one step: half a millisecond. */
const STEP_ELEMENTS = 1024

/** The JSON text of a result, in ASCII: the elements of its long list, and what comes before and after them. */
export type ListText = { head: string; elements: string[]; tail: string }

/** Encodes a result. Undefined if it has no long list: it is encoded in one go. */
export function encodeSteps(result: object): Steps<ListText> | undefined {
  // Without entries: most results are small, and each passes here.
  for (const name in result) {
    const value: unknown = Reflect.get(result, name)
    if (Array.isArray(value) && value.length > STEP_ELEMENTS) return listSteps(result, name, value)
  }
  return undefined
}

function* listSteps(result: object, longName: string, list: readonly unknown[]): Steps<ListText> {
  const members = Object.entries(result)
  const at = members.findIndex(([name]) => name === longName)
  const [before, after] = [members.slice(0, at), members.slice(at + 1)].map((some) =>
    asciiJson(JSON.stringify(Object.fromEntries(some))).slice(1, -1),
  )
  const head = `{${before === '' ? '' : `${before},`}${asciiJson(JSON.stringify(longName))}:[`
  const elements: string[] = []
  for (let from = 0; from < list.length; from += STEP_ELEMENTS) {
    const text = asciiJson(JSON.stringify(list.slice(from, from + STEP_ELEMENTS))).slice(1, -1)
    elements.push(from === 0 ? text : `,${text}`)
    yield
  }
  return { head, elements, tail: after === '' ? ']}' : `],${after}}` }
}
