/** A classic BPF interpreter for seccomp filters, written from the kernel's documentation, not from our assembler. */

/** A system call, as struct seccomp_data. */
export type CallData = {
  /** System call number and AUDIT_ARCH value, as unsigned 32-bit numbers. */
  nr: number
  arch: number
  /** At most six, 64 bits each. */
  args?: readonly bigint[]
}

/** One BPF instruction, as struct sock_filter. */
export type Instruction = { code: number; jt: number; jf: number; k: number }

export const KILL_PROCESS = 0x80000000
export const ALLOW = 0x7fff0000
/** The return value for SECCOMP_RET_ERRNO. */
export const errno = (number: number): number => 0x00050000 + number

/** Decodes an array of struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. */
export function readProgram(bytes: Uint8Array): Instruction[] {
  if (bytes.length % 8 !== 0) throw new Error(`${bytes.length} bytes are no program`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / 8 }, (_, index) => ({
    code: view.getUint16(index * 8, true),
    jt: view.getUint8(index * 8 + 2),
    jf: view.getUint8(index * 8 + 3),
    k: view.getUint32(index * 8 + 4, true),
  }))
}

/** The filter's return value. Throws for a program that the kernel would reject. */
export function runFilter(program: readonly Instruction[], call: CallData): number {
  const data = new DataView(new ArrayBuffer(64))
  data.setUint32(0, call.nr, true)
  data.setUint32(4, call.arch, true)
  call.args?.forEach((value, index) => data.setBigUint64(16 + index * 8, BigInt.asUintN(64, value), true))
  let accumulator = 0
  for (let at = 0; ; at++) {
    const instruction = program[at]
    if (instruction === undefined) throw new Error('ran past the end')
    const { code, jt, jf, k } = instruction
    const jump = (condition: boolean): void => void (at += condition ? jt : jf)
    switch (code) {
      case 0x20: // ld [k]
        if (k % 4 !== 0 || k >= 64) throw new Error(`load from ${k}`)
        accumulator = data.getUint32(k, true)
        break
      case 0x54: // and #k
        accumulator = (accumulator & k) >>> 0
        break
      case 0x05: // ja
        at += k
        break
      case 0x15: // jeq #k
        jump(accumulator === k)
        break
      case 0x25: // jgt #k
        jump(accumulator > k)
        break
      case 0x35: // jge #k
        jump(accumulator >= k)
        break
      case 0x45: // jset #k
        jump((accumulator & k) !== 0)
        break
      case 0x06: // ret #k
        return k
      default:
        throw new Error(`no such instruction: 0x${code.toString(16)}`)
    }
  }
}
