/** Test files that a test of the runner writes for itself, and runs as the runner does. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import type { Circumstances, Outcome } from '../../../scripts/test/job.ts'
import { runFile } from '../../../scripts/test/job.ts'
import { atEnd } from '../../support/scope.ts'
import { root } from '../../support/server.ts'

/** What a file of the real suite imports, by where it is. */
const IMPORTS = Object.entries({
  'suite.ts': ['skip', 'suite', 'test'],
  'client.ts': ['Client'],
  'server.ts': ['startServer'],
  'scope.ts': ['atEnd'],
})

/** The text of a test file with `body`; the names above are imported if it uses them. */
export function testFile(body: string): string {
  const imports = IMPORTS.map(([file, names]): [string, string[]] => [
    file,
    names.filter((name) => new RegExp(`\\b${name}\\b`).test(body)),
  ])
  const lines = imports
    .filter(([, names]) => names.length > 0)
    .map(([file, names]) => {
      const address = pathToFileURL(join(root, 'test', 'support', file)).href
      return `import { ${names.join(', ')} } from '${address}'`
    })
  return [...lines, body].join('\n')
}

/** A folder that is deleted when the running test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'r-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes a test file with `body` and runs it, in the quick tier unless `env` says otherwise. */
export async function runBody(
  body: string,
  { env, ...more }: Partial<Circumstances> = {},
): Promise<Outcome & { counts: number[] }> {
  const folder = temporaryFolder()
  const file = join(folder, 'fixture.test.mjs')
  writeFileSync(file, testFile(body))
  const outcome = await runFile(file, {
    folder,
    timeoutMs: 60_000,
    lingerMs: 100,
    env: { ...process.env, EXEC_SERVER_TEST_TIER: 'quick', ...env },
    ...more,
  })
  const { passed, failed, skipped, fullOnly } = outcome
  return { ...outcome, counts: [passed, failed, skipped, fullOnly] }
}

export function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}
