/** The terminal emulator: xterm without a display. Loaded when the first screen is drawn. */
import xterm from '@xterm/headless'
import type { Terminal } from '@xterm/headless'
import type { Screen, ScreenContent } from '../../core/base/screen.ts'
import type { TerminalSize } from '../../protocol/schemas/process.ts'
import { drawScreen } from './screen-ansi.ts'
import type { DrawingState } from './screen-ansi.ts'

/** DECTCEM, the mode in which the cursor is visible. */
const CURSOR_VISIBLE = 25
/** SGR encoding of the mouse. */
const SGR_MOUSE = 1006

/** Characters of a title: longer ones are a program's mistake. */
const MAX_TITLE = 1000

/** Sequences of attributes remembered since the last reset of all: programs reset them at the latest on a new line. */
const MAX_PEN = 64

/** What the emulator does not tell of its state. `pens`: the sequences of attributes since they were last reset. */
type Tracked = Omit<DrawingState, 'modes' | 'pen'> & { title: string; pens: string[]; isMouseSgr: boolean }

/** Opens an emulator that shows what a terminal of this size shows, without what has scrolled off. */
export function openTerminalEmulator({ rows, columns }: TerminalSize): Screen {
  const terminal = new xterm.Terminal({ rows, cols: columns, scrollback: 0, allowProposedApi: true })
  const state = track(terminal)
  const content = (): ScreenContent => {
    const { active, normal } = terminal.buffer
    const { rows, cols, modes } = terminal
    const { isCursorVisible: visible, title } = state
    return {
      rows,
      columns: cols,
      lines: Array.from(
        { length: rows },
        (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? '',
      ),
      ansi:
        drawScreen(normal, active, rows, { ...state, modes, pen: state.pens.join('') }) +
        (state.isMouseSgr ? `\x1b[?${SGR_MOUSE}h` : ''),
      cursor: { row: active.cursorY, column: active.cursorX, visible },
      title,
      alternate: active.type === 'alternate',
    }
  }
  return {
    write: (bytes) => new Promise((resolve) => terminal.write(bytes, resolve)),
    resize: ({ rows, columns }) => {
      state.region = undefined
      terminal.resize(columns, rows)
    },
    content,
    dispose: () => terminal.dispose(),
  }
}

/** Follows what the emulator handles, too: each handler returns false, so that it does. */
function track(terminal: Terminal): Tracked {
  const initial = (): Omit<Tracked, 'title'> => ({
    region: undefined,
    pens: [],
    isCursorVisible: true,
    isMouseSgr: false,
  })
  const state: Tracked = { title: '', ...initial() }
  const { parser } = terminal
  terminal.onTitleChange((text) => (state.title = text.slice(0, MAX_TITLE)))
  const reset = (): false => {
    Object.assign(state, initial())
    return false
  }
  parser.registerEscHandler({ final: 'c' }, reset)
  parser.registerCsiHandler({ intermediates: '!', final: 'p' }, reset)
  for (const [final, isSet] of [
    ['h', true],
    ['l', false],
  ] as const) {
    parser.registerCsiHandler({ prefix: '?', final }, (params) => {
      if (params.includes(CURSOR_VISIBLE)) state.isCursorVisible = isSet
      if (params.includes(SGR_MOUSE)) state.isMouseSgr = isSet
      return false
    })
  }
  parser.registerCsiHandler({ final: 'r' }, ([top, bottom]) => {
    state.region = { top: Number(top) || 1, bottom: Number(bottom) || terminal.rows }
    if (state.region.top === 1 && state.region.bottom >= terminal.rows) state.region = undefined
    return false
  })
  parser.registerCsiHandler({ final: 'm' }, (params) => {
    const text = params
      .map((each) => (Array.isArray(each) ? `:${each.join(':')}` : `;${each}`))
      .join('')
      .slice(1)
    if (/^0*(?:;|$)/.test(text)) state.pens.length = 0
    if (state.pens.push(`\x1b[${text}m`) > MAX_PEN) state.pens.shift()
    return false
  })
  return state
}
