import { resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { TARGETS } from '../../../scripts/build/targets.ts'
import { parseOptions } from '../../../scripts/release/options.ts'
import { test } from '../../support/suite.ts'

const parse = (args: string[], env = {}) => parseOptions(args, env, '/checkout')

test('without options everything is made for all targets', () => {
  const options = parse([])
  assert.equal(options?.targets, TARGETS)
  assert.is(options?.output, '/checkout/dist/release')
  assert.equal(options?.formats, ['tar.xz', 'tar.gz'])
  assert.is(options?.makesPackages, true)
  assert.is(options?.tag, undefined)
})

test('--target and --executable are given once for each target', () => {
  const options = parse(['--target', 'linux-x64', '--target', 'darwin-arm64', '--executable', 'linux-x64=file'])
  assert.equal(
    options?.targets.map(({ name }) => name),
    ['linux-x64', 'darwin-arm64'],
  )
  assert.equal([...(options?.executables ?? [])], [['linux-x64', resolve('file')]])
})

test('the tag is that of the workflow, unless it is given', () => {
  assert.is(parse([], { GITHUB_REF_TYPE: 'tag', GITHUB_REF_NAME: 'v1.0.0' })?.tag, 'v1.0.0')
  assert.is(parse([], { GITHUB_REF_TYPE: 'branch', GITHUB_REF_NAME: 'main' })?.tag, undefined)
  assert.is(parse(['--tag', 'v2.0.0'])?.tag, 'v2.0.0')
})

test('what does not fit is named', () => {
  assert.throws(() => parse(['--target', 'windows-x64']), /windows-x64 is not a target/)
  assert.throws(() => parse(['--executable', 'file']), /--executable takes TARGET=FILE, not file/)
  assert.throws(() => parse(['--format', 'zip']), /--format takes tar.xz or tar.gz, not zip/)
  assert.throws(() => parse(['--level', '10']), /--level takes a number from 0 to 9, not 10/)
})

test.run()
