/** A failed command: a one-line message for stderr, what to do about it in lines of their own, and the exit code. */
export class CommandError extends Error {
  readonly exitCode: number
  readonly hints: readonly string[]
  constructor(message: string, exitCode: number, hints: readonly string[] = []) {
    super(message)
    this.exitCode = exitCode
    this.hints = hints
  }
}

/** Exit code for failures of exec-server itself, as in ssh: remote commands rarely use it. */
export const OWN_FAILURE = 255
