/** `npm run check`: types, lint and format, at once. Shows what those say that fail. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import process from 'node:process'

const root = dirname(import.meta.dirname)

const CHECKS: readonly (readonly [name: string, ...command: string[]])[] = [
  ['types', 'tsc', '-p', '.'],
  ['types of the portable rooms', 'tsc', '-p', 'src/tsconfig.portable.json'],
  ['lint', 'oxlint', '--quiet'],
  ['format (mend with: npm run format)', 'biome', 'format', '--colors=off', '.'],
]

const results = await Promise.all(CHECKS.map(runCheck))
process.exitCode = results.every((isGood) => isGood) ? 0 : 1

async function runCheck([name, program, ...args]: (typeof CHECKS)[number]): Promise<boolean> {
  const child = spawn(join(root, 'node_modules', '.bin', program as string), args, { cwd: root, stdio: 'pipe' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code === 0) return true
  console.error(`${name}: failed\n${output}`)
  return false
}
