/** The limits of the host; the core's are in core/base/limits.ts. Times are in milliseconds. */

/** The limits that the host applies; see {@link defaultHostLimits} for the values. */
export type HostLimits = {
  /**
   * Helper processes for sandboxed file calls, some 45 MB each: that many calls run concurrently, and that many
   * different sandboxes are kept ready.
   */
  helperCount: number
  /** How long an idle helper is kept: an agent's next patch comes within that time, or much later. */
  helperIdleMs: number
}

/** The limits unless the embedder sets others; no option changes them. */
export const defaultHostLimits: Readonly<HostLimits> = {
  helperCount: 4,
  helperIdleMs: 20_000,
}
