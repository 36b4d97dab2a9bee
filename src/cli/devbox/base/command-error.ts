/** A failed command: a one-line message for stderr, and the exit code. */
export class CommandError extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Exit code for failures of exec-server itself, as in ssh: remote commands rarely use it. */
export const OWN_FAILURE = 255
