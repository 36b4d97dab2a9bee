import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import * as assert from 'uvu/assert'
import { root } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const directory = join(root, 'src', 'client', 'environments')

/** What the bundle of a file for a browser cannot do without. Nothing but the packages that browsers can load is left out of it. */
async function faults(file: string): Promise<string[]> {
  try {
    const entryPoints = [join(directory, file)]
    await build({ entryPoints, bundle: true, write: false, platform: 'browser', format: 'esm', logLevel: 'silent' })
    return []
  } catch (error) {
    return (error as { errors: { text: string }[] }).errors.map(({ text }) => text)
  }
}

test('environments can be used in a browser, except for what reads files and variables', async () => {
  for (const file of readdirSync(directory)) {
    const found = await faults(file)
    if (file === 'load.ts') assert.ok(found.some((text) => text.includes('node:')))
    else assert.equal(found, [], file)
  }
})

test.run()
