/** Asks real shells what they complete. */
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commands } from '../../../src/cli/commands.ts'
import { collectManual, completionFor } from '../../../src/cli/print-manual.ts'
import type { Shell } from '../../../src/cli/print-manual.ts'
import { skip } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const manual = await collectManual(commands)

/** Writes the completion to a file of this name. Skips the test if there is no such shell. */
function writeCompletion(shell: Shell, name: string): string {
  if (spawnSync(shell, ['-c', ':']).status !== 0) skip(`no ${shell}`)
  const file = join(temporaryFolder(), name)
  writeFileSync(file, completionFor(shell, manual))
  return file
}

/** What bash offers for the last of the words, which may be empty. */
export function askBash(...words: string[]): string[] {
  const script = `set -u; source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _exec_server; printf '%s\\n' "\${COMPREPLY[@]-}"`
  const output = execFileSync('bash', ['--norc', '-c', script, writeCompletion('bash', 'bash'), ...words])
  return output.toString().split('\n').filter(Boolean)
}

/** What fish offers for this command line. */
export function askFish(line: string): string[] {
  const file = writeCompletion('fish', 'fish')
  const script = 'source $argv[1]; complete -C $argv[2]'
  const output = execFileSync('fish', ['--no-config', '-c', script, file, line], { encoding: 'utf8' })
  return output.split('\n').flatMap((each) => (each === '' ? [] : [each.split('\t')[0] as string]))
}

/**
 * In a zsh on a terminal of its own, completes each line and prints what became of it between < and >. The arguments:
 * the file with the completion, a folder for the cache, the lines.
 */
const ZSH_SCRIPT = String.raw`
zmodload zsh/zpty
file=$1 folder=$2; shift 2
zpty shell "TERM=dumb ZDOTDIR=$folder zsh -f -i"
zpty -w shell 'autoload -Uz compinit; compinit -u -d '$folder/dump'; source '$file
zpty -w shell 'report() { zle complete-word; BUFFER="print -r -- $''{(qq):-<$BUFFER>}"; zle accept-line }'
zpty -w shell 'zle -N report; bindkey "^T" report; print READ""Y'
zpty -r shell output '*READY*'
for line in "$@"; do
  zpty -w -n shell "$line"$'\x14'
  zpty -r shell output $'*\n<*>*'
  print -r -- "$output"
done
zpty -d shell
`

/** What zsh makes of each of these beginnings of command lines. */
export function askZsh(...lines: string[]): string[] {
  const file = writeCompletion('zsh', '_exec-server')
  const args = ['-f', '-c', ZSH_SCRIPT, 'zsh', file, temporaryFolder(), ...lines]
  const output = execFileSync('zsh', args, { encoding: 'utf8', timeout: 45_000 })
  return [...output.matchAll(/\n<([^>]*)>/g)].map(([, line]) => line as string)
}
