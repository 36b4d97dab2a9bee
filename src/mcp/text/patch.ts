/** Unified diffs: made of two texts, and read from a patch. */
import { applyPatch, createTwoFilesPatch, parsePatch } from 'diff'
import type { StructuredPatch } from 'diff'
import { DIFF_CHARS, MAX_EDITS, PATCH_STEPS } from '../limits.ts'
import { ToolError } from '../tool.ts'
import { cutMiddle } from './cut.ts'
import { recounted } from './recount.ts'

/**
 * Time for a diff to be computed, in ms: two unlike texts of 10 MiB would take minutes, and no other client is answered
 * meanwhile.
 */
const DIFF_MS = 250

/** The diff between two versions of a file, cut to what an answer holds. */
export function diffOf(path: string, before: string, after: string): string {
  const diff = createTwoFilesPatch(path, path, before, after, undefined, undefined, {
    context: 3,
    timeout: DIFF_MS,
    headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
  })
  return diff === undefined ? '[the diff takes too long to compute]' : cutMiddle(diff, DIFF_CHARS)
}

/** What a patch does to one file. `from` undefined: creates it; `to` undefined: deletes it. */
export type FilePatch = {
  from: string | undefined
  to: string | undefined
  /** The mode that the file is to get, such as 100755. */
  mode: string | undefined
  patch: StructuredPatch
}

/**
 * Reads a unified diff of one or more files.
 * @throws {ToolError} if it is none
 */
export function readPatch(text: string): FilePatch[] {
  let patches: StructuredPatch[]
  try {
    patches = parsePatch(recounted(text))
  } catch (error) {
    throw new ToolError(`the patch cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  const files = patches.map(readFilePatch)
  if (files.length === 0) throw new ToolError(NO_DIFF)
  if (files.length > MAX_EDITS) throw new ToolError(`the patch changes more than ${MAX_EDITS} files`)
  const names = files.flatMap(({ from, to }) => [...new Set([from, to])].filter((name) => name !== undefined))
  if (new Set(names).size < names.length) throw new ToolError('the patch names a file twice')
  return files
}

const NO_DIFF =
  'the patch is no unified diff: it needs a line `--- PATH`, a line `+++ PATH` and hunks that begin with ' +
  '`@@ -LINE,COUNT +LINE,COUNT @@`'

function readFilePatch(patch: StructuredPatch): FilePatch {
  const { isBinary, isCopy, isCreate, hunks, newMode } = patch
  const oldMode = isCreate === true ? '100644' : patch.oldMode
  const from = isCreate === true ? undefined : nameIn(patch.oldFileName, 'a/')
  const to = patch.isDelete === true ? undefined : nameIn(patch.newFileName, 'b/')
  if (from === undefined && to === undefined) throw new ToolError(NO_DIFF)
  if (isCopy === true) throw new ToolError('a patch that copies files is not supported')
  if (isBinary === true) throw new ToolError(`the patch of ${from ?? to} is binary: use write_file with base64`)
  if (hunks.length === 0 && from === to)
    throw new ToolError(
      newMode !== undefined && newMode !== oldMode
        ? `the patch changes nothing but the mode of ${from}: use exec with chmod`
        : `the patch has no hunk for ${from}: hunks begin with \`@@ -LINE,COUNT +LINE,COUNT @@\``,
    )
  return { from, to, mode: newMode === oldMode ? undefined : newMode, patch }
}

/**
 * The file's new text.
 * @throws {ToolError} if a hunk does not fit
 */
export function patched(before: string, { from, to, patch }: FilePatch): string {
  let steps = 0
  const compareLine = (_: number, line: string, __: string, expected: string): boolean => {
    if (++steps > PATCH_STEPS)
      throw new ToolError(
        `the patch does not fit ${from ?? to} where it says, and the search takes too long; nothing was changed`,
      )
    return line === expected
  }
  const after = applyPatch(before, patch, { fuzzFactor: 0, compareLine })
  if (after === false)
    throw new ToolError(`the patch does not fit ${from ?? to}; nothing was changed: read the file and try again`)
  return after
}

/** git writes a/ and b/ before the names. */
function nameIn(name: string | undefined, prefix: string): string | undefined {
  if (name === undefined || name === '' || name === '/dev/null') return undefined
  return name.startsWith(prefix) ? name.slice(prefix.length) : name
}
