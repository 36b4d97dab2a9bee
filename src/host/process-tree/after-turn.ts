import { setImmediate } from 'node:timers'

/** Returns a function that has `call` called once this turn of the event loop is over: once, however often it is asked to. */
export function afterTurn(call: () => void): () => void {
  let isAwaited = false
  return () => {
    if (isAwaited) return
    isAwaited = true
    setImmediate(() => {
      isAwaited = false
      call()
    })
  }
}
