/** Timers that are no reason for a program to go on. */

type Unreferenced = { unref?: () => void }

export function letGoOf(timer: ReturnType<typeof setTimeout>): void {
  if (typeof timer === 'object') (timer as Unreferenced).unref?.()
  else (globalThis as { Deno?: { unrefTimer(timer: number): void } }).Deno?.unrefTimer(timer)
}
