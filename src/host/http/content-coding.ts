/**
 * Content codings of HTTP responses: which ones a request announces, and decoders for them. Announced are those that
 * the runtime decodes: gzip and zstd, on Deno gzip only, whose zstd decoder takes a truncated body for a complete one.
 */
import type { Transform } from 'node:stream'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { isDeno } from '../../base/runtime.ts'
import { HTTP_DECODED_CHUNK_BYTES, HTTP_ZSTD_BODIES, HTTP_ZSTD_WINDOW_LOG } from '../limits.ts'

/** The codings that the response to one request may have. */
export type AcceptedCodings = {
  /** The value of `accept-encoding`. */
  announced: string
  /** Creates the decoder for a response with this `content-encoding`. Undefined: the body is to be passed on as is. */
  decoder(contentEncoding: string): Transform | undefined
  /** Call it when the body has ended. */
  release(): void
}

const chunkSize = HTTP_DECODED_CHUNK_BYTES

const gunzip = (): Transform => createGunzip({ chunkSize })

const unzstd = (): Transform =>
  createZstdDecompress({
    chunkSize,
    params: { [constants.ZSTD_d_windowLogMax]: HTTP_ZSTD_WINDOW_LOG },
    rejectGarbageAfterEnd: true,
  })

let zstdBodies = 0

/** Chooses the codings for one request: zstd only while few others may be answered with it, for its memory. */
export function acceptCodings(): AcceptedCodings {
  let hasZstd = !isDeno && zstdBodies < HTTP_ZSTD_BODIES
  if (hasZstd) zstdBodies++
  const decoders = new Map([['gzip', gunzip], ['x-gzip', gunzip], ...(hasZstd ? [['zstd', unzstd] as const] : [])])
  return {
    announced: hasZstd ? 'zstd,gzip' : 'gzip',
    decoder: (contentEncoding) => decoders.get(contentEncoding.trim().toLowerCase())?.(),
    release: () => {
      if (hasZstd) zstdBodies--
      hasZstd = false
    },
  }
}
