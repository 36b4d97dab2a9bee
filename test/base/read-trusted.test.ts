import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { readTrusted } from '../../src/base/read-trusted.ts'
import { isDeno } from '../support/server.ts'
import { test } from '../support/suite.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** The script is given as Node takes one. */
const onNode = isDeno ? (test.skip as typeof test) : test

test('a file of up to the bound is read whole, a larger one refused', () => {
  const path = join(temporaryFolder(), 'file')
  writeFileSync(path, 'x'.repeat(1000), { mode: 0o600 })
  assert.is(readTrusted(path, 1000).length, 1000)
  assert.throws(() => readTrusted(path, 999), /more than 999 bytes/)
})

test('a device without end is not read beyond the bound', () => {
  assert.throws(() => readTrusted('/dev/zero', 1000), /more than 1000 bytes/)
})

onNode('a pipe of a shell is read to its end', () => {
  const script = `import { readTrusted } from '${import.meta.resolve('../../src/base/read-trusted.ts')}'
    process.stdout.write(readTrusted(process.argv[1], 100))`
  const line = `"$1" --input-type=module -e "$2" <(printf 'a b')`
  const printed = execFileSync('bash', ['-c', line, 'bash', process.execPath, script])
  assert.is(printed.toString(), 'a b')
})

test.run()
