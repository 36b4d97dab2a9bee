/** `fetch`: an HTTP request from the devbox. Offered only with network. */
import * as v from 'valibot'
import { ANSWER_BYTES, FETCH_MS, MAX_ANSWER_BYTES } from '../limits.ts'
import { joined } from '../../base/joined.ts'
import { messageOf } from '../../client/base/errors.ts'
import { completeLength } from '../text/utf8.ts'
import { count, defineTool, ToolError } from '../tool.ts'
import type { Tool } from '../tool.ts'
import type { Workspace } from '../workspace.ts'

export function fetchTool({ client }: Workspace): Tool {
  return defineTool({
    name: 'fetch',
    title: 'Make an HTTP request',
    description: 'Makes an HTTP request from the devbox, and answers with the status, the headers and the text.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    input: v.strictObject({
      url: v.pipe(v.string(), v.url(), v.regex(/^https?:/i, 'is no http: or https: URL')),
      method: v.optional(v.picklist(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']), 'GET'),
      headers: v.optional(v.record(v.string(), v.string()), {}),
      body: v.optional(v.string()),
      timeout_ms: count('time limit', 1, 600_000, FETCH_MS),
      max_body_bytes: count('bytes of the body in the answer', 0, MAX_ANSWER_BYTES, ANSWER_BYTES),
    }),
    output: v.object({
      status: v.number(),
      headers: v.record(v.string(), v.string()),
      body: v.string(),
      complete: v.pipe(v.boolean(), v.description('false: the body is longer')),
    }),
    async run({ url, method, headers, body, timeout_ms: timeoutMs, max_body_bytes: max }, { signal }) {
      try {
        const response = await client.fetch(url, {
          method,
          headers,
          signal,
          timeoutMs,
          ...(body === undefined ? {} : { body }),
        })
        const { bytes, isComplete } = await firstBytes(response.body, max)
        if (bytes.subarray(0, 8192).includes(0))
          throw new ToolError(`the body is binary (${response.headers.get('content-type') ?? 'of an unknown type'})`)
        const content = new TextDecoder().decode(bytes)
        const fields = Object.fromEntries(response.headers)
        const length = response.headers.get('content-length')
        const note = isComplete
          ? ''
          : `\n[the body goes on: ${bytes.length} of ${length ?? 'an unknown number of'} bytes]`
        const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`)
        return {
          text: `${response.status} ${response.statusText}\n${head.join('')}\n${content}${note}`,
          data: { status: response.status, headers: fields, body: content, complete: isComplete },
        }
      } catch (error) {
        // The standard's "fetch failed" says nothing; its cause does.
        if (error instanceof TypeError && error.cause !== undefined) throw new ToolError(messageOf(error.cause))
        throw error
      }
    },
  })
}

type Body = { bytes: Uint8Array; isComplete: boolean }

async function firstBytes(stream: ReadableStream<Uint8Array> | null, max: number): Promise<Body> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of stream ?? []) {
    pieces.push(piece.slice(0, max - size + 1))
    size += piece.length
    if (size > max) break
  }
  const bytes = joined(pieces, Math.min(size, max + 1))
  if (size <= max) return { bytes, isComplete: true }
  const kept = bytes.subarray(0, max)
  return { bytes: kept.subarray(0, completeLength(kept)), isComplete: false }
}
