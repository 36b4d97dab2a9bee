/** The tools that change one file: `write_file`, `edit_file`. */
import * as v from 'valibot'
import { EDIT_BYTES, MAX_EDITS } from '../limits.ts'
import { applyEdits } from '../text/edits.ts'
import { diffOf } from '../text/patch.ts'
import { defineTool, flag, path, ToolError } from '../tool.ts'
import type { Tool } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { applyPatchTool } from './apply-patch.ts'
import { readText, writeWithParents } from './text-file.ts'
import { withPath } from './with-path.ts'

export const changeTools = (workspace: Workspace): Tool[] => [
  writeFile(workspace),
  editFile(workspace),
  applyPatchTool(workspace),
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
      const created = await workspace.locks.run([name], signal, async () => {
        const isThere = await withPath(name, workspace.client.fs.exists(name, workspace.files(signal)))
        await writeWithParents(workspace, name, bytes, signal)
        return !isThere
      })
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
      'order, all or none. In a file whose lines end with \\r\\n, \\n stands for it. Answers with a diff.',
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
      const { before, after } = await workspace.locks.run([name], signal, async () => {
        const before = await readText(workspace, name, signal)
        const after = await applyEdits(before, edits, 2 * EDIT_BYTES)
        await withPath(name, workspace.client.fs.writeFile(name, after, workspace.files(signal)))
        return { before, after }
      })
      const diff = diffOf(name, before, after)
      return { text: diff, data: { path: name, diff } }
    },
  })
}
