/** How this program is asked to be the helper of sandboxed file calls: by its first argument, or by its name. See fs-helper.ts. */
export const FS_HELPER = 'fs-helper'

/** Codex's own server calls its helper so. */
const FS_HELPER_FLAG = '--codex-run-as-fs-helper'

const NAMES = ['codex-fs', 'exec-server-fs-helper']

export function isHelperCall(argv0: string, args: readonly string[]): boolean {
  if (NAMES.includes(argv0.slice(argv0.lastIndexOf('/') + 1))) return true
  return args.length === 1 && (args[0] === FS_HELPER || args[0] === FS_HELPER_FLAG)
}
