/** `read_file`: lines of a text file, or an image. */
import * as v from 'valibot'
import { IMAGE_BYTES, LINE_CHARS, MAX_ANSWER_BYTES, READ_LINES, READ_SCAN } from '../limits.ts'
import { readLines } from '../text/read-lines.ts'
import { count, defineTool, path, ToolError } from '../tool.ts'
import type { Tool } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { withPath } from './with-path.ts'

const MAGIC: readonly (readonly [mimeType: string, isIt: (bytes: Uint8Array) => boolean])[] = [
  ['image/png', (bytes) => startsWith(bytes, 0, '\x89PNG\r\n\x1a\n')],
  ['image/jpeg', (bytes) => startsWith(bytes, 0, '\xff\xd8\xff')],
  ['image/gif', (bytes) => startsWith(bytes, 0, 'GIF87a') || startsWith(bytes, 0, 'GIF89a')],
  ['image/webp', (bytes) => startsWith(bytes, 0, 'RIFF') && startsWith(bytes, 8, 'WEBP')],
]

const startsWith = (bytes: Uint8Array, at: number, text: string): boolean =>
  Array.from(text).every((character, index) => bytes[at + index] === character.charCodeAt(0))

/** The type of an image that models accept. */
export const imageType = (bytes: Uint8Array): string | undefined => MAGIC.find(([, isIt]) => isIt(bytes))?.[0]

const output = v.object({
  path: v.string(),
  size: v.pipe(v.number(), v.description('bytes of the whole file')),
  mime_type: v.optional(v.string()),
  first_line: v.optional(v.number()),
  lines: v.optional(v.number()),
  content: v.optional(v.string()),
  next_line: v.optional(v.pipe(v.number(), v.description('where to go on; absent at the end of the file'))),
})

export function readFileTool(workspace: Workspace): Tool {
  const { fs } = workspace.client
  return defineTool({
    name: 'read_file',
    title: 'Read a file',
    description:
      `Reads lines of a text file, ${READ_LINES} by default, or a PNG, JPEG, GIF or WebP image as an image. Lines are ` +
      `cut after ${LINE_CHARS} characters, with the number of those left out. The answer says where to go on.`,
    annotations: { readOnlyHint: true },
    input: v.strictObject({
      path: path('the file'),
      first_line: count('the first line to read', 1, Number.MAX_SAFE_INTEGER, 1),
      lines: count('how many lines to read', 1, 100_000, READ_LINES),
    }),
    output,
    async run({ path: given, first_line: first, lines: wanted }, { signal }) {
      const name = workspace.resolve(given)
      const options = workspace.files(signal)
      const { isFile, isDirectory, size } = await withPath(name, fs.getMetadata(name, options))
      if (isDirectory) throw new ToolError(`${name} is a directory: use list_dir`)
      if (!isFile) throw new ToolError(`${name} is no regular file`)
      const mimeType = await imageAt(fs.readStream(name, options))
      if (mimeType !== undefined) {
        if (size > IMAGE_BYTES) throw new ToolError(`the image has ${size} bytes; ${IMAGE_BYTES} can be shown`)
        const data = (await fs.readFile(name, options)).toBase64()
        return {
          text: `${name}: ${mimeType}, ${size} bytes`,
          data: { path: name, size, mime_type: mimeType },
          image: { mimeType, data },
        }
      }
      const found = await readLines(fs.readStream(name, options), {
        first,
        count: wanted,
        maxLine: LINE_CHARS,
        maxText: MAX_ANSWER_BYTES,
        maxScan: READ_SCAN,
      })
      if (found === undefined) throw new ToolError(`${name} is a binary file of ${size} bytes, and no image`)
      const { lines, isOpen, seen, stop } = found
      if (lines.length === 0 && stop === 'scan')
        throw new ToolError(`line ${first} is not in the first ${READ_SCAN} bytes: use exec, as with sed -n`)
      if (lines.length === 0 && first > 1) throw new ToolError(`${name} has ${seen} lines`)
      const next = stop === undefined ? undefined : first + lines.length
      const content = lines.length === 0 || isOpen ? lines.join('\n') : `${lines.join('\n')}\n`
      return {
        text: next === undefined ? content : `${content}[the file goes on, ${size} bytes in all: first_line ${next}]`,
        data: {
          path: name,
          size,
          first_line: first,
          lines: lines.length,
          content,
          ...(next === undefined ? {} : { next_line: next }),
        },
      }
    },
  })
}

async function imageAt(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  for await (const bytes of stream) return imageType(bytes)
  return undefined
}
