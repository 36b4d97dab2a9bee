/**
 * Fills Node's compile cache with test files and all that they import, and runs none of it:
 * `NODE_COMPILE_CACHE=FOLDER node scripts/test/compile-ahead.ts FILE…`. To load the compiler for TypeScript takes longer
 * than most test files; one process loads it once for all of them.
 */
import process from 'node:process'
import { pathToFileURL } from 'node:url'

const imports = process.argv.slice(2).map((file) => `import ${JSON.stringify(pathToFileURL(file).href)}\n`)
// Linking comes after all is compiled, and before anything runs. It fails: the empty module exports nothing.
const source = `${imports.join('')}import { nothing } from 'data:text/javascript,'\n`
// Any other error is that of a test file, which will fail with it.
await import(`data:text/javascript,${encodeURIComponent(source)}`).catch(() => {})
