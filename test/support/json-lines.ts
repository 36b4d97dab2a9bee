/** Parses logs: one JSON object per line. */
import * as assert from 'uvu/assert'

/** All lines. Each must begin with the members `first`, of which the first is the time. */
export function jsonLines<Line extends { time: string }>(text: string, first: readonly string[]): Line[] {
  assert.ok(text === '' || text.endsWith('\n'))
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const object = JSON.parse(line) as Line
      assert.equal(Object.keys(object).slice(0, first.length), first)
      assert.is(new Date(object.time).toISOString(), object.time)
      return object
    })
}
