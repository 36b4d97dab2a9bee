// Runs on any Node: says what is missing before a script of package.json fails with a stack that does not.
'use strict'
const { existsSync } = require('node:fs')
const { join } = require('node:path')

const NEEDED_MAJOR = 26
const modules = join(__dirname, '..', 'node_modules')
const major = Number(process.versions.node.split('.')[0])

function problem() {
  if (!existsSync(modules)) return 'node_modules is missing: run `npm ci`'
  if (!existsSync(join(modules, 'node', 'bin', 'node'))) {
    return 'node_modules has no Node 26, as its install script has not run: run `npm ci` without --ignore-scripts'
  }
  if (major < NEEDED_MAJOR) {
    return `this is Node ${process.versions.node}, and the sources need Node ${NEEDED_MAJOR}: run them by \`npm run\`, which takes the one of node_modules`
  }
  return undefined
}

const found = problem()
if (found !== undefined) {
  console.error(`exec-server: ${found}`)
  process.exit(1)
}
