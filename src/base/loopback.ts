/** Loopback hosts and addresses, which only this machine can reach. */

const IPV4_LOOPBACK = /^127(\.\d{1,3}){3}$/

/** 127.0.0.0/8 as IPv4-mapped IPv6 addresses, in the spelling of the URL parser. */
const MAPPED_LOOPBACK = /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/

/** Whether a host, as `URL.hostname` spells it, is `localhost`, in 127.0.0.0/8, or `[::1]`. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || IPV4_LOOPBACK.test(hostname)
}

/** Whether a literal IP address, in any spelling, is in 127.0.0.0/8, also mapped to IPv6, or ::1. */
export function isLoopbackAddress(address: string): boolean {
  if (IPV4_LOOPBACK.test(address)) return true
  // The URL parser normalizes IPv6 addresses. It rejects zone identifiers, which loopback addresses do not need.
  const url = `http://[${address}]`
  if (!address.includes(':') || !URL.canParse(url)) return false
  const { hostname } = new URL(url)
  return hostname === '[::1]' || MAPPED_LOOPBACK.test(hostname)
}
