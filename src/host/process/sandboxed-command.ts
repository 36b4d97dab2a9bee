/**
 * A sandbox program and the descriptors that it inherits as 3, 4 and so on. Call {@link close} once it runs and is
 * confirmed.
 */
export type SandboxedCommand = {
  file: string
  args: string[]
  descriptors: number[]
  close: () => void
  /**
   * Verifies the sandbox, given the pid of its program, and only then lets it run the command. Absent if there is
   * nothing to verify. `hasEnded`: whether the program has exited. Kill it if this rejects.
   */
  confirm?: (pid: number, hasEnded: () => boolean) => Promise<void>
  /** To be called when the process has exited. */
  ended?: () => void
}

/** A sandboxed command with the resources that it holds while it runs. */
export type SandboxedStart = SandboxedCommand & {
  /** Whether the command is in the network of this machine. */
  sharesNetwork: boolean
  /** To be called once, when the sandbox has exited or could not be started. */
  release(): void
}
