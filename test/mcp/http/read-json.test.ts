import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { MAX_HTTP_MESSAGE, MAX_HTTP_VALUES } from '../../../src/mcp/limits.ts'
import { hasMoreValues, readJson } from '../../../src/mcp/http/read-json.ts'
import { test } from '../../support/suite.ts'

const requestOf = (body: string | Uint8Array<ArrayBuffer>): Request =>
  new Request('http://localhost/mcp', { method: 'POST', body })
const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What a text has outside of its strings. */
const separators = (text: string): number => (text.replaceAll(/"(?:\\[^]|[^"\\])*"/g, '').match(/[,:[{]/g) ?? []).length

test('commas, colons and brackets are counted outside of strings only', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const count = separators(text)
      assert.not(hasMoreValues(encode(text), count))
      if (count > 0) assert.ok(hasMoreValues(encode(text), count - 1))
    }),
  )
  assert.not(hasMoreValues(encode(String.raw`"\\\",,,,"`), 0))
  assert.ok(hasMoreValues(encode(String.raw`"\\",`), 0))
  assert.not(hasMoreValues(encode('"unterminated ,,,'), 0))
})

test('a body within bounds is parsed', async () => {
  assert.equal(await readJson(requestOf('{"a":[1,"é"]}')), { value: { a: [1, 'é'] } })
})

test('a body that is too long, has too many values, or is no JSON is refused', async () => {
  const refusal = async (body: string | Uint8Array<ArrayBuffer>): Promise<unknown> => readJson(requestOf(body))
  assert.equal(await refusal(`"${'x'.repeat(MAX_HTTP_MESSAGE)}"`), {
    status: 413,
    refusal: `a message may have ${MAX_HTTP_MESSAGE} bytes`,
  })
  assert.equal(await refusal(`[${'1,'.repeat(MAX_HTTP_VALUES)}1]`), {
    status: 413,
    refusal: `a message may have ${MAX_HTTP_VALUES} values`,
  })
  for (const body of ['', '{', Uint8Array.of(0x22, 0xff, 0x22)])
    assert.is(((await refusal(body)) as { status: number }).status, 400)
})

test.run()
