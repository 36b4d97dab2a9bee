/** Starts commands with what they inherit from this process for the moment of their start only. */
import { withProcessTag } from '../process-tree/process-tag.ts'
import { withOpenFilesLimit } from './open-files-limit.ts'
import { inStartTurn } from './start-turns.ts'

/** Starts a command with a process tag, and with its own limit of open files, once starts have their turn. */
export function startTagged<Child extends { pid?: number | undefined }>(
  start: () => Child,
): Promise<{ child: Child; tag: string | undefined }> {
  return inStartTurn(() =>
    withOpenFilesLimit(() =>
      withProcessTag((tag) => {
        const child = start()
        return { child, tag, pid: child.pid }
      }),
    ),
  )
}
