/** Wraps `call` so that only the first call has an effect. */
export function once(call: () => void): () => void {
  let called = false
  return () => {
    if (called) return
    called = true
    call()
  }
}
