#!/usr/bin/env node
// Starts the executable that the package for this platform carries. Runs on Node 18 and newer.
'use strict'
const { spawn } = require('node:child_process')
const { isatty } = require('node:tty')

const name = `exec-server-${process.platform}-${process.arch}`

function isMusl() {
  if (process.platform !== 'linux') return false
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime === undefined
}

function findExecutable() {
  if (isMusl()) fail('the packages are for systems with glibc; for this one there is an archive with an install.sh')
  try {
    return require.resolve(`${name}/bin/exec-server`)
  } catch {
    fail(`the package ${name} is missing: either there is none for this platform, or npm has left out optional packages`)
  }
}

function fail(message) {
  process.stderr.write(`exec-server: ${message}\n`)
  process.exit(1)
}

const executable = findExecutable()
const args = process.argv.slice(2)

if (typeof process.execve === 'function') {
  // It is still experimental, and would say so.
  process.emitWarning = () => {}
  process.execve(executable, [executable, ...args])
} else {
  start()
}

/** Older versions cannot become another program: this one stays, and passes on signals. */
function start() {
  // What comes from a terminal reaches the child as well; a second signal would mean something else to it.
  const isInTerminal = [0, 1, 2].some(isatty)
  // Before the start, so that no signal finds this process without its child.
  let child
  const pass = (signal) => child.kill(signal)
  process.on('SIGTERM', pass)
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP']) process.on(signal, isInTerminal ? () => {} : pass)
  child = spawn(executable, args, { stdio: 'inherit' })
  child.once('error', (error) => fail(`${executable} cannot be started: ${error.message}`))
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
