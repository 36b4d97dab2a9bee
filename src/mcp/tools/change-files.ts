/** The tools that change files: `write_file`, `edit_file`, `apply_patch`. */
import * as v from 'valibot'
import { EDIT_BYTES, MAX_EDITS } from '../limits.ts'
import { applyEdits } from '../text/edits.ts'
import { diffOf, patched, readPatch } from '../text/patch.ts'
import { defineTool, flag, path, ToolError } from '../tool.ts'
import type { Tool } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { readText, readTextIfAny, writeWithParents } from './text-file.ts'

export const changeTools = (workspace: Workspace): Tool[] => [
  writeFile(workspace),
  editFile(workspace),
  applyPatch(workspace),
]

function writeFile(workspace: Workspace): Tool {
  return defineTool({
    name: 'write_file',
    title: 'Write a file',
    description: 'Creates or overwrites a file, and creates the directories above it. Binary data as base64.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
    input: v.strictObject({
      path: path('the file'),
      content: v.pipe(v.string(), v.maxLength(2 * EDIT_BYTES), v.description('the whole content')),
      encoding: v.optional(v.pipe(v.picklist(['utf8', 'base64']), v.description('of content')), 'utf8'),
    }),
    output: v.object({ path: v.string(), bytes: v.number(), created: v.boolean() }),
    async run({ path: given, content, encoding }, { signal }) {
      const name = workspace.resolve(given)
      const bytes = encoding === 'utf8' ? new TextEncoder().encode(content) : decodeBase64(content)
      const created = !(await workspace.client.fs.exists(name, workspace.files(signal)))
      await writeWithParents(workspace, name, bytes, signal)
      const text = `${created ? 'created' : 'overwrote'} ${name}: ${bytes.length} bytes`
      return { text, data: { path: name, bytes: bytes.length, created } }
    },
  })
}

function decodeBase64(content: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(content)
  } catch {
    throw new ToolError('content is not base64')
  }
}

function editFile(workspace: Workspace): Tool {
  return defineTool({
    name: 'edit_file',
    title: 'Edit a file',
    description:
      'Replaces exact text in a file. Each old_text must be there once, unless replace_all is set. Edits apply in ' +
      'order, all or none. Answers with a diff.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false },
    input: v.strictObject({
      path: path('the file'),
      edits: v.pipe(
        v.array(
          v.strictObject({
            old_text: v.pipe(v.string(), v.description('the text to replace, exactly, with white space')),
            new_text: v.pipe(v.string(), v.description('what takes its place')),
            replace_all: flag('replaces every occurrence'),
          }),
        ),
        v.minLength(1),
        v.maxLength(MAX_EDITS),
      ),
    }),
    output: v.object({ path: v.string(), diff: v.string() }),
    async run({ path: given, edits }, { signal }) {
      const name = workspace.resolve(given)
      const before = await readText(workspace, name, signal)
      const after = applyEdits(before, edits)
      if (after.length > 2 * EDIT_BYTES) throw new ToolError('the file would become too large; nothing was changed')
      await workspace.client.fs.writeFile(name, after, workspace.files(signal))
      const diff = diffOf(name, before, after)
      return { text: diff, data: { path: name, diff } }
    },
  })
}

const FileChange = v.object({
  path: v.string(),
  change: v.picklist(['created', 'changed', 'deleted', 'renamed']),
  from: v.optional(v.string()),
})
type FileChange = v.InferOutput<typeof FileChange>

/** What a patch comes to for one file. `content` undefined: the file is removed. */
type Planned = { change: FileChange; content: string | undefined }

function applyPatch(workspace: Workspace): Tool {
  const { fs } = workspace.client
  return defineTool({
    name: 'apply_patch',
    title: 'Apply a patch',
    description:
      'Applies a unified diff of one or more files, as of git diff: changes, creates (--- /dev/null), deletes ' +
      '(+++ /dev/null) and renames. Everything is checked before the first file is written.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false },
    input: v.strictObject({
      patch: v.pipe(v.string(), v.maxLength(EDIT_BYTES), v.description('the unified diff')),
    }),
    output: v.object({ files: v.array(FileChange) }),
    async run({ patch }, { signal }) {
      const planned: Planned[] = []
      for (const file of readPatch(patch)) {
        const from = file.from === undefined ? undefined : workspace.resolve(file.from)
        const to = file.to === undefined ? undefined : workspace.resolve(file.to)
        const isNew = to !== undefined && to !== from
        if (isNew && (await readTextIfAny(workspace, to, signal)) !== undefined)
          throw new ToolError(`${to} is there already; nothing was changed`)
        const after = patched(from === undefined ? '' : await readText(workspace, from, signal), file)
        if (to !== undefined) {
          const kind = from === undefined ? 'created' : isNew ? 'renamed' : 'changed'
          const change = {
            path: to,
            change: kind,
            ...(kind === 'renamed' && from !== undefined ? { from } : {}),
          } as const
          planned.push({ change, content: after })
        }
        if (from !== undefined && isNew) planned.push({ change: { path: from, change: 'deleted' }, content: undefined })
        if (from !== undefined && to === undefined) {
          if (after !== '') throw new ToolError(`the patch deletes ${from} but not all its lines; nothing was changed`)
          planned.push({ change: { path: from, change: 'deleted' }, content: undefined })
        }
      }
      const done: FileChange[] = []
      for (const { change, content } of planned) {
        try {
          if (content === undefined) await fs.remove(change.path, { ...workspace.files(signal), recursive: false })
          else await writeWithParents(workspace, change.path, content, signal)
        } catch (error) {
          const list = done.length === 0 ? 'nothing was changed' : `done before: ${describe(done)}`
          throw new ToolError(`${change.path}: ${error instanceof Error ? error.message : String(error)}; ${list}`)
        }
        done.push(change)
      }
      return { text: describe(done), data: { files: done } }
    },
  })
}

const describe = (changes: readonly FileChange[]): string =>
  changes
    .map(({ path: name, change, from }) => `${change} ${from === undefined ? '' : `${from} to `}${name}`)
    .join('\n')
