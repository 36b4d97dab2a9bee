/** The completion for zsh: to be loaded from a folder of `fpath`, or with `source`. */
import { shortHelp } from './manual.ts'
import type { Manual, ManualOption, ManualPage, OptionValue } from './manual.ts'

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Escapes what has a meaning in a specification of _arguments. */
const escaped = (text: string): string => text.replace(/[\\[\]:]/g, '\\$&')

function action({ isFile, choices }: OptionValue): string {
  if (choices.length > 0) return `(${choices.join(' ')})`
  return isFile ? '_files' : ' '
}

/** A specification of _arguments for each name of the option. */
function specifications({ names, value, isRepeatable, help }: ManualOption): string[] {
  const others = names.length > 1 && !isRepeatable ? `(${names.join(' ')})` : ''
  return names.map((name) => {
    const separator = name.startsWith('--') ? '=' : '+'
    const takes = value === undefined ? '' : `:${escaped(value.name)}:${action(value)}`
    const head = `${isRepeatable ? '*' : others}${name}${value === undefined ? '' : separator}`
    return quoted(`${head}[${escaped(shortHelp(help))}]${takes}`)
  })
}

function operands({ operands: kind }: ManualPage): string[] {
  if (kind === 'files') return ["'*:file:_files'"]
  // Behind the command's name, options are its own.
  if (kind === 'command') return ["'(-)1:command: _command_names -e'", "'*:argument:_files'"]
  return kind.length === 0 ? [] : [quoted(`1:argument:(${kind.join(' ')})`)]
}

const argumentsCall = (page: ManualPage): string =>
  `_arguments -S : ${[...page.options.flatMap(specifications), ...operands(page)].map((each) => `\\\n        ${each}`).join(' ')}`

const branch = (page: ManualPage): string => `    ${page.name})
      shift words
      ((CURRENT--))
      ${page.options.length + operands(page).length === 0 ? '_message "no arguments"' : argumentsCall(page)}
      ;;`

/** The text of the script. */
export function zshCompletion({ server, commands }: Manual): string {
  return `#compdef exec-server
# zsh completion for exec-server. Made by: exec-server completions zsh

_exec_server() {
  local context state state_descr line
  typeset -A opt_args
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    local -a commands
    commands=(
${commands.map(({ name, summary }) => `      ${quoted(`${name}:${escaped(summary)}`)}`).join('\n')}
    )
    _describe -t commands command commands
    return
  fi
  case $words[2] in
${commands.map(branch).join('\n')}
    *)
      ${argumentsCall(server)}
      ;;
  esac
}

# Loaded from fpath, this file is the function's body; otherwise it defines the function.
if [[ $funcstack[1] == _exec-server ]]; then
  _exec_server "$@"
else
  compdef _exec_server exec-server
fi
`
}
