/** White space as in Unicode and Rust. JavaScript's `trim` includes U+FEFF and lacks U+0085. */
const AROUND = /^\p{White_Space}+|\p{White_Space}+$/gu

/** Trims like Rust's `str::trim`. */
export const trimmed = (text: string): string => text.replace(AROUND, '')
