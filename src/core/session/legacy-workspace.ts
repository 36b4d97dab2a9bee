/**
 * Where the workspace of a client is whose dialect (0.121) has no word for it in file calls, though its policy
 * makes it writable. The client's commands name it. Before the first command, a client of that release looks for
 * instructions in every directory from its repository down to its workspace, with no sandbox.
 */
import type { Sandbox } from '../../protocol/schemas/sandbox.ts'

export type Workspace = {
  ofLastCommand?: string
  ofLastInstructions?: string
}

const INSTRUCTIONS = /^(.*)\/AGENTS(?:\.override)?\.md$/

/** Takes note of a file that the client itself looks for, which is to say without a sandbox. */
export function noteLookUp(workspace: Workspace, path: string): void {
  const directory = INSTRUCTIONS.exec(path)?.[1]
  if (directory !== undefined) workspace.ofLastInstructions = directory || '/'
}

/** Puts a sandbox that does not say where it is where the workspace is, if that is known. */
export function placed(sandbox: Sandbox, { ofLastCommand, ofLastInstructions }: Workspace): Sandbox {
  const cwd = ofLastCommand ?? ofLastInstructions
  if (sandbox.cwdImplied !== true || cwd === undefined) return sandbox
  const { cwdImplied: _, ...stated } = sandbox
  return { ...stated, cwd }
}
