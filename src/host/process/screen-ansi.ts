/**
 * Draws the cells of a terminal emulator with control sequences. Each row is positioned, so that the result depends
 * neither on how its text was wrapped nor on the modes of the terminal that it is drawn on.
 */
import type { IBuffer, IBufferCell, IBufferLine, IModes } from '@xterm/headless'

/** What is drawn around the cells. Rows and columns are counted from 1. */
export type DrawingState = {
  modes: IModes
  /** First and last row of the scrolling region; undefined: all rows. */
  region: { top: number; bottom: number } | undefined
  /** Sequences that set the attributes of what is written next. */
  pen: string
  isCursorVisible: boolean
}

/** Clears the terminal, and what would distort the drawing: region, origin, insert mode and attributes. */
const CLEAR = '\x1b[r\x1b[?6l\x1b[?7h\x1b[4l\x1b[m\x1b[H\x1b[2J'

/** Draws both buffers, the active one last. */
export function drawScreen(normal: IBuffer, active: IBuffer, rows: number, state: DrawingState): string {
  const { modes, region, pen, isCursorVisible } = state
  const alternate = active.type === 'alternate' ? `\x1b[?1049h${CLEAR}${drawRows(active, rows)}` : ''
  const { top, bottom } = region ?? { top: 1, bottom: rows }
  const cursorRow = active.cursorY + (modes.originMode ? 2 - top : 1)
  return [
    `${CLEAR}${drawRows(normal, rows)}${cursorTo(normal.cursorY + 1, normal.cursorX + 1)}`,
    alternate,
    region === undefined ? '' : `\x1b[${top};${bottom}r`,
    modesText(modes),
    // A terminal puts the cursor home when the region or the origin changes.
    cursorTo(cursorRow, active.cursorX + 1),
    pen,
    isCursorVisible ? '\x1b[?25h' : '\x1b[?25l',
  ].join('')
}

const cursorTo = (row: number, column: number): string => `\x1b[${row};${column}H`

function drawRows(buffer: IBuffer, rows: number): string {
  let text = ''
  for (let row = 0; row < rows; row++) {
    const line = buffer.getLine(buffer.baseY + row)
    const drawn = line === undefined ? '' : drawRow(line)
    if (drawn !== '') text += `${cursorTo(row + 1, 1)}${drawn}`
  }
  return text
}

function drawRow(line: IBufferLine): string {
  let [text, style, drawnLength] = ['', '', 0]
  let cell: IBufferCell | undefined
  for (let column = 0; column < line.length; column++) {
    cell = line.getCell(column, cell)
    // The second half of a wide character has no width.
    if (cell === undefined || cell.getWidth() === 0) continue
    const next = styleOf(cell)
    if (next !== style) text += `\x1b[0${next}m`
    style = next
    const characters = cell.getChars()
    text += characters === '' ? ' ' : characters
    // What is blank behind this was cleared.
    if (characters !== '' || style !== '') drawnLength = text.length
  }
  return text.slice(0, drawnLength) + (style === '' && drawnLength === text.length ? '' : '\x1b[m')
}

/** Parameters of SGR, each with a semicolon in front. */
function styleOf(cell: IBufferCell): string {
  return [
    cell.isBold() ? ';1' : '',
    cell.isDim() ? ';2' : '',
    cell.isItalic() ? ';3' : '',
    cell.isUnderline() ? ';4' : '',
    cell.isBlink() ? ';5' : '',
    cell.isInverse() ? ';7' : '',
    cell.isInvisible() ? ';8' : '',
    cell.isStrikethrough() ? ';9' : '',
    cell.isOverline() ? ';53' : '',
    color(cell.getFgColor(), cell.isFgRGB(), cell.isFgPalette(), 30),
    color(cell.getBgColor(), cell.isBgRGB(), cell.isBgPalette(), 40),
  ].join('')
}

/** `base`: 30 for the foreground, 40 for the background. */
function color(value: number, isRgb: boolean, isPalette: boolean, base: number): string {
  if (isRgb) return `;${base + 8};2;${(value >> 16) & 255};${(value >> 8) & 255};${value & 255}`
  if (!isPalette) return ''
  if (value < 8) return `;${base + value}`
  return value < 16 ? `;${base + 60 + value - 8}` : `;${base + 8};5;${value}`
}

const MOUSE = { none: '', x10: '\x1b[?9h', vt200: '\x1b[?1000h', drag: '\x1b[?1002h', any: '\x1b[?1003h' } as const

function modesText(modes: IModes): string {
  return [
    modes.applicationCursorKeysMode ? '\x1b[?1h' : '',
    modes.applicationKeypadMode ? '\x1b=' : '',
    modes.bracketedPasteMode ? '\x1b[?2004h' : '',
    modes.insertMode ? '\x1b[4h' : '',
    MOUSE[modes.mouseTrackingMode],
    modes.originMode ? '\x1b[?6h' : '',
    modes.reverseWraparoundMode ? '\x1b[?45h' : '',
    modes.sendFocusMode ? '\x1b[?1004h' : '',
    modes.wraparoundMode ? '' : '\x1b[?7l',
  ].join('')
}
