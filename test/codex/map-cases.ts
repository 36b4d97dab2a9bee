/** What is tried with --map: Codex has the folder under a path that is not there for the server. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case } from './cases.ts'
import { applyPatch, exec, viewImage } from './tools.ts'

/** A PNG of one pixel. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

export const mapCases: readonly Case[] = [
  {
    name: 'with --map commands run, and patches apply, in the folder of the other path',
    ours: true,
    mapped: true,
    *script({ work, devbox }) {
      const { text, exitCode } = yield exec('pwd; exit 7')
      deepEqual([text, exitCode], [`${devbox}\n`, 7])
      const file = join(devbox, 'new folder', 'file.txt')
      yield applyPatch('*** Add File: new folder/file.txt', '+one', '+three')
      equal(readFileSync(file, 'utf8'), 'one\nthree\n')
      yield applyPatch(`*** Update File: ${join(work, 'new folder', 'file.txt')}`, '@@', ' one', '+two', ' three')
      equal(readFileSync(file, 'utf8'), 'one\ntwo\nthree\n')
      yield applyPatch('*** Delete File: new folder/file.txt')
      ok(!existsSync(file))
      deepEqual(readdirSync(work), [])
    },
  },
  {
    name: 'with --map the workspace-write sandbox is the folder of the other path',
    ours: true,
    mapped: true,
    sandbox: 'workspace-write',
    *script({ work, devbox }) {
      const patched = yield applyPatch('*** Add File: patched.txt', '+from the patch')
      ok(existsSync(join(devbox, 'patched.txt')), patched.whole)
      const { text, exitCode } = yield exec(
        'exec 2>&1; cat patched.txt; touch inside.txt && echo inside; touch ../outside.txt || echo refused; mkdir .codex 2>/dev/null; touch .codex/config.toml || echo protected; exit 9',
      )
      match(text, /^from the patch\ninside\n.*Read-only file system\nrefused\n.*\nprotected\n$/)
      equal(exitCode, 9)
      deepEqual(readdirSync(devbox).sort(), ['inside.txt', 'patched.txt'])
      ok(!existsSync(join(devbox, '..', 'outside.txt')))
      deepEqual(readdirSync(work), [])
    },
  },
  {
    name: 'with --map instructions, skills and images are those of the folder of the other path',
    ours: true,
    mapped: true,
    prepare(devbox) {
      const skill = join(devbox, '.agents', 'skills', 'birds')
      mkdirSync(skill, { recursive: true })
      writeFileSync(
        join(skill, 'SKILL.md'),
        '---\nname: bird-watching\ndescription: Tells herons from storks\n---\nLook at the neck.\n',
      )
      writeFileSync(join(devbox, 'AGENTS.md'), 'Never disturb the blue heron.\n')
      writeFileSync(join(devbox, 'pixel.png'), Buffer.from(PIXEL, 'base64'))
    },
    *script({ work, devbox, told }) {
      const first = told()
      match(first, /Never disturb the blue heron/)
      match(first, /Tells herons from storks/)
      ok(!first.includes(devbox), 'the model knows the path of Codex only')
      const images = (): number => told().split('data:image/png;base64,').length - 1
      for (const [index, path] of ['pixel.png', join(work, 'pixel.png')].entries()) {
        const { whole } = yield viewImage(path)
        equal(images(), index + 1, whole)
      }
      const { whole } = yield viewImage('none.png')
      ok(whole.includes(join(work, 'none.png')) && !whole.includes(devbox), whole)
    },
  },
]
