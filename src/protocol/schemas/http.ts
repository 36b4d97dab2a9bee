/** The http family: a request that the executor makes for the client. */
import * as v from 'valibot'
import { base64, optional, u64 } from './schema-primitives.ts'

export const HttpRequestHeader = v.object({
  name: v.string(),
  /** With `valueEnvVar` it is what stands before the variable's value. */
  value: v.string(),
  /** A variable of the executor's own environment, so that a secret need not leave the machine that has it. */
  valueEnvVar: optional(v.string()),
})

export const HttpRequestParams = v.object({
  method: v.string(),
  url: v.string(),
  /** In order; names may repeat. */
  headers: v.optional(v.array(HttpRequestHeader), []),
  bodyBase64: optional(base64),
  /** For the whole exchange, its body included; absent: as long as it takes. */
  timeoutMs: optional(u64),
  redirectPolicy: v.optional(v.picklist(['follow', 'stop']), 'follow'),
  /** The client's name for the body's stream. Needed for buffered requests, too, though nothing comes of it. */
  requestId: v.string(),
  /** Whether the body follows as http/request/bodyDelta, or comes whole in the answer. */
  streamResponse: v.optional(v.boolean(), false),
  /**
   * Ours: bytes of a streamed body that may have been sent without having been acknowledged, beyond which the peer is held back.
   * Absent: what the client has not been sent holds it back. Passed over where the body comes whole.
   */
  bodyWindow: optional(v.pipe(u64, v.integer(), v.minValue(1))),
})
export type HttpRequestParams = v.InferOutput<typeof HttpRequestParams>

/** Ours: all parts of a streamed body up to `seq` have been taken. */
export const HttpAcknowledgeParams = v.object({ requestId: v.string(), seq: u64 })

/** Ours: nobody wants the streamed response of that id any more. Requests whose body comes whole take no id, and cannot be cancelled. */
export const HttpCancelParams = v.object({ requestId: v.string() })

export type HttpHeader = { name: string; value: string }
