import { RawJson } from '../../src/core/base/json-fragments.ts'

/** The whole text of a message in parts. */
export const jsonText = (json: RawJson | string): string => (json instanceof RawJson ? json.text : json)
