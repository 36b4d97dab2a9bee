/** The tools that find files: `list_dir` and `glob`. */
import { posix } from 'node:path'
import * as v from 'valibot'
import { LIST_ENTRIES } from '../limits.ts'
import { namePattern } from '../text/name-pattern.ts'
import { count, defineTool, flag, path, text, ToolError } from '../tool.ts'
import type { Tool } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { withPath } from './with-path.ts'

export const findTools = (workspace: Workspace): Tool[] => [listDir(workspace), glob(workspace)]

const maxEntries = count('entries in the answer', 1, 10_000, LIST_ENTRIES)
const omitted = v.pipe(v.number(), v.description('entries that are not in the answer'))

function listDir(workspace: Workspace): Tool {
  return defineTool({
    name: 'list_dir',
    title: 'List a directory',
    description: 'Lists the entries of a directory, sorted by name; names of directories end with /.',
    annotations: { readOnlyHint: true },
    input: v.strictObject({
      path: v.optional(path('the directory; default: the workspace'), '.'),
      max_entries: maxEntries,
    }),
    output: v.object({
      path: v.string(),
      entries: v.array(v.object({ name: v.string(), kind: v.picklist(['file', 'directory', 'other']) })),
      omitted,
    }),
    async run({ path: given, max_entries: max }, { signal }) {
      const name = workspace.resolve(given)
      const all = await withPath(name, workspace.client.fs.readDirectory(name, workspace.files(signal)))
      const entries = all
        .map(({ fileName, isDirectory, isFile }) => ({
          name: fileName,
          kind: isDirectory ? ('directory' as const) : isFile ? ('file' as const) : ('other' as const),
        }))
        .sort((a, b) => compare(a.name, b.name))
        .slice(0, max)
      const left = all.length - entries.length
      const lines = entries.map((entry) => (entry.kind === 'directory' ? `${entry.name}/` : entry.name))
      return { text: listing(lines, left, 'empty'), data: { path: name, entries, omitted: left } }
    },
  })
}

function glob(workspace: Workspace): Tool {
  return defineTool({
    name: 'glob',
    title: 'Find files by name',
    description:
      'Finds files whose path, relative to the directory, matches a pattern: * within a name, ** across directories, ' +
      '? one character, {a,b} alternatives. "**/*.ts" finds all TypeScript files. Names may begin with a dot; .git is left out.',
    annotations: { readOnlyHint: true },
    input: v.strictObject({
      pattern: v.pipe(text('the pattern'), v.minLength(1), v.maxLength(1000)),
      path: v.optional(path('where to look; default: the workspace'), '.'),
      directories: flag('finds directories, too'),
      max_entries: maxEntries,
    }),
    output: v.object({
      path: v.string(),
      matches: v.array(v.string()),
      omitted,
      complete: v.pipe(v.boolean(), v.description('false: the tree is too large, or a part of it cannot be read')),
    }),
    async run({ pattern, path: given, directories, max_entries: max }, { signal }) {
      const matches = namePattern(pattern)
      const top = workspace.resolve(given)
      const options = workspace.files(signal)
      if (!(await withPath(top, workspace.client.fs.getMetadata(top, options))).isDirectory)
        throw new ToolError(`${top} is no directory`)
      const { entries, errors, truncated } = await workspace.client.fs.walk(top, options)
      const found = entries
        .filter(({ kind }) => directories || kind === 'file')
        .map((entry) => posix.relative(top, entry.path))
        .filter((name) => !isInGit(name) && matches(name))
        .sort(compare)
      const shown = found.slice(0, max)
      const left = found.length - shown.length
      const notes = [
        ...(truncated ? ['[the tree is too large: only a part of it was searched]'] : []),
        ...(errors.length > 0 ? [`[${errors.length} directories could not be read]`] : []),
      ]
      return {
        text: [listing(shown, left, 'no match'), ...notes].join('\n'),
        data: { path: top, matches: shown, omitted: left, complete: !truncated && errors.length === 0 },
      }
    },
  })
}

const isInGit = (name: string): boolean => name.split('/').includes('.git')

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function listing(lines: readonly string[], left: number, none: string): string {
  if (lines.length === 0) return `[${none}]`
  return left === 0 ? lines.join('\n') : `${lines.join('\n')}\n[… ${left} more …]`
}
