/** Schemas of the http methods: HTTP requests that the executor makes for the client. */
import * as v from 'valibot'
import { base64, optional, u64 } from './schema-primitives.ts'

/** One request header. */
export const HttpRequestHeader = v.object({
  name: v.string(),
  /** With `valueEnvVar`: a prefix to the variable's value. */
  value: v.string(),
  /** A variable in the executor's environment, so that a secret need not leave its machine. */
  valueEnvVar: optional(v.string()),
})

/** Params of http/request. */
export const HttpRequestParams = v.object({
  method: v.string(),
  url: v.string(),
  /** In order; names can repeat. */
  headers: v.optional(v.array(HttpRequestHeader), []),
  bodyBase64: optional(base64),
  /** Timeout in ms for the whole exchange, body included. Absent: none. */
  timeoutMs: optional(u64),
  redirectPolicy: v.optional(v.picklist(['follow', 'stop']), 'follow'),
  /** The client's id for the body stream. Required but unused if the body is not streamed. */
  requestId: v.string(),
  /** Whether the body is streamed as http/request/bodyDelta, or sent whole in the response. */
  streamResponse: v.optional(v.boolean(), false),
  /**
   * Extension: flow control window of a streamed body, in unacknowledged bytes. Once it is full, the peer is not read.
   * Absent: only unsent bytes apply backpressure. Ignored if the body is not streamed.
   */
  bodyWindow: optional(v.pipe(u64, v.integer(), v.minValue(1))),
})
/** Decoded params of http/request. */
export type HttpRequestParams = v.InferOutput<typeof HttpRequestParams>

/** Extension: the client has consumed a streamed body up to and including `seq`. */
export const HttpAcknowledgeParams = v.object({ requestId: v.string(), seq: u64 })

/** Extension: cancels a streamed response. A request whose body is not streamed cannot be cancelled. */
export const HttpCancelParams = v.object({ requestId: v.string() })

/** A response header. */
export type HttpHeader = { name: string; value: string }
