/** Starts commands with what they inherit from this process for the moment of their start only. */
import { withProcessTag } from '../process-tree/process-tag.ts'
import { withOpenFilesLimit } from './open-files-limit.ts'

/** Starts a command with a process tag, and with its own limit of open files. */
export function startTagged<Child extends { pid?: number | undefined }>(
  start: () => Child,
): { child: Child; tag: string | undefined } {
  return withOpenFilesLimit(() =>
    withProcessTag((tag) => {
      const child = start()
      return { child, tag, pid: child.pid }
    }),
  )
}
