/** What a log has written: one JSON object a line. */
import * as assert from 'uvu/assert'

/** Every line, each of which must begin with these members, the first of them the time. */
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
