/** The completion for bash, from 3.2 (macOS) on, with or without the package bash-completion. */
import type { Manual, ManualPage, OptionValue } from './manual.ts'

const names = (page: ManualPage): string => page.options.flatMap((option) => option.names).join(' ')

/** What is done to complete a value. Without doing anything, bash offers files. */
function completeValue({ choices, isFile }: OptionValue): string {
  if (choices.length > 0) return `_exec_server_words '${choices.join(' ')}'; return`
  return isFile ? 'return' : '_exec_server_nothing; return'
}

/** The branches of `case "$command $previous"`: options with values, together if these are completed alike. */
function valueBranches(pages: readonly ManualPage[]): string[] {
  const cases = pages.flatMap((page) =>
    page.options.flatMap(({ names, value }) =>
      value === undefined ? [] : names.map((name) => [`'${page.name} ${name}'`, completeValue(value)] as const),
    ),
  )
  return [...Map.groupBy(cases, ([, action]) => action)].map(
    ([action, alike]) => `  ${alike.map(([pattern]) => pattern).join('|')}) ${action} ;;`,
  )
}

function operandBranch({ name, operands }: ManualPage): string {
  if (operands === 'files' || operands === 'command') return `    '${name}') ;;`
  return `    '${name}') ${operands.length === 0 ? '_exec_server_nothing' : `_exec_server_words '${operands.join(' ')}'`} ;;`
}

/** The options of all commands that take a value, as patterns for `case`. */
function valueOptions(pages: readonly ManualPage[]): string {
  const taking = pages.flatMap((page) =>
    page.options
      .filter(({ value }) => value !== undefined)
      .flatMap((option) => option.names.map((name) => `'${page.name} ${name}'`)),
  )
  return taking.join('|')
}

/** The text of the script. */
export function bashCompletion({ server, commands }: Manual): string {
  const pages = [server, ...commands]
  const commandNames = commands.map(({ name }) => name)
  const remote = commands.filter(({ operands }) => operands === 'command').map(({ name }) => `'${name}'`)
  return `# bash completion for exec-server. Made by: exec-server completions bash

_exec_server_words() {
  COMPREPLY=($(compgen -W "$1" -- "$current"))
  _exec_server_nothing
}

# Keeps bash from offering files. The bash of macOS cannot do this.
_exec_server_nothing() {
  compopt +o default 2>/dev/null
  return 0
}

_exec_server() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" command='' index operands=0
  COMPREPLY=()
  # Bash takes --option=value for three words.
  if [[ $current == '=' ]]; then
    current=''
  elif [[ $previous == '=' ]]; then
    previous="\${COMP_WORDS[COMP_CWORD - 2]}"
  fi
  if ((COMP_CWORD > 1)); then
    case "\${COMP_WORDS[1]}" in
    ${commandNames.join('|')}) command="\${COMP_WORDS[1]}" ;;
    esac
  fi
  for ((index = 2; index < COMP_CWORD && operands == 0; index++)); do
    case "$command \${COMP_WORDS[index]}" in
    ${valueOptions(pages)})
      index=$((index + 1))
      if [[ \${COMP_WORDS[index]} == '=' ]]; then index=$((index + 1)); fi
      ;;
    *' --') operands=1 ;;
    *' -'*) ;;
    *) operands=1 ;;
    esac
  done
  # What follows belongs to the command that is to run: files are offered.
  case "$command" in
  ${remote.join('|')}) if ((operands)); then return; fi ;;
  esac
  case "$command $previous" in
${valueBranches(pages).join('\n')}
  esac
  if [[ $current == -* ]]; then
    case "$command" in
${pages.map((page) => `    '${page.name}') _exec_server_words '${names(page)}' ;;`).join('\n')}
    esac
  elif ((COMP_CWORD == 1)); then
    _exec_server_words '${commandNames.join(' ')}'
  else
    case "$command" in
${pages.map(operandBranch).join('\n')}
    esac
  fi
}

complete -o default -F _exec_server exec-server
`
}
