/** Cuts what a program writes into lines. */
export function cutLines(onLine: (line: string) => void): (bytes: Uint8Array) => void {
  let held: Uint8Array[] = []
  return (bytes) => {
    let from = 0
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, from)) {
      onLine(Buffer.concat([...held, bytes.subarray(from, end)]).toString())
      held = []
      from = end + 1
    }
    if (from < bytes.length) held.push(bytes.subarray(from))
  }
}
