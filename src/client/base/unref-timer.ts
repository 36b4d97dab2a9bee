/** Timers that do not keep the program running. */

type Unreferenced = { unref?: () => void }

/** Unrefs a timer, on Node and Deno. No effect in browsers. */
export function unrefTimer(timer: ReturnType<typeof setTimeout>): void {
  if (typeof timer === 'object') (timer as Unreferenced).unref?.()
  else (globalThis as { Deno?: { unrefTimer(timer: number): void } }).Deno?.unrefTimer(timer)
}
