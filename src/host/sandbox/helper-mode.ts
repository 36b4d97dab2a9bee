/** Selects the fs helper mode of this program: by first argument, or by its name. See fs-helper.ts. */
export const FS_HELPER = 'fs-helper'

/** The reference's flag for its helper. */
const FS_HELPER_FLAG = '--codex-run-as-fs-helper'

const NAMES = ['codex-fs', 'exec-server-fs-helper']

/** Whether this program was started as the fs helper. `args` without the program. */
export function isHelperCall(argv0: string, args: readonly string[]): boolean {
  if (NAMES.includes(argv0.slice(argv0.lastIndexOf('/') + 1))) return true
  return args.length === 1 && (args[0] === FS_HELPER || args[0] === FS_HELPER_FLAG)
}
