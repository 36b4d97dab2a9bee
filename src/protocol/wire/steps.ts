/**
 * Work in steps, between which its caller may do other work: a large message must not keep the other clients waiting. The
 * last step gives the result.
 */
export type Steps<T> = Generator<void, T, void>

/** Takes all steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
