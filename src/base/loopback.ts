/** Loopback hosts, as `URL.hostname` spells them. */

/** Whether the host is `localhost`, in 127.0.0.0/8, or `[::1]`. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}
