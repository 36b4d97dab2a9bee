/**
 * The shells whose state a snapshot holds: bash, zsh and sh. Each has a script that prints its state after its startup
 * files have run, and the code that brings the state back in a shell that has run none.
 *
 * Kept are functions, aliases, options, umask and soft limits, beside the exported variables; not other variables,
 * traps, nor a working directory that a startup file has changed to: the request's is used.
 */

/** How to capture and restore the state of one kind of shell. */
export type SnapshotShell = {
  /** Stands for `-lc`: runs a command without startup files. */
  readonly flag: string
  /** Number of sections that `capture` prints before the environment. */
  readonly sections: number
  /**
   * A script for a login shell. Prints the marker between NULs, then each section with a NUL behind it, then the
   * environment as `env -0` does, then the marker again.
   */
  capture(marker: string): string
  /**
   * Whether the command must be evaluated apart: zsh parses all of it before it runs the first line, and so knows no
   * alias that is restored there.
   */
  readonly parsesAtOnce: boolean
  /** Code for each step of restoring; a later step is parsed with the effect of those before it. */
  restore(sections: readonly string[]): string[]
}

/** Prints `ulimit` commands that set the soft limits, those that this shell and system know. */
const softLimits = (builtin: string): string => `for limit in c d f l m n s t u v; do
  value=$(${builtin} ulimit -S -"$limit" 2>/dev/null) && ${builtin} printf 'ulimit -S -%s %s\\n' "$limit" "$value"
done`

const mark = (builtin: string, marker: string): string => `${builtin} printf '\\0%s\\0' '${marker}'`

/** \`command -p\` and the path: a startup file may have left a PATH without \`env\`. */
const ENVIRONMENT = `\\command env -0 2>/dev/null || \\command -p env -0 2>/dev/null || /usr/bin/env -0`

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

const keepLines = (text: string, isKept: (line: string) => boolean): string => lines(text).filter(isKept).join('\n')

/** As the reference, also reads the file for interactive shells: version managers stand there. */
const bash: SnapshotShell = {
  // Without `-p`, BASH_ENV would be read and functions imported once more; the options turn it off again.
  flag: '-pc',
  parsesAtOnce: false,
  sections: 6,
  capture: (marker) => `if [ -z "\${BASH_ENV-}" ] && [ -r "\${HOME-}/.bashrc" ]; then . "$HOME/.bashrc"; fi
${mark('\\builtin', marker)}
\\builtin set +o
\\builtin printf '\\0'
\\builtin set +aeuxv +o noclobber +o posix
\\builtin shopt -p
\\builtin printf '\\0'
\\builtin declare -f
\\builtin printf '\\0'
\\builtin declare -F
\\builtin printf '\\0'
\\builtin alias -p
\\builtin printf '\\0'
\\builtin umask -p
${softLimits('\\builtin')}
\\builtin printf '\\0'
${ENVIRONMENT}
${mark('\\builtin', marker)}
\\builtin exit 0`,
  restore: ([options = '', shellOptions = '', functions = '', attributes = '', aliases = '', limits = '']) => [
    keepLines(shellOptions, (line) => !/ (login_shell|restricted_shell)$/.test(line)),
    // In front of the aliases, which would change what the functions mean.
    [functions, keepLines(attributes, (line) => !line.startsWith('declare -f ')), aliases, limits].join('\n'),
    options,
  ],
}

/** What cannot be set in a running zsh, or belongs to the way it was started. */
const ZSH_STARTUP = /^(no)?(exec|interactive|login|monitor|privileged|rcs|restricted|shinstdin|singlecommand|zle)$/

const zsh: SnapshotShell = {
  flag: '-fc',
  parsesAtOnce: true,
  sections: 4,
  capture: (marker) => `zshrc=\${ZDOTDIR:-\${HOME-}}/.zshrc
if [[ -r $zshrc ]]; then . "$zshrc"; fi
${mark('\\builtin', marker)}
\\builtin setopt
\\builtin printf '\\0'
\\builtin emulate -R zsh
\\builtin print -r -- "fpath=(" "\${(@qq)fpath}" ")"
\\builtin functions
\\builtin printf '\\0'
\\builtin alias -L
\\builtin printf '\\0'
\\builtin print -r -- umask $(\\builtin umask)
${softLimits('\\builtin')}
\\builtin printf '\\0'
${ENVIRONMENT}
${mark('\\builtin', marker)}
\\builtin exit 0`,
  restore: ([options = '', functions = '', aliases = '', limits = '']) => [
    ['rcs', ...lines(options).filter((name) => /^\w+$/.test(name) && !ZSH_STARTUP.test(name))]
      .map((name) => `setopt ${name}`)
      .join('\n'),
    functions,
    [aliases, limits].join('\n'),
  ],
}

/** Options of sh that cannot be set in a running shell. */
const SH_STARTUP = / (interactive|monitor|privileged|stdin)$/

/** A whole alias in one line, with or without the word in front of it. */
const SH_ALIAS = /^(?:alias )?([^\s='"$`\\]+=(?:'[^']*'|\\.|"[^"$`\\]*"|[^\s'"$`\\])*)$/

const sh: SnapshotShell = {
  flag: '-c',
  parsesAtOnce: false,
  sections: 4,
  capture: (marker) => `case \${ENV-} in /*) if [ -r "$ENV" ]; then . "$ENV"; fi ;; esac
${mark('\\command', marker)}
\\command set +o
\\command printf '\\0'
\\command set +aeux
\\command typeset -f 2>/dev/null
\\command printf '\\0'
\\command alias
\\command printf '\\0'
\\command printf 'umask %s\\n' "$(\\command umask)"
${softLimits('\\command')}
\\command printf '\\0'
${ENVIRONMENT}
${mark('\\command', marker)}
\\command exit 0`,
  restore: ([options = '', functions = '', aliases = '', limits = '']) => [
    [functions, shAliases(aliases), limits, keepLines(options, (line) => !SH_STARTUP.test(line))].join('\n'),
  ],
}

function shAliases(text: string): string {
  return lines(text)
    .flatMap((line) => SH_ALIAS.exec(line)?.[1] ?? [])
    .map((alias) => `alias ${alias}`)
    .join('\n')
}

/** The shells, by the names that clients give them. */
export const SNAPSHOT_SHELLS: ReadonlyMap<string, SnapshotShell> = new Map(Object.entries({ bash, zsh, sh }))
