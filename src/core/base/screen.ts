/** A terminal emulator, as the core needs it: the host has one. */
import type { TerminalSize } from '../../protocol/schemas/process.ts'
import type { ScreenSnapshot } from '../../protocol/schemas/runs.ts'

/** What an emulator shows. */
export type ScreenContent = Omit<ScreenSnapshot, 'complete'>

/** Draws a terminal's output. */
export type Screen = {
  /** Settles once the bytes have been drawn. */
  write(bytes: Uint8Array): Promise<void>
  resize(size: TerminalSize): void
  content(): ScreenContent
  dispose(): void
}
