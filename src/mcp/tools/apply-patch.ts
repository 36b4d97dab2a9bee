/** `apply_patch`: changes, creates, deletes and renames files as a unified diff says. */
import * as v from 'valibot'
import { messageOf } from '../../client/base/errors.ts'
import { EDIT_BYTES } from '../limits.ts'
import { patched, readPatch } from '../text/patch.ts'
import type { FilePatch } from '../text/patch.ts'
import { defineTool, ToolError } from '../tool.ts'
import type { Tool, ToolAnswer } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { moveFile, readText, writeWithParents } from './text-file.ts'
import { withPath } from './with-path.ts'

const FileChange = v.object({
  path: v.string(),
  change: v.picklist(['created', 'changed', 'deleted', 'renamed']),
  from: v.optional(v.string()),
})
type FileChange = v.InferOutput<typeof FileChange>

/** What a patch comes to for one file. `content` undefined: none is written. `mode`: one that is not set. */
type Planned = { change: FileChange; content: string | undefined; mode: string | undefined }

export function applyPatchTool(workspace: Workspace): Tool {
  return defineTool({
    name: 'apply_patch',
    title: 'Apply a patch',
    description:
      'Applies a unified diff of one or more files, as of git diff: changes, creates (--- /dev/null), deletes ' +
      '(+++ /dev/null) and renames. Line counts of hunks need not be right, their lines must. Everything is checked ' +
      'before the first file is written.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false },
    input: v.strictObject({
      patch: v.pipe(v.string(), v.maxLength(EDIT_BYTES), v.description('the unified diff')),
    }),
    output: v.object({ files: v.array(FileChange) }),
    async run({ patch }, { signal }) {
      const files = readPatch(patch)
      const paths = files.flatMap(({ from, to }) => [from, to]).filter((path) => path !== undefined)
      return workspace.locks.run(paths.map(workspace.resolve), signal, () => apply(workspace, files, signal))
    },
  })
}

async function apply(
  workspace: Workspace,
  files: readonly FilePatch[],
  signal: AbortSignal,
): Promise<ToolAnswer<{ files: FileChange[] }>> {
  const planned: Planned[] = []
  for (const file of files) planned.push(await plan(workspace, file, signal))
  const done: FileChange[] = []
  for (const { change, content } of planned) {
    try {
      await carryOut(workspace, change, content, signal)
    } catch (error) {
      throw new ToolError(`${messageOf(error)}; ${done.length === 0 ? UNCHANGED : `done before: ${describe(done)}`}`)
    }
    done.push(change)
  }
  const modes = planned.flatMap(({ change, mode }) =>
    mode === undefined ? [] : [`[${change.path} does not have mode ${mode}: use exec with chmod]`],
  )
  return { text: [describe(done), ...modes].join('\n'), data: { files: done } }
}

const UNCHANGED = 'nothing was changed'

/** @throws {ToolError} if it does not fit the files that there are */
async function plan(workspace: Workspace, file: FilePatch, signal: AbortSignal): Promise<Planned> {
  const { mode } = file
  const from = file.from === undefined ? undefined : workspace.resolve(file.from)
  const to = file.to === undefined ? undefined : workspace.resolve(file.to)
  if (to !== undefined && to !== from) {
    if (await withPath(to, workspace.client.fs.exists(to, workspace.files(signal))))
      throw new ToolError(`${to} is there already; ${UNCHANGED}`)
  }
  if (file.patch.hunks.length === 0 && from !== undefined && to !== undefined) {
    await withPath(from, workspace.client.fs.getMetadata(from, workspace.files(signal)))
    return { change: { path: to, change: 'renamed', from }, content: undefined, mode }
  }
  const content = patched(from === undefined ? '' : await readText(workspace, from, signal), file)
  if (from === undefined) return { change: { path: to as string, change: 'created' }, content, mode }
  if (to === from) return { change: { path: from, change: 'changed' }, content, mode }
  if (to !== undefined) return { change: { path: to, change: 'renamed', from }, content, mode }
  if (content !== '') throw new ToolError(`the patch deletes ${from} but not all its lines; ${UNCHANGED}`)
  return { change: { path: from, change: 'deleted' }, content: undefined, mode: undefined }
}

async function carryOut(
  workspace: Workspace,
  { path, from }: FileChange,
  content: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { client, files } = workspace
  if (from !== undefined) await moveFile(workspace, { from, to: path, content }, signal)
  else if (content !== undefined) await writeWithParents(workspace, path, content, signal)
  else await withPath(path, client.fs.remove(path, { ...files(signal), recursive: false }))
}

const describe = (changes: readonly FileChange[]): string =>
  changes
    .map(({ path: name, change, from }) => `${change} ${from === undefined ? '' : `${from} to `}${name}`)
    .join('\n')
