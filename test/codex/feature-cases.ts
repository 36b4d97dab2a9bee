/** What is tried of features that Codex has off by default. */
import { equal, match, ok } from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case } from './cases.ts'
import { exec } from './tools.ts'

/** A startup file of the login shell that counts how often it is read. */
const PROFILE = `echo run >> "$HOME/runs"
echo noise
export FROM_PROFILE=set
export PATH="$HOME/own-bin:$PATH"
from_profile() { echo "function $1"; }
umask 027
`

const homeOf = (work: string): string => join(work, '..')

const runsIn = (work: string): number => readFileSync(join(homeOf(work), 'runs'), 'utf8').split('\n').length - 1

function writeProfile(work: string): void {
  writeFileSync(join(homeOf(work), '.bash_profile'), PROFILE)
}

/** As of the release whose server takes part: what the reference leaves out of a snapshot is not asked for here. */
function* assertState(work: string): ReturnType<Case['script']> {
  for (const index of [1, 2, 3]) {
    const { text, exitCode } = yield exec(
      `echo "$FROM_PROFILE"; from_profile ${index}; echo "$PATH"; pwd; exit ${index}`,
    )
    match(text, new RegExp(`^set\\nfunction ${index}\\n[^\\n]*/own-bin:[^\\n]*\\n`))
    ok(text.endsWith(`\n${work}\n`), text)
    equal(exitCode, index)
  }
  equal(runsIn(work), 1, 'the startup files are read once')
}

/** The features by their names in config.toml. */
export const featureCases: readonly Case[] = [
  {
    name: 'with shell_snapshot_v2 the startup files of the login shell run once, and commands have their state',
    features: ['shell_snapshot_v2'],
    since: 150,
    prepare: writeProfile,
    *script({ work }) {
      yield* assertState(work)
    },
  },
  {
    name: 'with shell_snapshot_v2 a command in the workspace-write sandbox has the state of the login shell',
    features: ['shell_snapshot_v2'],
    since: 150,
    sandbox: 'workspace-write',
    prepare: writeProfile,
    *script({ work }) {
      for (const index of [1, 2]) {
        const { text, exitCode } = yield exec(`from_profile ${index} && touch inside-${index} && ! touch ../outside`)
        match(text, /^function [12]\n.*Read-only file system\n$/)
        equal(exitCode, 0)
        ok(readFileSync(join(work, `inside-${index}`)).length === 0)
      }
    },
  },
  {
    name: 'with login_shell_package_path commands find the ripgrep that comes with the server',
    features: ['login_shell_package_path'],
    since: 169,
    *script({ work }) {
      writeFileSync(join(work, 'birds.txt'), 'a grey heron\n')
      const { text, exitCode } = yield exec('dirname "$(command -v rg)"; rg --no-config heron birds.txt; exit 3')
      match(text, /^\S+(\/codex-path|\/exec-server\/rg-[0-9a-f]{16})\na grey heron\n$/)
      equal(exitCode, 3)
    },
  },
  {
    name: 'with login_shell_package_path commands in the workspace-write sandbox find it, too, and cannot change it',
    features: ['login_shell_package_path'],
    since: 169,
    sandbox: 'workspace-write',
    *script({ work }) {
      writeFileSync(join(work, 'birds.txt'), 'a grey heron\n')
      const { text } = yield exec(
        'rg --no-config heron birds.txt; touch "$(command -v rg)" 2>/dev/null || echo refused',
      )
      equal(text, 'a grey heron\nrefused\n')
    },
  },
  {
    name: 'without it the folder is on the PATH of no command',
    since: 169,
    *script() {
      const { text } = yield exec('echo "$PATH"')
      ok(!/rg-[0-9a-f]{16}/.test(text), text)
    },
  },
  {
    name: 'with executor_capability_discovery_v2 the model is told of the skills that are installed on the devbox',
    sandbox: 'workspace-write',
    features: ['executor_capability_discovery', 'executor_capability_discovery_v2'],
    since: 169,
    prepare(work) {
      const skill = join(homeOf(work), '.codex', 'skills', 'birds')
      mkdirSync(skill, { recursive: true })
      writeFileSync(
        join(skill, 'SKILL.md'),
        '---\nname: stork-counting\ndescription: Counts storks: on roofs\n---\nLook up.\n',
      )
    },
    *script({ told }) {
      match(told(), /stork-counting/)
      match(told(), /Counts storks: on roofs/)
      yield exec('true')
    },
  },
]
