/**
 * Infers the workspace of clients of release 0.121, whose file calls cannot express it although their policy makes it
 * writable. Their commands name it. Before the first command, such a client looks for instructions in every directory
 * from its repository down to its workspace, without a sandbox.
 */
import type { Sandbox } from '../../protocol/schemas/sandbox.ts'

/** The directories that suggest where a session's workspace is. */
export type Workspace = {
  ofLastCommand?: string
  ofLastInstructions?: string
}

const INSTRUCTIONS = /^(.*)\/AGENTS(?:\.override)?\.md$/

/** Records a lookup of an instructions file by the client itself, i.e. without a sandbox. */
export function noteLookup(workspace: Workspace, path: string): void {
  const directory = INSTRUCTIONS.exec(path)?.[1]
  if (directory !== undefined) workspace.ofLastInstructions = directory || '/'
}

/** Fills in a missing cwd from the client's last known workspace. */
export function withWorkspace(sandbox: Sandbox, { ofLastCommand, ofLastInstructions }: Workspace): Sandbox {
  const cwd = ofLastCommand ?? ofLastInstructions
  if (sandbox.cwdImplied !== true || cwd === undefined) return sandbox
  const { cwdImplied: _, ...stated } = sandbox
  return { ...stated, cwd }
}
