/** Cancellation, as all calls take it. */

/**
 * Options of a call that can be cancelled. Once `signal` is aborted, the promise rejects with the signal's reason; the
 * server may still carry out the call.
 */
export type Abortable = { signal?: AbortSignal | undefined }
